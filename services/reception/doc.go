// Package reception admits connections to a mail server: it accepts them,
// counts them, turns away what is too many, and lets them go at shutdown.
//
// In come listeners; out go sessions, each run in a goroutine of its own. What a
// session says is the protocol server's; that there is a bound on how many run,
// in all and for each address, and that a shutdown reaches every one of them,
// is decided here once for SMTP, IMAP and POP3. The same place ends an account's
// sessions when it has to be left.
//
// A Desk may be used by any number of goroutines.
package reception
