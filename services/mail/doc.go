// Package mail is the vocabulary that every part of Sanduk's mail services
// speaks: addresses, envelopes, accounts, mailboxes, messages, flags, the
// numbers that name them, searches and changes.
//
// It holds words, not engines: no I/O, no goroutines, nothing but the standard
// library. A protocol server says what it needs in these words, and whoever
// wires the process together hands it a store that speaks them, so the two
// never import each other.
//
// Values of this package are plain data. They may be read by several
// goroutines at once; whoever changes one owns it alone.
//
// Standards: RFC 5321 (addresses, envelope), RFC 6531 (UTF-8 addresses),
// RFC 3501 and 9051 (mailboxes, flags, sequence sets), RFC 7162 (mod-sequences),
// RFC 8474 (object identifiers), RFC 6154 (special-use roles).
package mail
