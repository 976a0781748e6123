// Package match decides whether a message is what a mail.Query looks for. It is
// what the stores share of searching: each brings its rows and a way to open a
// message, the meaning of every node stands here.
//
// What comes in: a query, which [Compile] checks and sorts; a row; and a
// function that opens the message, called only when the row alone can't answer.
//
// What goes out: yes or no. Text is compared without regard to case, decoded
// (RFC 2047, RFC 2231, transfer encodings, charsets), as a substring (RFC 9051
// §6.4.4): Text in the message's header, in those of its parts and of messages
// inside it, and in all text parts; Body in the text parts alone; Header in the
// message's own header alone.
// Bodies are streamed: a search costs a fixed amount of memory however long a
// message is.
//
// Durability: none. Concurrency: a compiled [Matcher] may be used by several
// goroutines at once.
package match
