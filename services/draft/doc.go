// Package draft holds a message while it comes in: counted, bounded and scanned
// as it is written, in memory while it is small, else in a file of the spool
// directory.
//
// What comes in: the bytes of one message, in pieces of any size, from a
// network connection or from the box itself.
//
// What goes out: a [Draft] that has been finished: its size, its digest, and its
// bytes to be read at any offset, ready for the store to commit.
//
// Durability: none, on purpose. A draft is acknowledged to nobody; the store
// writes it into its log and syncs that. What a crash leaves in the spool
// directory is removed by the next [NewSpool].
//
// All drafts of a spool share three bounds: [MemoryBudget] for bytes in memory,
// beyond which they go to files; [ScanBudget] for what looking at them takes,
// beyond which one with an enormous header is put off; [Reserve] of free disk.
//
// Concurrency: a Spool may be used by any number of goroutines. A Draft belongs
// to one goroutine until Finish; after that any number may read it, until
// Discard.
package draft
