// Package wire reads and writes the bytes of IMAP: tokens, literals, numbers,
// sets and dates on the way in; strings, literals and responses on the way out.
// It knows the syntax of RFC 9051 §9 (and RFC 3501 §9, RFC 7888, RFC 3516), and
// nothing of commands, mailboxes or sessions.
//
// In: the bytes of a client that may be slow, broken or hostile. Every number
// that it names is checked against Limits before memory is taken. Whatever is
// over a limit, or can't be read, is skipped by Reader.Discard up to the end of
// its command, literals included, so that no part of it is ever taken for a
// command; where that can't be done safely the error is Fatal and the
// connection has to end.
//
// Out: Writer gathers up to 16 KiB before it writes to the connection.
//
// Both hold their buffers only while there is something in them: a connection
// that waits for its client holds none.
//
// A Reader or a Writer belongs to one goroutine at a time.
package wire
