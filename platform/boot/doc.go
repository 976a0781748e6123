// Package boot is what PID 1 does: it brings the machine from the kernel's
// first process to running services, keeps it there, and takes it down again.
//
// What comes in: unit files, the image's version and build time, the kernel's
// devices, two kinds of requests (the control socket, keys and buttons). What
// goes out: a mounted data disk, open sockets, supervised services, lines and a
// picture on the consoles, a log. Nothing hostile is parsed here: packets are
// netd's, mail is maild's.
//
// The start is a literal list of named phases (phases.go), each timed and
// printed. A phase that fails either ends the start in *recovery* (rescue.go): no mail
// is served; console and a page of the network say what is wrong and what to do, and
// whoever can read the code on the screen can have the disk repaired, the version before
// started, or everything erased; or, where mail can do without it (the watchdog, a
// console, the boot partition's extras), it is noted and the start goes on.
//
// Disks that come and go while the box runs are told of in words (attached.go):
// the others stand on the consoles' line about disks; when the own one goes, the
// state is "degraded" and the first problem says what to do. Nothing mounts it
// again while the box runs: the old mount stays dead, a restart is the way. When the disk
// is back and stays, the box restarts by itself (returns.go says how often at most).
//
// Durable: what the control verbs promise (control package). At the end of an
// orderly stop the data disk is unmounted, or at least read-only and synced.
//
// A panic anywhere in PID 1 goes to the kernel's log, syncs the disks and
// restarts the machine; what even that cannot catch ends PID 1, and the
// kernel's panic= restarts it.
//
// Concurrency: Run is called once, from main. Everything that several
// goroutines share stands in Machine and says which lock guards it.
package boot
