// Package console draws the box's own screen: what it is, how it is, where to
// open it in a browser, and what its keys do.
//
// In: a [State], complete each time; keys from the terminal ([Events]). Out: text
// on terminals. [Render] makes the picture for a screen as plain lines and
// touches nothing; [Facts] makes the same into short lines for a serial line that
// somebody reads, or logs, from top to bottom. [Console] keeps any number of
// terminals up to date.
//
// Only characters of the Linux console's built-in font (code page 437) are ever
// written, so that nothing has to be loaded; colour is not used. Text from
// outside loses its control characters before it is drawn.
//
// A [Desk] serves one terminal: it takes what is typed ([Events]: function keys and
// printable ASCII, at most so much as fits a field), leads through dialogues and has the
// [Box] do what a person wants. What comes from a serial line may be anybody's noise:
// there nothing happens without a word typed as a line of its own, and a dialogue ends by
// itself after some minutes. Terminals that lack function keys send Esc and the digit.
//
// Durability: none. Concurrency: each terminal has a goroutine of its own that
// takes the newest state, so that a terminal which blocks (a serial line with
// flow control and nobody there) holds up nobody; [Console.Show] never blocks.
package console
