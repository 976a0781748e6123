// Package operator is the command of whoever looks after a box from a shell or a
// script: it adds, lists and removes people, sets passwords, makes tokens for
// the box's API, brings back what was deleted, moves mail in and out, and checks, mends and shows a data
// directory.
//
// What comes in: arguments, and passwords on standard input or typed at a
// prompt; never as arguments, which every process on a computer can read. What
// goes out: plain text, one thing per line, and an exit status (0 done, 1 not
// done or not all of it, 2 not understood, 3 check has found something).
//
// The same commands work in two places: against a running box over HTTPS
// (--box, with a token), and on a data directory that no mail service has open
// (--data). A data directory is locked while the command works on it; what the
// command says it has done is on disk.
package operator
