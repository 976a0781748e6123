// Package daybook keeps what is gathered about each domain on each day (UTC), until it
// has been reported: evidence for DMARC's and TLS's daily reports.
//
// In comes a moment and a domain, out goes the entry to be counted in ([Book.Entry]), and
// what is ready to be reported ([Book.Before]). Days and domains are bounded: a report is
// a courtesy, and must not cost the office its memory.
//
// Durability: none; whoever owns a book stores what it has ([Encode], [Decode]). A Book is
// not to be used by several goroutines at once: its owner has a lock of its own.
package daybook
