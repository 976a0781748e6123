// Package journal is the log that everything on the box's disk is rebuilt from:
// an append-only history of records, made durable by one sync that everybody
// who is waiting shares.
//
// What comes in: an [Entry], which is prepared, written and applied in LSN order
// by the one commit goroutine; before that, [Journal.Stage] takes the bodies.
//
// What goes out: records again, in order ([Journal.Replay]); bodies at any
// offset ([Journal.Body]); and word that the journal can't go on
// ([Journal.Failed]).
//
// What is durable on return: Commit returning nil means that the record and its
// bodies are on disk and that Apply has run. Stage makes nothing durable that
// anybody may rely on before a record names it.
//
// Concurrency: every method may be called from any goroutine. Prepare, Apply
// and Abort of all entries run on the commit goroutine, one at a time.
//
// # Group commit
//
// The commit goroutine takes everything that waits, prepares it in order, writes
// it with one write, syncs once, applies in order, and tells the waiters. While
// it syncs, the next batch gathers: no timer is needed. A body over
// [LargeBody] does not pass through it: Stage writes it to a segment for bodies
// and syncs that, and the record only names it.
//
// # Failure
//
// A sync that fails is final: what the disk holds is unknown. Every waiter and
// every later caller gets mail.ErrClosed, Failed is closed, and the process is
// to be started anew, which recovers. A full disk is not a failure: the file is
// cut back to its last good end, entries with bodies get mail.ErrNoSpace, and
// those without are tried once more; a reserve of free space that only they may
// use keeps flags and deletions going.
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
//	 8  2  version, 1
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
//	 8  1  version, 1
//	 9  1  family (see Family)
//	10  1  type, as the family says
//	11  1  flags: bit 0: it had a body, which was dropped on purpose
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
// # Compaction
//
// [Journal.Compact] gives back the space of bodies that nobody can ask for any
// more. It writes a sealed segment anew as log/%08d.seg.new, syncs it, gives it
// the name, and syncs the directory: a power cut leaves one or the other. All
// records stay, with their ordinals, LSNs and payloads; of one whose body is dead
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
// In a compacted segment LSNs may be missing, but every byte before its end mark
// belongs to a valid record: any other place is damage. A segment of records in
// which there is damage is not compacted.
//
// Compacting, as everything in the background, keeps to a [Pace] and rests while
// commits are waiting or under way. It syncs each MiB, so that no commit's sync
// has much of it to wait for.
//
// # Recovery
//
// Open reads the last segment of each kind. A place where no valid record stands
// is a torn tail when no valid record behind it has a floor at or above the LSN
// expected there: nobody was told that it is durable, so it is cut off. When one
// has, the missing record had been acknowledged: that is damage, which is
// reported ([Journal.Damage]) and left as it is. A segment for bodies has no
// floors, so where one of its bodies is not valid it is left as it is and not
// written to any more; only a body without any header is cut off.
package journal
