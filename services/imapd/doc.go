// Package imapd serves IMAP: IMAP4rev1 and IMAP4rev2 on the same port.
//
// In: connections. What comes over them is read by package wire within limits
// (limits.go); a command is looked up in the command table (command.go), asked
// whether it may be given in the session's state, only then parsed, and run. One
// file holds one command.
//
// Out: calls to the Account that Options.Open gives for whoever has logged in,
// and its answers as responses. imapd keeps no mail itself: a session holds a
// view, the UIDs of the selected mailbox in the order that its client knows
// them, and asks the Account what has changed since (update.go). So nothing that
// happens elsewhere can be missed, and nobody who changes something waits for a
// client.
//
// Durable: a tagged OK says that what the command changed is on disk, because
// the Account's methods return only then. A message that is being appended
// lives in a draft until then.
//
// Concurrent: a Server and its Accounts serve any number of connections, each in
// its own goroutine; IDLE, and NOTIFY between commands, have a second one that
// pushes. A panic ends its connection, is logged and counted (Server.Panics).
//
// Errors: one type, Error, turned into a response at one place, replyTo. What is
// not foreseen is NO [UNAVAILABLE] for the client and a line in the log.
//
// Standards: RFC 9051 and RFC 3501; the table in capability.go names those of
// the extensions with the file of each. Further: RFC 2180 (several sessions on
// one mailbox: a FETCH, STORE or COPY by number of a message that another
// session has expunged answers for the others and ends in NO [EXPUNGEISSUED];
// a mailbox that is deleted ends the sessions that have it selected), RFC 5530
// (response codes), RFC 7889 (APPENDLIMIT), RFC 8314 (implicit TLS).
//
// Orders: texts are compared as i;unicode-casemap has it, by their first 998
// bytes. Of References the last 20 count.
//
// Not as a standard has it: lines must end in CR LF, a bare one ends the
// connection, so that nobody can argue where a command begins. SELECT leaves
// out [UNSEEN] in very large mailboxes, as RFC 3501 allows. \Recent lives in
// memory (recent.go). MULTIAPPEND takes fewer messages than MESSAGELIMIT says, and
// ESEARCH in several mailboxes looks at each as a whole (messagelimit.go). There
// are no annotations: NOTIFY takes their events, and nothing comes of them.
package imapd
