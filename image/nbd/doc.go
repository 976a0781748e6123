// Package nbd serves a disk that loses what was not flushed: what a real disk does when its power fails, and what a file
// behind a virtual machine never does, because its writes reach this machine's memory whatever becomes of the guest.
//
// In: a raw image; a client, usually QEMU, on a unix socket. Out: the image, changed; at a [Disk.Cut] only by what was
// flushed and by a random part of the rest, in random order and torn at 512 bytes; and a trace of all writes and flushes
// in their order, which a [Replay] cuts again at any point, as often as wanted, without a machine.
//
// The disk promises what the protocol's FLUSH and FUA promise and nothing more: a write that was answered before the
// flush came is durable once the flush is answered, one with FUA once it is answered itself. One sector of 512 bytes is
// written whole or not at all. Requests of a connection are carried out one after the other, so a flush also covers
// writes that came before it and whose answer was still under way: nobody may rely on that, and Linux does not.
//
// With [Options.Lie] the disk answers flushes at once and carries them out only when so many more have come, like one
// that is broken or was set up badly. What is tested on it must lose data, or the test is none.
//
// Durability: the image file itself is never synced; it is this machine's, whose power does not fail.
//
// Concurrency: a Disk and a Server may be used by several goroutines, a Replay by one. Protocol: "The NBD protocol" as
// kept with the reference implementation, fixed newstyle negotiation with simple replies; without TLS, block status and
// structured replies.
package nbd
