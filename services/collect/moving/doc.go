// Package moving copies people's mailboxes from an IMAP server to this box, again
// and again until the day on which they change over.
//
// What comes in: a [Move]: whose mail, and how to log in where it is. What goes out:
// messages in that person's mailboxes, with their flags, keywords and dates; how far
// it is ([Status]). The provider's mailbox is opened for reading only.
//
// # Again
//
// The second time only what is new is fetched. Of what was fetched before, flags that
// have changed at the provider are changed here, and what has been deleted or moved
// away there is deleted here: until the change-over the provider's mailbox is the one
// that people work in. What is deleted can be brought back as everything can. Nothing
// is deleted when a folder is gone there, or is empty all of a sudden.
//
// # Nothing twice
//
// What has come is noted in moving.db after it is durable here. When the power goes
// between the two, or the file is lost, or the provider gives its messages new
// numbers, a message is fetched again and found to be one of those in its folder that
// stand for none at the provider yet, byte for byte; so nothing is doubled and nothing
// is left out.
//
// # Folders
//
// A folder goes where the same use is made of it (RFC 6154, or by its name), else to
// one of the same name; levels are those of the provider's separator. Names are
// decoded from modified UTF-7 by the client. A folder of all mail (Gmail's) is read
// last: of it comes what no other folder had, by what its header says and its size,
// into the archive. Views of others (flagged, important) are left out beside it.
//
// # Index
//
// moving.db (bbolt), which nothing else depends on, and which is made anew when it is
// damaged. A bucket for each move (account, host and user: the beginning of the
// SHA-256, 16 bytes), in it:
//
//	"F" name's SHA-256 (16 bytes) → UIDVALIDITY (4), mailbox here (4)
//	"U" likewise, UID (4)         → mailbox here (4), UID here (4), flags (8)
//	"L" mailbox here (4), UID (4) → nothing: a message there stands for this one
//
// In the bucket "status", for each account (4) its last move: version byte 1, JSON of
// its [Status], written at its beginning, after each batch and folder, and at its end.
//
// Numbers are big-endian; flags are the beginning of the SHA-256 of their names. What
// an "all mail" folder has beside others is found out anew each time.
//
// Durability: what [Status] counts as copied is on disk, and so is the Status. A move that
// was under way at a restart has stopped: the password at the provider is kept nowhere. Concurrency: a [Mover] may
// be used by any number of goroutines; two moves run at a time, others wait.
//
// Standards: RFC 3501, 9051 (IMAP), 6154 (special use), 4315 (UIDPLUS is not needed).
package moving
