// Package clienttest has the tests in which real mail programs use a box: swaks, curl, msmtp, mbsync, fetchmail, mutt,
// neomutt, alpine, getmail, offlineimap, Thunderbird, openssl, a browser and boxctl, all from Debian's packages or this project,
// against the built image in a virtual machine. It holds no code but for them.
//
// Thunderbird runs on a screen that nobody looks at (Xvfb) and is driven from inside, by Marionette: the windows, the
// connections and the order of things are its own.
//
// One box is started for all programs. Each program gets an account and a home directory of its own, finds the box by
// its name in a hosts file that only it sees, and trusts the authority's certificate that the box offers for download:
// no test turns a check of a certificate off. Further boxes are started for what spoils one: a set-up in the browser, a
// full disk, mail services that are killed over and over. At the end a table says which program did what.
//
// The tests need what "make image" leaves in build/, QEMU and OVMF, and root or user namespaces. With -short they are
// skipped; where something is missing they are skipped and say so, and with SANDUK_SYSTEM=1, as the test script sets
// it, that is a failure. SANDUK_CLIENTTEST=host runs most of them against maild on this machine instead, for a quick
// look while a program is being changed. SANDUK_LONG=1 adds the forms that take long.
package clienttest
