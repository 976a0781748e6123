// Package store is the mail of all accounts on disk: mailboxes, messages, flags,
// threads, and what has changed since when. storetest has its contract.
//
// What comes in: deliveries and the changes that IMAP, POP3 and the web ask for,
// in the words of package mail; bodies as finished drafts.
//
// What goes out: rows, opened messages, changes since a ModSeq or a Position,
// wake-ups.
//
// What is durable on return: everything that was asked for, by one sync that all
// who wait share (package journal). An error means that nothing was changed;
// only SetFlags and Expunge of more than 16,384 messages go in several steps.
//
// Concurrency: every method may be called from any goroutine. Changes are
// decided and applied by the goroutine that commits for the journal, one at a
// time (here: the commit goroutine, whoever's it is). Readers never wait for the
// disk's sync and see nothing that is not durable: while a batch
// is under way its effects are in a pending layer that only the commit goroutine
// looks into, so that whoever comes later in the batch builds on them; after the
// sync they are written into the account itself, and watchers are woken. A message
// to many is acknowledged before that: every method that reads waits at its start for
// what has been acknowledged, so that nobody who heard of it misses it. No lock
// is held while a consumer of Rows or an opened message is slow.
//
// To which thread a new message belongs the index is asked only for message IDs that
// a Bloom filter of all accounts' IDs (4 MiB, in memory only) may know: nearly none.
// It is filled from the indexes of loaded accounts in the background, up to 16 million
// IDs; an account that is not in it yet, or never, is asked itself.
//
// Standards: RFC 9051 and 3501 (mailboxes, UIDs, flags), RFC 7162 (ModSeq,
// vanished), RFC 6851 (move), RFC 8474 (object IDs), RFC 8514 (save date), RFC
// 3502 (several messages in one append).
//
// # Log and index
//
// The log holds everything: it alone would do. An account's index
// (accounts/<number>/index.db, bbolt) is there to find things and to start
// quickly. Between checkpoints, what has changed is in memory only, in the
// account's overlay; a checkpoint writes it into the index in one synced
// transaction, after 4,000 changes, after a second's rest, after half a minute,
// and at Close. accounts/registry says from which LSN on the next start has to
// read the log; each index says itself what it has, so a record is never applied
// twice. What is lost of these files is made again from the log, with the same
// UIDs, flags and mailboxes, under the name index.db.building until it is whole.
// A rebuild begins at the account's newest snapshot in the log that can be read.
// Where the log has lost a record, which shows by a ModSeq that does not follow
// the one before it, a rebuild takes what there is: ops on messages that are lost
// are left out, a mailbox whose making is lost is called "Recovered mN", and at
// the end UIDs, emails and threads go on 2^20 further, mailboxes 2^12, and the
// feed begins anew.
// An index that is ahead of the log is made again too: after the log was put back,
// new records and bodies get the numbers that the index has of others.
//
// On a disk without room for an index that has to be made, the damaged one makes
// room; then the account is made in memory, up to 100,000 changes, and of all accounts
// four times that, and written when there is room; a larger one can't be used until then (Unready). With
// Options.ReadOnly nothing is written at all: indexes are read, and made in memory
// where they are no good. What a process that was cut short has left in an account's
// directory (index.db.new, .building, .checking, .shrunk, snapshot.building) is removed
// by the next Open.
//
// # The states of a message
//
//	state       where it is                        who moves it on       after a power cut it is
//	draft       spool or memory                    Deliver, Append       gone: nobody was told
//	staged      large: body in a segment;          the commit goroutine  gone; compaction takes the body
//	            small: memory
//	written     record in the log, not synced      the sync              there or gone, whole either way
//	durable     record in the log, in no index     a checkpoint          there: read from the log
//	indexed     log and rows of the index          Expunge, Move         there
//	expunged    log and, with all of its row,      Restore, Expire       expunged, can be put back
//	            "expunged" of the index
//	expired     log: its record says until where   the sweep of Expire   gone for good; the rest of it leaves
//	            all is gone; rests of the index                          the index with the next Expire
//	dead        log: record and body               Journal.Compact       gone for good
//	dropped     log: the record without a body, or one that stands for   gone for good
//	            many, when a snapshot has what else it said
//
// A mailbox that is deleted keeps its rows, marked as gone with its mailbox.
//
// A body is shared by all its recipients and copies. An email is one body in one
// account, with the header lines in front that are this account's; entries in
// mailboxes refer to it, and the index counts them (live, and expunged but kept).
//
// # Undo
//
// What is expunged, moved away, in a deleted mailbox or a removed account can be
// put back for Options.Retention from the time of its record. An expunged row
// stays as it is, also when its email is back: it is the history of one entry,
// and ends with the retention. Putting back makes a new entry of the same email;
// the op says all of the row, so that replaying it needs no row that is gone. It
// is decided on the commit goroutine: an email may come back when it has a living
// entry, or had its last one less than the retention ago. Whoever removes emails
// for good must leave alone what is younger than that.
//
// "As it was at a moment" is read from the log, from the last snapshot before it: a lean copy of the account
// without index and bodies is brought up to the record that leaves the fewest
// younger ones before it and older ones behind it, so that a clock that was wrong
// for a while does no harm. What it has and the account lacks is then put back, 2,048
// messages by a record, so that nobody waits long; a restore that broke off is
// asked for again and goes on where it ended.
//
// # Upkeep
//
// An index of which more than half is free then, and that is a MiB or more, is
// written anew as index.db.shrunk, which gets the name when it is on disk. Both have
// the same in them, and until the directory is synced nothing else is written: a
// power cut leaves either. What is left of one that was cut short is removed by
// the next Open.
//
// An Upkeep does all this in the background, a pass each hour. Once a day it notes
// how far each account has come; what was taken away by a note is let go when the
// retention has passed since it, and then the journal is compacted. What of this
// fails is owed, and every pass tries again; so does every minute's look at a disk
// with less free than eight times the reserve, until there is nothing more to be
// had. Lists of what can be put back, where there are notes, show all that has not
// been let go, whatever the clock was at when it went or is at now. How much time
// has passed it does not ask the box's clock: it counts the time of the process,
// and after a start adds what the clock says, up to a day, and only beyond the
// highest that the clock ever showed. In 300 passes it reads everything that is on
// the disk; then it rests until a month has passed since it began. Health says
// what it found, with the messages concerned.
//
// accounts/upkeep: version 3; signed: nanoseconds counted so far, highest time of
// the clock (Unix nanoseconds), bytes given back; the last segment that was read,
// signed: the count when this reading began, Unix seconds when one was last done;
// number of notes, each the count (signed) and a number of accounts, each with its
// ModSeq; number of damaged bodies, each its segment and ordinal; LSN up to which
// the log was durable (not in version 1); 1 when the day's work is owed still (from
// version 3 on); CRC32C. It is written anew with each
// pass. When it is lost, or the log had come further then than at the next start
// (it was put back from a copy), the retention begins anew: ModSeqs mean other
// changes then.
//
// # Snapshots
//
// A snapshot is all that is in an account, written into the log. An Upkeep takes
// one when the account has changed as often as it has messages since the last (and
// a thousand times at least), so what is read and kept of changes stays in
// proportion to what there is; and when the log has grown by 300 records for each
// of its messages. The index is copied in one read transaction, the copy goes into
// the log part by part, at the background's pace, as bodies; and one record, of
// verb 22, names all of them: before it there is no snapshot, with it there is the
// whole. It changes nothing in the account and has the ModSeq of what it describes.
// Of what comes later, a reader applies what has a higher one. An index that does
// not agree with itself is not copied.
//
// The base is the newest snapshot with a ModSeq that is not above the one up to
// which everything has expired: nobody may ask for anything before. Once it has
// been read and found whole, those older than it are not named any more (see Live),
// so compaction takes their bodies, and with them the sections of the account that
// the base has (see Over): of its past there stay the base, what came later, and of
// what it has the ops that added messages whose bodies live. Whoever reads an account's history keeps its base where it
// is meanwhile. An index that a snapshot is ahead of is an older copy that was put
// back, and is made anew: what it lacks may be in no other record.
//
// The registry repeats the records of snapshots; what it does not have is looked
// for in the log. Where a snapshot is damaged the one before is read, and the
// records behind it, and where some of these are gone the account goes on as behind
// a hole, with every message where it was first, in mailboxes of another UIDVALIDITY. Check says so, and an Upkeep whose scrub has found it takes another.
//
// # Following what changes
//
// A Watch only says "ask again": one wake-up stands for all that have come since
// the last, so nobody's slowness fills anything. What has happened is asked for,
// from where one had come to, and comes from what memory and index keep anyway:
// nothing is kept for each reader, so none can lose anything, and none holds a
// writer up.
//
//	who follows                       wakes by        asks                                  keeps
//	IMAP session (IDLE, NOOP, a       Account.Watch   Changes(mailbox, ModSeq)              ModSeq, in the session
//	    selected mailbox)
//	IMAP QRESYNC, CONDSTORE           –               Changes(mailbox, ModSeq)              ModSeq, at the client
//	IMAP NOTIFY, JMAP push, webmail   Account.Watch   ChangedSince(ModSeq), page by page    ModSeq = JMAP's state string
//	JMAP Email/get                    –               Entries(email)                        –
//	search index, webhooks, trace     Store.Watch     ChangedAccounts(Position), then of    Position, on disk; a ModSeq
//	                                                  each ChangedSince or Changes          for each account
//
// A Position is the LSN of a record; it survives restarts and rebuilds. One that
// the log has not come to (it was put back from a copy) is mail.ErrResync. A
// ModSeq is the number of a change in an account's history. ChangedSince tells of
// every change after it for 35 days, then it is mail.ErrResync; it is too for what
// was before an index came from version 1, which kept no feed. Changes (of one
// mailbox) needs no feed.
//
// # Summaries
//
// What sorting and threading ask of a message (message.Summary) is in its digest,
// which stands before the body in the log. Summaries reads those it needs, several
// at a time, and keeps them in memory, up to Options.CacheSummaries for all accounts; an email
// never changes, so they need no care. Nothing of it is on disk.
//
// # Quota
//
// What an account takes up (messages and bytes, copies as much as originals) is
// kept with every change, in the index and in memory, and compared with the quota
// on the commit goroutine, where everything before it in the batch is known:
// exactly what there is room for gets in. What was expunged, or deleted with its
// mailbox, does not count while it can be put back: its owner can't make room of
// it. Delivery, append and copy are refused over quota; a move, flags, expunging
// and renaming never are; what is put back from undo may go over, for refusing
// would lose it.
//
// # Newer versions
//
// An index of a later schema version is made anew from the log. A record with an
// op, or of a payload version, that this version does not know stops Open (or the
// rebuild of one account) with mail.ErrNewer, in words that an administrator can
// act on; nothing is written into the log, and the version that knows it goes on
// where it was. Passing over it would be worse: what comes behind was decided on
// top of it. The record's type is for people and may be any. Records of a family
// that nobody here asks for are not looked at; compaction keeps them.
//
// # Expiry
//
// Expire lets go of everything in an account that was taken away up to a ModSeq. A
// removed account goes as a whole when its removal is due, and nothing of it earlier.
// That is a record like any other, so a rebuild comes to the same; from then on
// the ModSeq stands in the index, and what is at or below it is never listed. A
// sweep then takes it out of the index in transactions of some thousand rows: the
// rows of mailboxes that are gone, expunged rows, notes of changes up to that
// ModSeq, threads without an entry and their keys, and last the emails that
// nothing refers to. Each step finds its work in the index itself, so that it
// does not matter where one is cut short. Who asks for changes since an older
// ModSeq is told that every UID is gone that was given out and is not there.
//
// A body is dead when no email of any index names it (see Live). It stays dead:
// a new reference to it is made only from an entry, or by putting back an email
// of the index; and the emails that are about to leave the index are announced to
// the commit goroutine, which puts none of them back any more, before it is
// looked once more whether anything refers to them.
//
// # Payload of a record, version 1
//
// Varints are those of encoding/binary, unsigned if nothing else is said. A
// string is its length and its bytes. A set of UIDs is the number of its ranges,
// then for each how far its first is from the last of the one before (at first:
// from 0), and its length less one. Flags are one byte (bit 0 \Seen, 1 \Answered,
// 2 \Flagged, 3 \Deleted, 4 \Draft), the number of keywords, and these as strings.
//
//	byte     version, 1
//	varint   number of sections; each:
//	  varint   account
//	  varint   ModSeq
//	  varint   number of ops; each one byte of kind, and:
//	    1 create account
//	    2 remove account
//	    3 create mailbox   id, UIDVALIDITY; bytes kind and role; string name
//	    4 rename mailbox   id; string name
//	    5 delete mailbox   id
//	    6 subscribe        string name
//	    7 unsubscribe      string name
//	    8 add message      mailbox, UID, email, thread, body's segment and ordinal, body's size; string
//	                       prefix; flags; signed varint internal date (milliseconds × 4096 + minutes
//	                       of zone + 2048); 16 bytes message ID; number of thread keys, 8 bytes each
//	    9 set flags        mailbox; flags; set
//	   10 copy             from, to, UID of the first copy; set
//	   11 remove messages  mailbox; set
//	   12 put back         mailbox, UID of the first; number of messages, each: email, thread, size with
//	                       prefix; flags; signed varint internal date; 16 bytes message ID
//	   13 restore mailbox  id, UIDVALIDITY; byte role; string name
//	   14 restore account
//	   15 annotate mailbox id; string: number of bytes and bytes of each name and value, by name
//	   20 expire           ModSeq; number of mailboxes that go with it, and these
//	   22 snapshot         alone in its section. LSN up to which it has everything; ModSeq, last mailbox,
//	                       email, thread, UIDVALIDITY given out; messages and bytes in all mailboxes; ModSeq
//	                       up to which all has expired, and up to which the feed tells nothing; number of
//	                       items; byte: removed; signed: since when, when it last changed (Unix seconds);
//	                       number of parts, each: segment, ordinal and size of its body
//	   30 add message      as 8; what grows when each line ends in CRLF, and 1
//	   31 put back         as 12; behind each message's ID one byte as a row's last
//
// The record's type says what was asked for (see verb); its time is the save date
// of what it adds. A thread key is the first 8 bytes of the SHA-256 of a message
// ID, a NUL, and the base subject; only those are listed that were new. Ops 8 and
// 12 are those of the first boxes; what is written now says how large a message is
// for POP3, which bodies alone would.
//
// # Parts of a snapshot, version 1
//
// A part is a body of 1 MiB and a little, the last less. It is a byte, the version,
// and whole items, each a byte of kind and, in varints if nothing else is said:
//
//	1 keywords      number by which rows mean them; number of names, strings
//	2 mailbox       id; string name; bytes kind, role; UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ, ModSeq of
//	                its own last change; byte: gone, then signed: when (Unix seconds). Its counts are
//	                those of its rows
//	3 subscription  string name
//	4 email         id; body's segment, ordinal and size; thread; what it grows by in CRLF, and 1 (0: not
//	                known); 16 bytes message ID; string prefix
//	5 row           mailbox, UID, size, ModSeq, email, thread, save date (Unix seconds), number of
//	                keywords (0: none); bytes: system flags, as a row's last; signed: internal date; 16
//	                bytes message ID
//	6 expunged      as a row, its ModSeq that of the expunging; signed: when; byte: verb
//	7 thread key    8 bytes; thread
//	8 feed          ModSeq; then as in the feed bucket, with lists of any length
//	9 mailbox       as 2, of one that has annotations: then string, as in op 15
//
// They stand in the order of these kinds, 9 with 2. What has expired is left out.
//
// # The index, schema version 2
//
// Values end in a CRC32C of what is before it (little-endian; bbolt's pages have
// none), but those of threadkeys, subscriptions and entries. Keys are big-endian.
//
//	bucket         key                            value
//	meta           "account"                      schema version, account, LSN up to which this index is
//	                                              complete, ModSeq, last mailbox, email, thread and
//	                                              UIDVALIDITY given out (varints); byte: removed; signed:
//	                                              since when (0: it is not; missing in
//	                                              the first boxes); since version 2: messages and bytes
//	                                              in all mailboxes, ModSeq up to which the feed tells
//	                                              nothing
//	               "expired", "swept"             ModSeq up to which what was taken away is gone for
//	                                              good, and is out of the index (varints)
//	mailboxes      id (8)                         string name; bytes kind, role; UIDVALIDITY, UIDNEXT,
//	                                              HIGHESTMODSEQ, ModSeq of its own last change, total,
//	                                              unseen, deleted, size; byte: gone, then signed: when;
//	                                              with annotations, string as in op 15
//	rows           mailbox (8), UID / 16 (4)      up to 16 rows of 56 bytes, by UID
//	emails         email (8)                      body's segment, ordinal and size, thread, live entries,
//	                                              kept entries, ModSeq and (signed) time since none is
//	                                              live; 16 bytes message ID; string prefix; what
//	                                              grows with CRLF line ends, and 1 (0 is not known;
//	                                              missing in the first boxes)
//	threads        thread (8)                     ModSeq and (signed) time of the last change; number of
//	                                              mailboxes, each with its entries
//	threadkeys     key (8)                        thread (8)
//	subscriptions  name                           nothing
//	keywords       number (2)                     number of keywords, strings (of all at most 4 MB when new
//	                                              ones are taken, and 65,535 combinations; then programs
//	                                              are told so (mail.ErrKeywords) and those that messages
//	                                              have can go on. Numbers are never used again: nobody
//	                                              knows without reading all rows which are free)
//	changes        mailbox (8), kind (1),         signed: when; set of UIDs, at most 90 ranges. Kind 1:
//	               ModSeq (8), part (2)           changed or new (a later change may come on top);
//	                                              kind 2: expunged
//	feed           ModSeq (8), part (2)           signed: when (Unix seconds); the first numbers that the
//	(version 2)                                   change may have given to an email, a thread, a mailbox;
//	                                              number of mailboxes touched, each; the same of those
//	                                              that went or came back whole; strings: names of
//	                                              subscriptions; sets (as of UIDs) of emails and
//	                                              threads. Of each list a part has 90 at most
//	entries        email (8), mailbox (8),        nothing: the email stands there
//	(version 2)    UID (4)
//	expunged       mailbox (8), UID (4)           the row (its ModSeq that of the expunging), 8 bytes: when;
//	                                              byte: type of the record by which (missing in the first
//	                                              boxes)
//
// A row, little-endian: UID (4), size (4), ModSeq (8), internal date (8, as above),
// message ID (16), email (4), thread (4), save date (4, Unix seconds), keywords
// (2), system flags (1), what the message grows by when each line ends in CRLF,
// and 1 (1; 0: more than 126, or not known: its email says).
//
// Version 2 is version 1 with the buckets feed and entries and the last three
// fields of meta. Migrations (migrate.go) lead from each version to the next, in
// steps of one synced transaction each; the last of them writes the new version.
//
// accounts/registry: version 3, LSN up to which all indexes are complete, number
// of accounts, each its number, a byte (0: removed), LSN of its last change, and
// number of snapshots, each LSN of its record and what stands there of it; CRC32C.
// Version 2 had not the snapshots, version 1 not the last change.
package store
