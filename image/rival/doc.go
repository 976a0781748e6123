// Package rival has the benchmarks that set the box's mail service beside another: Postfix and Dovecot, as Debian ships
// them, with LMTP between them and Maildir below. It holds no code but for that.
//
// In: nothing; package debroot unpacks Debian's packages into a directory that the servers then take for the root. Nothing is installed, no maintainer script is run,
// and the servers live in their own mount and process namespaces, which end with the benchmark. This needs root and
// Debian; where one is missing, that part is skipped and says so.
//
// Out: messages delivered per second, from the first connection's first command to the last message's being in its
// mailbox: at 1, 8 and 64 connections that are kept open, with the same senders, the same messages, on the same disk,
// each server in a process of its own beside the senders', all taking turns. A server that takes messages and throws them away shows what
// the senders and the protocol alone allow; the disk's own rates stand beside.
//
// For mail that leaves, it is 10,000 messages of 4 KiB that 64 people hand in, to the next server's last 250: the box and
// Postfix relay to the same one, in turns. The box's people log in over TLS, and it signs each message twice (RSA-2048,
// Ed25519); Postfix as shipped does neither. So that like stands beside like, the same Postfix has OpenDKIM sign (RSA-2048)
// what comes at a second port: that is the figure.
//
// For mail that is read, it is Dovecot (package dovecot) with the configuration of its packages, Maildir, and login
// processes as its documentation recommends them for many connections; what that adds stands in testdata/local.conf. The
// same messages are appended to both over IMAP, each command is given once for nothing, then in turns; all is over TLS.
// Memory and processors are those of all processes of each server. Dovecot takes any password for right without a look,
// so its log-ins are as quick as they can be.
//
// Both do what they promise before they answer: the box has a message in its mailbox when it says 250; Postfix has it in
// its queue, and brings it into the mailbox afterwards.
package rival
