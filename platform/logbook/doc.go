// Package logbook keeps the box's log: JSON lines, bounded in size and rate,
// on the data disk, where they survive crashes and restarts.
//
// What comes in: records of this process ([Book.Handler], an slog.Handler) and
// the raw standard output and error of services ([Book.Writer]), one line at a
// time. What goes out: files of JSON lines, one object each, with at least
// "time", "level", "unit" and "msg".
//
// Services write the same format to their standard error ([ServiceHandler]);
// such a line is kept with the unit's name added. Any other line (a panic's
// stack, a library that prints) is wrapped whole. The unit's name is set
// by the keeper of the log, so a service cannot speak in another's name.
//
// What looks like a secret, by the name of its field or the words in front of it, is
// left out before a line is kept (redact.go). [Book.Read] gives the log to those who
// pass it on, from a place that they remember.
//
// Before the data disk is there, lines are kept in memory, the oldest dropped
// first; [Book.Attach] writes them out. When the disk stops taking them the
// log goes back to memory and counts what it lost.
//
// What is durable: a line has been handed to the kernel when the write
// returns, so it survives the end of every process; every [SyncEvery] it is
// synced, so a power cut costs at most the last seconds of log, and mail never
// waits for the log's disk writes.
//
// Bounds: see the constants in book.go. A unit that writes faster than
// [LinesPerSecond] loses lines, and the log says how many.
//
// Concurrency: everything may be called from any goroutine.
package logbook
