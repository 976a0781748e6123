// Package powercut has the test that shows that nothing acknowledged is lost when the power fails. It holds no code but
// for that.
//
// The built box runs in a virtual machine on a disk with a volatile cache (package nbd) while senders deliver over SMTP
// and programs append, flag, copy, move and expunge over IMAP. At random moments the machine is killed, and the disk
// keeps of what was not flushed only a random, reordered, torn part. The box starts again; everything in it is read over
// IMAP and compared with a model that knows what was acknowledged: each message there once, whole, in its mailbox, under
// its UID and with its flags; nothing there that was expunged. What was asked for and not answered may have happened or
// not, but not by half.
//
// The writes of one run are recorded and cut again at many more points, without a machine: each time e2fsck must be
// content after replaying the journal, and the mail that is then on the file system is checked and compared in the same
// way. Nothing is mounted, so no privileges are needed.
//
// Both are run once more with a disk that lies about flushes. There acknowledged mail must get lost; a test that does
// not notice proves nothing and fails.
//
// And once the box's disk refuses all writes under load: senders are told to come back, everything can be read, the screen says what
// is wrong, and on a disk that works nothing acknowledged is missing.
//
// The test needs what "make image" leaves in build/, QEMU, OVMF, mtools and e2fsprogs. With -short, or where these are
// missing, it is skipped and says so; with SANDUK_SYSTEM=1 what is missing is a failure. SANDUK_CUTS is the number of
// cuts of the machine and SANDUK_REPLAYS that of cuts of the recording; SANDUK_SEED repeats what a seed chose (not the
// machine's own timing). SANDUK_KEEP keeps the directory with the recording also when nothing fails, and
// SANDUK_RECORDING names such a directory: then only that recording is cut again, without a machine.
package powercut
