// Package powercut has the test that shows that nothing acknowledged is lost when the power fails. It holds no code but
// for that.
//
// The built box runs in virtual machines, several side by side, on disks with a volatile cache (package nbd), while
// senders deliver over SMTP and programs append, flag, copy, move and expunge over IMAP. At random moments the machine is
// killed, and the disk keeps of what was not flushed only a random, reordered, torn part. A third of the machines is cut
// once more while it starts. What is on the data partition is checked on a copy, without the machine: e2fsck must be
// content after replaying the journal, the checks of store, log and directory too, and the mail must be what the model
// says. Then the box itself starts again, and everything in it is read and compared with the model, which knows what was
// acknowledged:
//
//   - over IMAP: each message there once, whole, in its mailbox, under its UID and with its flags; nothing there that was
//     expunged. What was asked for and not answered may have happened or not, but not by half;
//   - over POP3: the same INBOX, to the byte;
//   - by searches: a word that only this message has finds it, and nothing else;
//   - on the box's pages: what was expunged less than the retention ago is listed with its subject, and one of these
//     messages is put back and read again.
//
// What takes a box weeks happens all the time: the mail service's unit file is exchanged for one that keeps what was
// expunged for a minute and a half, looks every second what there is to expire and compact, indexes after two seconds and
// has small files of the log; so cuts fall into compactions, expiry, sweeps of indexes, checkpoints and merges of the
// search index. These are ordinary flags of maild; a box gives none of them. The figures count what cuts fell into, by
// what was not flushed and by what stands half done afterwards.
//
// Most starts leave out firmware and loader, which are not what is tested, and screen, keyboard and USB with their
// drivers: the path from the mail service to the disk is the same. One start in ten goes through both, with the
// initramfs and the unit files on the box's disk, and what systemd-boot writes is cut as well.
//
// The writes of one run are recorded and cut again at many more points, without a machine, and looked at in the same way.
// Nothing is mounted, so no privileges are needed.
//
// Both are run once more with a disk that lies about flushes. There acknowledged mail must get lost; a test that does
// not notice proves nothing and fails.
//
// And once the box's disk refuses all writes under load: senders are told to come back, everything can be read,
// the screen says what is wrong, and on a disk that works nothing acknowledged is missing.
//
// The test needs what "make image" leaves in build/, QEMU, OVMF, mtools and e2fsprogs. With -short, or where these are
// missing, it is skipped and says so; with SANDUK_SYSTEM=1 what is missing is a failure. SANDUK_CUTS is the number of
// cuts of machines, SANDUK_MACHINES how many run side by side (one less than there are processors, at most 3) and
// SANDUK_REPLAYS the number of cuts of the recording, which SANDUK_LONG makes longer; SANDUK_SEED repeats what a seed
// chose (not the machine's own timing). SANDUK_KEEP keeps the directory with the recording also when nothing fails, and
// SANDUK_RECORDING names such a directory: then only that recording is cut again, without a machine. Each cut is logged
// with the figures so far.
package powercut
