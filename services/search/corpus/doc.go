// Package corpus makes mail that no person has written but that is shaped like an
// office's: for the tests and benchmarks of search, and for comparing engines.
//
// What comes in: a seed. What goes out: any number of messages, the nth always
// the same for the same seed, and the queries that people would put to them.
//
// The shape: words of five languages by Zipf's law (a few make up half of a text,
// new ones never end), one message in twenty Japanese, without spaces; half of
// them HTML beside plain text; two of three are replies with what they answer
// quoted under them; headers as they look after two relays, most with a
// signature; numbers, addresses, URLs with random letters. A text is 2 to 3 KB on
// average, many short and few long.
//
// Durability: none, no I/O. Concurrency: a Corpus may be used by any number of
// goroutines.
package corpus
