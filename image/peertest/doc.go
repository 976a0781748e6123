// Package peertest has the tests in which the box exchanges mail with the servers that most of the world runs: Postfix,
// Exim and OpenSMTPD, as Debian ships them. It holds no code but for that.
//
// The test makes a small Internet: a network namespace for the box, one for each peer, and one for everybody else,
// joined by a bridge. DNS is authoritative and signed from a root of its own, whose keys maild is given (--dns-anchor).
// The peers are unpacked by package debroot, and live in these directories; nothing is installed, and all ends with the
// test's own process namespace. Mail goes both ways: the test submits it to one side, as people do, and looks for it in
// the mailboxes of the other. At the end a table says what worked with whom.
//
// What is decided in DNS and by certificates is told by names below each peer's domain, all served by the same program:
//
//	plain.PEER     a host that does not offer STARTTLS
//	down.PEER      a host with an address that is not there, until the test adds it
//	dane.PEER      a TLSA record that matches
//	danebad.PEER   a TLSA record that does not: nothing may be delivered
//	sts.PEER       an MTA-STS policy whose host has a certificate for its name
//	stsbad.PEER    an MTA-STS policy whose host has not: nothing may be delivered
//
// Second opinions: Exim signs with DKIM what it sends, and the box judges that; what the box signs is verified by
// Debian's python3-dkim, and where it comes from by python3-spf, asking the same DNS.
//
// With SANDUK_LONG=1 letters of 10 MiB go each way, too, and 200 small ones each way with each peer while maild is killed
// again and again.
//
// The tests need root, Debian and, the first time, the network. With -short they are skipped; where something is missing
// they are skipped and say so, and with SANDUK_SYSTEM=1, as the test script sets it, that is a failure.
package peertest
