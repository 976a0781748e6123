// Package sharing shows people the mailboxes that others have opened to them, among
// their own.
//
// What comes in: the accounts of the store, one at a time, and the directory's grants.
// What goes out: for each log-in an [Account] that the IMAP server serves as if it
// were one (RFC 4314, RFC 2342); and for the pages, who shares what with whom.
//
// # Names and numbers
//
// A mailbox of somebody else is called "Other Users/", its owner's address, "/" and the
// name it has there. Its numbers, those of its mails and conversations too, are the
// owner's number × 2⁴⁰ + the number there: they stay for as long as the mailbox and the
// message do (RFC 8474), and are never those of anything else that the log-in sees. UIDs,
// UIDVALIDITY and mod-sequences are the owner's as they are. An own mailbox whose name
// begins with "Other Users", made before there was sharing, stays what it is, and goes
// before another's of the very same name; a new one of such a name can't be made.
//
// # Rights
//
// Every call asks the directory anew, from memory: what is taken away ends at once, in
// sessions that have the mailbox open as well. A reading that is under way asks again
// every [rowsPerAsking] messages. Who lacks a right gets mail.ErrNoRight, or without the
// right to look mail.ErrNoMailbox, as for a mailbox that is not there; who has some right
// but not that one is told only that.
//
//	l  listed, subscribed         r  opened, read, searched, copied from; its size and quota
//	s  \Seen                      w  other flags, keywords, shared annotations
//	i  appended and copied to     p  (mailboxes have no addresses here)
//	k  mailboxes made below       x  deleted, renamed (with k on what will be above it)
//	t  \Deleted                   e  expunged; moved from with r, t and e
//	a  who may do what there
//
// Flags that somebody may not set are left out where messages are appended or copied;
// a change of flags changes those he may, and fails if he may none of them. There is
// one state for everybody: whoever reads a message may mark it as seen for all.
//
// A mailbox made below another's has the grants of that one (a crash in between leaves
// one that only the owner sees); one that its owner makes has none. Private annotations and special uses are the owner's and not shown;
// subscriptions are the log-in's own. What is deleted or expunged can be put back by
// the owner, in whose account it was.
//
// # Copying between accounts
//
// Messages are read and appended, at most [batchMessages] or [batchBytes] at a time, as
// new ones: with their flags and their date of receipt. What can't all be copied is
// taken back; a crash in between leaves what had come so far. A move takes away what
// was copied, after that is durable: a crash in between leaves it in both mailboxes.
//
// # Concurrency
//
// All methods may be called from any goroutine. An account of somebody who shares
// nothing costs one comparison per call.
package sharing
