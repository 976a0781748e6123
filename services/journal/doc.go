// Package journal is the log that everything on the box's disk is rebuilt from:
// an append-only history of records, made durable by one sync that everybody
// who is waiting shares.
//
// What comes in: an [Entry], which is prepared, written and applied in LSN order
// by one goroutine at a time; before that, [Journal.Stage] takes the bodies.
//
// What goes out: records again, in order ([Journal.Replay]); bodies at any
// offset ([Journal.Body]); and word that the journal can't go on
// ([Journal.Failed]).
//
// What is durable on return: Commit returning nil means that the record and its
// bodies are on disk and that Apply has run, or, of a late entry, runs before
// [Journal.Settled] returns to whoever asks from then on. Stage makes nothing durable that
// anybody may rely on before a record names it.
//
// Concurrency: every method may be called from any goroutine. Prepare, Apply
// and Abort run on the goroutine that commits, those of one entry at a time.
//
// # Group commit
//
// Whoever commits takes everything that waits, prepares it in order, writes it,
// syncs once, applies in order, and tells the waiters. While it syncs, the next
// batch gathers: no timer is needed. When nobody commits, whoever brings an entry
// does it himself; what gathers meanwhile, a goroutine of the journal commits. The
// waiters of entries that take long to apply ([Entry].Late) are told before that; the
// journal's goroutine applies, nothing else is prepared, sealed or closed meanwhile,
// and Durable, which checkpoints and indexes go by, grows as it applies. A
// body over [LargeBody] does not pass through here: Stage writes it to a segment
// for bodies and syncs that, and the record only names it.
//
// # The commit ring
//
// The one sync is that of the ring: a file of fixed size whose blocks were all
// written when it was made. Writing over them is the quickest durable write there
// is; appending to a segment makes the file system write its own journal each
// time. A batch of records has its final place (segment, offset, ordinals) when
// it is prepared. Its bytes go into the ring, behind a header that says where they
// belong, and that is synced. Then they go to their place, where readers find them,
// without a sync: those of small batches wait in memory until some have come
// together, a second has passed, or somebody reads there. When a quarter of the
// ring is filled a checkpoint syncs the segment, beside the commits, and what it
// covers may be overwritten. Where the ring gets full, commits wait for the
// checkpoint.
//
// What makes this safe:
//
//   - A batch begins at a block of its own and is padded to whole blocks: no block
//     of an acknowledged one is written again before its time.
//   - A batch names the oldest batch that is needed still, its tail. Only what lies
//     before the tail of the last acknowledged batch is overwritten, so whatever a
//     power cut tears, all that the last good batch asks for is whole. No sync is
//     spent on that: it is a field of a header that is written anyway.
//   - Batches are numbered and one is begun only when the one before it is on disk:
//     at most the one with the highest number is torn, and no earlier lap passes
//     for a later one.
//   - The space that a batch takes in its segment has been set aside, durably,
//     before (fallocate), or it does not go through the ring: neither a
//     checkpoint nor a recovery meets a full disk.
//   - When a segment is sealed, and when the journal is closed, a note (a batch
//     without content whose tail is itself) says that the ring is empty: whoever
//     rewrites sealed segments need not know of it.
//
// What does not go through the ring is written to the segment and synced there:
// batches of more than a quarter of the ring, the first one of each segment (whose
// sync also makes the space set aside durable), and all of them while space is
// short or there is no ring.
//
// # Failure
//
// A sync that fails is final: what the disk holds is unknown. Every waiter and
// every later caller gets mail.ErrClosed, Failed is closed, and the process is
// to be started anew, which recovers. A full disk is not a failure: the file is
// cut back to its last good end, entries with bodies get mail.ErrNoSpace, and
// those without are tried once more; a reserve of free space that only they may
// use keeps flags and deletions going. A process without file descriptors can't
// begin a segment: entries are refused until it has some again.
//
// With Options.ReadOnly nothing is written from the beginning: what a recovery has to
// write (batches of the ring, a torn end that is cut off) is kept in memory
// (durable.Shadow), where readers find it, and the journal takes nothing, as one that
// has failed.
//
// # Files
//
// log/%08d.seg, numbered from 1 and never again under another meaning. All
// numbers are little-endian. Two kinds share the numbers: those of records and
// those of large bodies. One of each is written to; a segment past its size is
// sealed and never written again (compaction replaces it under its number, with
// the same ordinals).
//
// Segment header, 64 bytes:
//
//	 0  8  magic "SANDUKLG"
//	 8  2  version: 1, or 2 where records or payloads have been left out (see
//	       Compaction); a reader that knows 1 alone refuses it
//	10  1  kind: 1 records, 2 bodies
//	11  1  flags: bit 0: compacted, records may be missing
//	12  4  number of the segment
//	16  8  LSN of its first record (kind 1)
//	24  4  tag: random, begins every record, so that no content passes for one
//	28  4  seed: random, goes into every CRC below but those of frames
//	32  8  when it was made, Unix nanoseconds
//	40 20  zero
//	60  4  CRC32C of bytes 0 to 59
//
// Record, at a multiple of 8 bytes, padded with zeros to one:
//
//	 0  4  magic "SKR1"
//	 4  4  tag of the segment
//	 8  1  version: 1, or 2 of a joint record
//	 9  1  family (see Family)
//	10  1  type, as the family says
//	11  1  flags: bit 0: it had a body, which was dropped on purpose; bit 1: so was
//	       what of its payload was over
//	12  4  ordinal: position among the segment's records, from 0
//	16  8  LSN, one more than that of the record before; 0 in segments of bodies
//	24  8  floor: the LSN up to which all was durable when this was written
//	32  8  time of the commit, Unix nanoseconds
//	40 16  message ID, or zeros
//	56  4  length of the payload
//	60  4  length of the meta
//	64  8  length of the body part
//	72  4  CRC32C of seed and payload
//	76  4  CRC32C of seed and meta
//	80  4  zero
//	84  4  CRC32C of seed and bytes 0 to 83
//	88     meta (what is known of the body), payload (what is to be done), body part
//
// A joint record (family 5, type 0; [Journal.CommitAll]) has in its payload the number
// of its parts, 1 to 16, as unsigned varint, then for each its family (1 byte), type
// (1 byte), length of its payload (unsigned varint) and its payload; nothing stands
// behind the last. No part is of family 0 or 5; two may be of the same. LSN, time,
// message ID and body are those of all. Its version is 2, so that an older program
// refuses the log rather than take mail for dead whose owner it does not know.
// Compaction cuts out what is over of each part, and the part with it when that is
// all.
//
// Body part: the frames, then 8 bytes for each (length on disk, bit 31 set when
// it is zstd; CRC32C of these bytes), then 24 bytes:
//
//	 0  8  size of the body in bytes
//	 8  4  number of frames
//	12  4  bytes of body in a frame (the last may hold less)
//	16  4  zero
//	20  4  CRC32C of seed, LSN, ordinal, the frames' entries and bytes 0 to 19
//
// A sealed segment ends with a record of family Journal, type seal, whose
// payload is the number of records, then for each how much its ordinal and its
// offset (in units of 8 bytes) are above those of the one before (-1 and 0), all
// as unsigned varints; followed by 16 bytes: the seal's offset (8), magic
// "SKE1" (4), CRC32C of seed and offset (4). It spares a reader the scan; where
// it is damaged or missing the segment is scanned.
//
// ring/commit.ring, of any whole number of blocks of 4,096 bytes. Its first block
// begins with a header, and its last with the same, which are never written again;
// the rest of these blocks is zero:
//
//	 0  8  magic "SANDUKRG"
//	 8  2  version, 1
//	10  6  zero
//	16  4  tag: random, in every batch
//	20  4  seed: random, goes into the CRCs of batches
//	24  8  size of the file
//	32  8  when it was made, Unix nanoseconds
//	40 20  zero
//	60  4  CRC32C of bytes 0 to 59
//
// Between them stand batches, each at a multiple of 4,096 bytes and padded with
// zeros to one, none across the end:
//
//	 0  4  magic "SKB1"
//	 4  4  tag of the ring
//	 8  8  number of the batch, from 1
//	16  8  tail: number of the oldest batch that is needed still; its own if none is
//	24  8  floor: the LSN up to which all was durable when this was written
//	32  4  number of the segment
//	36  4  CRC32C in that segment's header: a segment that was rewritten has another
//	40  8  offset in the segment
//	48  8  length of the content; 0 for a note
//	56  4  CRC32C of seed and content
//	60 16  zero
//	76  4  CRC32C of seed and bytes 0 to 75
//	80     content: records, as they stand in the segment
//
// It is made as commit.ring.new and renamed. Where that can't be done, mostly for
// lack of space, it is tried again every ten minutes while there are commits. One whose both headers are damaged
// is set aside as commit.ring.damaged, and so is one with batches for a segment
// that is here under its number but has another header: it is of another log. One
// that is missing after a crash takes along what had not reached the segments, and
// nothing says so: whoever copies a box's files while it runs, or leaves the ring
// out, copies what was there at some moment before.
//
// # Compaction
//
// [Journal.Compact] gives back the space of bodies that nobody can ask for any
// more. It writes a sealed segment anew as log/%08d.seg.new, syncs it, gives it
// the name, and syncs the directory: a power cut leaves one or the other. All
// records that are needed stay, with their ordinals and LSNs; of one whose body is dead
// the body and the meta go, and bit 0 of its flags says so, so that what was
// dropped is never taken for damage. Tag and seed of the segment stay, which lets
// records be copied byte by byte. Before a body is copied it is read and its CRCs
// are checked.
//
// Which bodies are alive is asked of all owners of indexes (see Owner), once for
// all segments that were sealed by then. It can't go wrong while commits go on:
// a body that nobody could ask for stays so, as a new reference is made only
// from one that there is; a body that waits for its record counts as alive, and
// is looked for before the owners are asked.
//
// A segment that the disk does not read or write any more is passed over, and the
// others are gone on with; Compact names it, so that its owner can ask which
// bodies it has lost.
//
// In a compacted segment of version 1 LSNs may be missing, but every byte before
// its end mark belongs to a valid record: any other place is damage. A segment of
// records in which there is damage is not compacted.
//
// What a record says need not be kept for ever where its owner is a [Historian]: he
// says of which of the subjects that payloads are about everything is over, up to
// which LSN, and cuts it out of them. A record of which nothing is left, payload nor
// body, goes as a whole, and so do the journal's own: dropped bodies, stops, and
// seals within the segment. For a run of these one record stands, of family Journal,
// type 4, with the ordinal and LSN of the first; its payload is the number of
// records (unsigned varint). Of a record whose body lives header, meta and body
// stay, and what the Historian keeps. Such a segment has version 2, and in it every
// LSN and ordinal is told of: one that is missing is damage. That something is over
// must be in durable records before; which these are is the Historian's business.
// The survey of what segments are about is made once in the life of a process, at
// the background's pace.
//
// Compacting, as everything in the background, keeps to a [Pace] and rests while
// commits are waiting or under way. It syncs each MiB, so that no commit's sync
// has much of it to wait for.
//
// # Recovery
//
// Open looks through the ring for the good batch with the highest number, writes
// the batches from its tail on to their segments, also where the same bytes seem to
// stand (after a failed sync they need not be on disk), syncs these, and writes a
// note. A batch that isn't good is passed over; whether something is missing shows
// in the segment, for which the floors in the ring count like those of records. So
// a bit that turned in one copy is mended from the other. Where only the ring's had
// reached the disk, a later batch proves that it had been acknowledged, and it is
// reported; of the very last batch nothing later says so, and it passes for torn.
//
// What the disk does not give is asked for a few times. A header of the ring has its
// second copy, a batch's content its segment. A block that still can't be read is
// nothing where it belongs to an earlier lap. Where a batch between the tail and
// the last good one has no beginning, or the block behind that one can't be read,
// acknowledged records may have stood there: that is reported, and the ring is set
// aside after what is good in it has been applied. A sealed segment whose header
// can't be read is reported and left out; one whose table can't is scanned, every
// block that the disk does not give read as zeros, and what is not found by that
// is an error of the disk's, never a body that is not there.
//
// Then Open reads the last segment of each kind. A place where no valid record stands
// is a torn tail when no valid record behind it has a floor at or above the LSN
// expected there: nobody was told that it is durable, so it is cut off. When one
// has, the missing record had been acknowledged: that is damage, which is
// reported ([Journal.Damage]) and left as it is; when it is the last of its
// segment, the next record begins another. Records that are there although nothing
// proves that they had been durable are written once more and synced, before
// anybody sees them. A segment for bodies has no
// floors, so where one of its bodies is not valid it is left as it is and not
// written to any more; only a body without any header is cut off.
//
// [Dump] reads all of this without recovering anything, the ring laid over the
// segments: it is for looking at what a crash or a bad disk has left.
package journal
