// Package relay is the box's own SMTP client: it hands messages over to other
// servers.
//
// What comes in: a mail.Job, one message on its way to one hop. What goes out: a
// mail.Attempt for each recipient, with what became of it, the other server's own
// words and how the connection was protected. There is never an error beside: what
// is not known is deferred.
//
// # Where to
//
// The hop's MX hosts by preference, those of one preference in any order; without MX
// records the domain itself; a null MX (RFC 7505) fails. An MX list is cut where this
// box stands in it. IPv6 and IPv4 addresses are taken in turn. An address literal is
// called as it stands. A Route can name a smart host instead. A server that can't be
// reached, refuses everybody, or answers 4xx gives way to the next; at most two are
// given the envelope in one Send. A message fails if a server refused it with 5xx
// once it had heard the envelope, or if all servers refuse to talk; in any other
// case it is deferred.
//
// # TLS
//
// A server is held to the strongest promise there is. DANE (dane.go) where DNSSEC
// proves the MX record, the address and a TLSA record: usages 2 and 3, and no
// way back to the clear. Else MTA-STS (mtasts.go), if the domain has a policy: fetched
// over HTTPS, kept in memory for its max_age, asked for again after a day or when its id
// changes. Else opportunistic TLS (opportunistic.go): any certificate, or none. What
// came of it goes to a Sink as Evidence, which is what TLS-RPT counts.
//
// A smart host's certificate has to hold, or its key is pinned (smarthost.go).
//
// # What is decided
//
//   - 8-bit text goes to a server without 8BITMIME as it is: all servers in use pass it
//     on, and re-encoding would break its DKIM signatures. BODY=8BITMIME is said unless
//     the message is known to be ASCII.
//   - A message that needs SMTPUTF8 fails with 5.6.7 where no server takes it. A domain
//     outside ASCII is said as A-labels.
//   - Every line leaves with CRLF; a bare LF becomes CRLF, a bare CR a blank. With
//     CHUNKING messages go in BDATs, where no dots are stuffed.
//   - Wishes go on where they are offered. DELIVERBY with return and REQUIRETLS fail where
//     no server can promise them; whether the next server sends reports (DSN) is told in
//     Attempt.Reports.
//   - A connection lost between the end of the message and the answer leaves open
//     whether it arrived: it is deferred, and Reply.Text says that it may arrive twice.
//   - A refused log-in at a smart host defers: it is the office's own mistake.
//
// Connections are kept for half a minute for the next message to the same hop or over
// the same smart host, at most 64 in all; a connection found dead at its first command
// costs nothing but another one.
//
// Waits are those of RFC 5321 §4.5.3.2; what a server may say is bounded in lines, bytes
// and time (limits.go).
//
// Durability: none; whoever calls Send records what comes of it. Concurrency: a Client
// may be used by any number of goroutines; how many talk to one hop is for the caller to
// bound.
//
// Standards: RFC 5321, 1870 (SIZE), 2034 and 3463 (enhanced status codes), 2852
// (DELIVERBY), 2920 (PIPELINING), 3030 (CHUNKING), 3207 (STARTTLS), 3461 (DSN), 4954
// (AUTH), 5802 and 7677 (SCRAM), 6152 (8BITMIME), 6531 (SMTPUTF8), 6710 (MT-PRIORITY),
// 6698, 7671 and 7672 (DANE), 7435 (opportunistic security), 7505 (null MX), 8314
// (implicit TLS), 8460 (what TLS-RPT counts), 8461 (MTA-STS), 8689 (REQUIRETLS), 9422
// (LIMITS).
package relay
