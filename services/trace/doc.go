// Package trace answers "where is my mail?": what happened to each message, step by
// step, for ninety days.
//
// What comes in: the lines of the box's own log. Every package logs what it does with
// a message under the message's ID ([Book.Handler]), so the trace and the log can't
// say different things. What is nobody's business but the office's (subjects) stands
// in a group called private, which only the trace sees.
//
// What goes out: messages that words, addresses or an ID are of ([Book.Find]), newest
// first, and one message's steps ([Book.Steps]).
//
// # Durability
//
// A step is on disk within a second of its line, those of a message before it is taken
// within a second of that, and is lost if the power goes before
// that: mail must not wait for what is written about it. What was acknowledged in that
// second is in the store or the queue, and its owner adds it again at the next start
// ([Book.Add]; [Book.Mark] says from where on it has to look).
//
// Concurrency: every method may be called from any goroutine. Logging a step costs a
// few microseconds and never waits for the disk; when the disk falls behind by
// [maxPending] bytes, steps are left out, the log says how many, and the next start looks for them.
//
// # Files
//
// Steps are appended to the current file; at [segmentBytes], or after [rollEvery], it
// becomes a segment, which never changes. Segments go from the oldest on when their time is over or all of them
// take more than [Options.Bytes].
//
//	<number>.steps    the current one: records, each
//	  4 bytes  length of the payload, little-endian
//	  4 bytes  its CRC32C
//	  payload  a step, see below
//	<number>.trace    a segment
//	  blocks   zstd frames with checksum, each of up to 64 KiB: steps, each a varint
//	           length and its bytes
//	  places   for each block 4 bytes its offset, 4 bytes the number of its first step
//	  tokens   sorted by hash: 4 bytes hash, 4 bytes offset of its list
//	  lists    varint number of steps, varint differences between their numbers
//	  footer   56 bytes: "SNDKTRC" and version 1; 4 bytes each: number of steps, blocks,
//	           tokens, offset of places, of tokens, of lists; 8 bytes each: time of the
//	           first step and the last; 4 bytes CRC32C of
//	           all before; 4 bytes zero. Integers are little-endian
//	mark               see Mark: version 2, 8 bytes Unix nanoseconds, varint, 4 bytes CRC32C
//
// A step: version 1, 16 bytes the message's ID, 8 bytes time in Unix nanoseconds
// (little-endian), then strings (varint length, bytes): what happened, and pairs of
// name and value up to the end. Names may come more than once. Version 2 is of several
// messages: the ID is zero, and behind the time stand a varint number and, for each, 16
// bytes ID and a varint UID. What of one line doesn't fit into a step goes on in further
// ones of the same ID and time, with nothing for what happened, and a first pair
// "continues" that says how many pairs behind it are repeated for searches.
//
// # What anybody can send
//
// The steps of a message wait in memory until the box has taken or refused it. Refused
// ones, and strangers without a message, are kept as long as they aren't too many
// ([refusedMinute], [strangersMinute]); beyond that a summary each few minutes says how
// many came from whom. So nobody outside can push ninety days of mail out of the trace.
//
// A token is a hash of the first three, six or twelve characters of a folded word; so words
// are found by their beginnings, and whatever a list names is looked at before it is
// believed. Damage to tokens or lists hides steps from words, never shows wrong ones; a
// damaged block is left out.
package trace
