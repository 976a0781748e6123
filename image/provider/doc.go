// Package provider has the tests in which the box collects mail from a real mail server, and mailboxes move in from it:
// Dovecot as Debian ships it, by POP3 and IMAP, over TLS by a certificate authority that the test makes and maild is
// told to believe. It holds no code but for that.
//
// In: nothing; package dovecot starts the server. Nothing is
// installed, no maintainer script is run, and the server lives in mount and process namespaces of its own, which end
// with the test. This needs root, Debian and the network; where one is missing the tests are skipped and say so, and
// with SANDUK_SYSTEM=1, as the test script sets it, that is a failure.
//
// maild is killed again and again while it collects; at the end every message is in its mailbox once. SANDUK_LONG=1
// does that with ten times as many.
package provider
