// Package dovecot runs Dovecot as Debian ships it beside the box, for tests: as a mail server to collect from, as one to
// compare with, and as a second opinion on what IMAP is.
//
// In: a root of package debroot that has Dovecot's packages, and a configuration. Out: a server that lives in mount and
// process namespaces of its own, in that root, with empty mailboxes in /var/vmail, a certificate for 127.0.0.1 and the
// authority that signed it. Nothing is installed and no maintainer script is run. It needs root, Debian and, the first
// time, the network; errors say which is missing.
//
// One process may use a root at a time. A server's methods may be called from any goroutine.
package dovecot
