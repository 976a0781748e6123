// Package queue keeps mail that is on its way out: it is tried, tried again, and
// reported on, until every recipient's fate is known.
//
// What comes in: items, each one message for some recipients, in a record that may be
// joint with the same message's local deliveries ([Queue.Entry]). What goes out: jobs
// for a [Sender], reports through [Post], and for people what stands where ([Queue.List],
// [Queue.Stats]).
//
// # Durability
//
// Every change is one record of family Queue. What came of a try is durable before
// anything else is done with the recipient: only a cut between the other server's 250
// and that record can have a message sent twice. A report is in one record with the
// note that it is not owed any more: it is made once. The index (queue.db, bbolt) only
// spares reading the log from its beginning: it is written by and by, in one
// transaction with the LSN up to which it is complete, and made anew from the log when
// it is missing or damaged.
//
//	state of a recipient   what it waits for                    after a crash
//	queued                 its next try, or the end of its time tried when due; at once if that was in between
//	held                   somebody's release                   the same
//	held, Hop "(kept)"     being handed back ([Queue.Hand])     the same
//	queued, Hop "(later)"  its sender's time ([Resumer])        handed on when due; at once if that was in between
//	relayed, delivered     perhaps a report                     the report is made
//	failed                 perhaps a report                     the report is made
//	dropped                nothing; kept, perhaps a report      the report is made
//
// An item goes when no recipient waits for anything. Its body lives for as long as it
// is here ([Queue.Live]).
//
// # Scheduling
//
// One goroutine decides what is tried ([Queue.Run]). Recipients of an item with the
// same Hop are one job; each Hop has its jobs in order of time, of those that are due
// the one with the highest priority first, and Hops take turns. When several messages
// in a row find nobody at a Hop it counts as dead: one message at a time probes it, the
// others wait, and go at once when somebody answers. Where servers of several Hops were
// not reached and then one answers, it was the line: what waited for the others goes at
// once, too. Their time passes meanwhile. Hops whose mail goes by one
// smart host ([Options.Way]) are together what one Hop is otherwise; an item remembers
// its Hop only, and goes the way that holds when it is sent ([Queue.Replan]). Of an item that waits only some hundred bytes are in memory.
//
// While the window is closed ([Options.Window]) nothing is begun but what somebody wants to
// go ([Queue.Rush], [Queue.Retry]); an item's schedule counts from when it is open first.
//
// An item's age is the time that passed, whatever the clock does: when that is set by
// ten minutes or more, and when a start finds that more than a day has gone by, the
// items that came before are counted as younger by as much (leap.go). The index keeps
// the leaps; without it the latest time in the items tells of the last one.
//
// # Reports
//
// After four hours the sender is told that it takes long, after five days, or when
// another server refuses for good, that it failed, both as far as he wishes (RFC 3461
// §4.1). What fails of mail without a sender, and reports that nobody takes, go to the
// postmaster, once.
//
// # Format
//
// A payload begins with the version: 1, or 2 where somebody asked for tries. Numbers are unsigned varints where nothing else
// is said, "signed" are zigzag varints, times signed Unix nanoseconds with 0 for none,
// strings a length and their bytes, addresses two strings (local part, domain).
//
// Type 1, add: number of items, then for each its ID (16 bytes), the message's ID (16
// bytes), flags (1 byte: 8BITMIME, SMTPUTF8, REQUIRETLS, of DELIVERBY that it
// notifies and that it traces, junk, collected, collected before), sender, RET (1 byte), ENVID, priority (signed), hold until (time), by
// (time), account, accepted (time), prefix (string), segment and ordinal of the body,
// size, number of recipients, and these.
//
// Types 2 (attempt), 3 (expire), 4 (report), 5 (hold), 6 (release), 7 (retry), 8 (drop)
// and 9 (redirect): ID of the item (16 bytes), number of recipients changed, then for
// each its index and what it is now.
//
// Type 10, floor: an LSN. All items of records up to there have gone: compaction may
// have let go of the records that say so one by one. A record of any other type is a
// later version's, and stops Open (mail.ErrNewer).
//
// A recipient: address, NOTIFY (1 byte), ORCPT, Hop (string), state (1 byte), flags (1
// byte: told of delay, told of DELIVERBY, tried, asked for), report that is owed (1 byte), next try
// (time); where tried: tries, fate (1 byte), flags (1 byte: the next server reports),
// reply's code, status and text, status, server (string), its address (string: IP and
// port as package netip marshals them), TLS (string), at (time), took (signed
// nanoseconds); in version 2, where tries were asked for: how many of the tries, and when
// the schedule has the next (time; none: it is the next).
//
// queue.db: bucket "meta", key "seen": CRC32 (IEEE, big-endian) of what follows, LSN (8
// bytes big-endian), number of items (likewise; not in the first indexes). Bucket "items", keyed by ID: CRC32 of key and what follows,
// version 2, LSN of the record that brought it, item, and for each recipient the number
// of attempts (24 at most) and these, oldest first, as above: records have the last one
// only. Values of version 1 end behind the item; in version 3 tries were asked for, as
// above.
//
// Concurrency: all methods may be called from any goroutine.
//
// Standards: RFC 5321 §4.5.4 (retries), RFC 3461 (which reports are wanted), RFC 2852
// (DELIVERBY), RFC 4865 (FUTURERELEASE).
package queue
