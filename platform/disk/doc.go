// Package disk finds the disk the box runs from, makes and mends the partition
// that holds its data, and mounts both.
//
// What comes in: block devices, the loader's word on which partition it came
// from. What goes out: a mounted data partition, or a [RecoveryError] that says
// in the user's words what is wrong. It never guesses, and it never makes a
// file system where there may be data.
//
// # The data partition on disk
//
// The partition's name in the GPT is the durable record of how far its making
// has come:
//
//	state        GPT entry          what stands in it        who moves it on, and how
//	absent       none               free space               Ensure: an entry named sanduk-data-new, synced
//	  (adopted)  none               our file system, used    Ensure: an entry named sanduk-data around it
//	being made   "sanduk-data-new"  anything, never mounted  Ensure: mke2fs (again), sync, then rename
//	  (used)     "sanduk-data-new"  our file system, used    Ensure: rename only
//	made         "sanduk-data"      our file system          Check (e2fsck), then mount
//	lost         "sanduk-data"      no file system           recovery mode; nothing is written
//	to be erased "sanduk-data-reset" anything                Ensure: erases it, syncs, renames to "being made"
//
// mke2fs runs in exactly one state, "being made". It is reached only by
// creating the entry, and left before the partition is mounted for the first
// time, so nothing can have been stored there. Two further guards stand in
// front of mke2fs: a file system that shows traces of ever having been mounted
// is never overwritten whatever the GPT says (a stale backup GPT could still
// say "-new"), and a freshly flashed image whose free space begins with the
// data file system of its predecessor takes that over, mail and all.
//
// A factory reset is MarkReset, which renames the entry; the next start, before anything
// is mounted, discards the partition and overwrites with zeros its first 16 MiB and
// 1 MiB at each copy of the super block. What else stood on the disk is gone where the
// disk forgets what is discarded; elsewhere somebody with the right tools may find pieces.
//
// Install makes another disk one to start from: the boot partition is copied and read
// back, the table written last, with identifiers of its own. A data partition on it is
// kept or, with everything else, made unfindable first; the disk's first start makes a
// new one.
//
// # Identifiers
//
// An image has identifiers (disk and partition GUIDs) derived from its version,
// marked by their version number 8; every box flashed from it has the same. The
// first start replaces them by random ones (version 4), in the write that makes
// the data partition's entry:
//
//	state    GUIDs        who moves it on, and how
//	flashed  version 8    Ensure: random ones, with its first write
//	own      version 4    nobody
//
// While they are the image's, or the loader did not say which disk it came from,
// a second disk may fit as well: Locate then waits for all drivers before it
// believes that there is only one.
//
// # Order of writes
//
// The GPT is written backup first, synced, then primary, synced. A power cut
// leaves at least one of the two valid, holding the state before or after; both
// lead to the same end. The tests cut after every sector.
//
// Concurrency: the functions are for PID 1's boot sequence, one at a time.
//
// # A torn super block
//
// ext4 writes its super block in place, 1024 bytes in two sectors of a disk that has
// sectors of 512. Check puts one together that a power cut left half written, before
// e2fsck sees it: see MendTorn.
//
// Formats: UEFI specification 2.10 §5.3 (GPT), the ext4 super block.
package disk
