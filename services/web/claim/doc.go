// Package claim is the code that proves who may set a new box up: it stands on
// the box's own screen, so whoever types it has stood in front of the box.
//
// In: a code as a person typed it, and the address it came from. Out: yes, no,
// or not so fast. A code is good for one set-up: Redeem spends it when the
// set-up has succeeded and keeps it when it has failed, so that a slip in a
// form costs nothing.
//
// Nothing is kept on disk. A box that starts again before it was set up shows a
// new code. A code has at least 40 bits; with at most twenty guesses a second
// for the whole network, half of them take eight hundred years.
//
// A Code may be used by any number of goroutines.
package claim
