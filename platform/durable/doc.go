// Package durable is the file system as the storage code of the box sees it:
// a handful of operations whose durability is spelled out, and nothing else.
//
// What comes in: slash-separated names relative to one root directory (io/fs
// rules: no leading slash, no "..", "." is the root).
//
// What goes out: [FS] and [File], small enough that a crash test can put its
// own recording implementation in place of [OS].
//
// What is durable on return:
//
//   - after [File.Sync]: the file's bytes and its size (fdatasync). Not its
//     name: a new file's name is durable only after [FS.SyncDir] of its
//     directory.
//   - after [FS.SyncDir]: the names in that directory, as they were when the
//     call began (creations, renames, removals).
//   - after [Replace], [ReplaceBytes], [MkdirAllSync]: everything they did.
//   - nothing else. Write, Create, Rename, Remove and MkdirAll alone promise
//     nothing across a power cut.
//
// A failed sync is final. Linux reports a lost write-back once and then drops
// the dirty pages, so a second fsync of the same file may succeed although the
// bytes are gone. Here the first failure sticks to the handle (and, for
// directories, to the OS value): every later write, truncate and sync returns
// the same [SyncError]. Reading still works. The only way on is to stop, open
// everything again and recover from what the disk really holds.
//
// Concurrency: every method may be called from any goroutine. Order between
// concurrent writes is the caller's business, as it is with os.File.
// Replace needs one writer per name.
package durable
