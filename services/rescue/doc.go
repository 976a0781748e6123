// Package rescue is what a box shows that can't use its disk: one page that says what has
// happened and what to do about it, a few acts for whoever stands before the box, and
// words for other mail servers, so that they wait.
//
// What comes in: HTTP over port 80 and 443 and connections to port 25, all hostile; what
// the machine tells of itself ([Box]). What goes out: pages without a script; orders to
// the machine, each with the code that was typed. Whether the code is right, the machine
// judges: this process can do nothing by itself. Nothing is written anywhere.
//
// The page is the same over http and https, but that acts are offered over https only: a
// code that went over the wire in clear would be anybody's. The certificate is made at
// each start, because every key is on the disk; the box's screen shows its fingerprint.
//
// All is in English, as is the box's screen: without the disk nobody knows the office's
// language, and the two are read side by side.
//
// RFCs: 5321 §3.1 and §4.5.4.1 (421 as the greeting: the client tries again later), 3463
// §3.4 (4.3.2, the system does not take messages).
//
// Concurrency: [Serve] is called once; a Box is asked by several goroutines.
package rescue
