// Package fetched remembers on which day a message was first fetched by POP3, for
// accounts of which the office says how long such mail stays.
//
// What comes in: messages that a session has sent ([Book.Note]). What goes out: since
// when each has been fetched ([Book.Read]), for whoever removes what is due.
//
// Durability: what Note was given is on disk when it returns nil. A record that is
// lost, by a power cut before that or a damaged disk, costs no mail: the message stays
// until it is fetched again, or somebody deletes it. Nothing makes a message seem
// fetched that was not, or earlier than it was: each record has a checksum of its own,
// and names the email besides its UID, so that a mailbox put back from a copy, whose
// next message gets the same UID, loses nothing by it.
//
// # The file
//
// One for each account, named by its number. All numbers are big-endian. A header of 8
// bytes: "skdfetc" and the version, 1. Then records of 24 bytes in any order: UIDVALIDITY
// (4), UID (4), email (8), day since 1970 in UTC (4), CRC32C of these 20 bytes (4). A
// record whose checksum is wrong, or that is not whole, is passed over; of several of one
// message the earliest day counts. A file grows at its end, and is made anew, under
// another name first, when [Book.Keep] leaves records out.
//
// # What was fetched at all
//
// [First] remembers for each account which mail any of its programs has fetched, by any
// protocol, for the trace: its own, and by owner what others have opened to it.
// "<number>.first", or "<number>-<owner's number>.first": "skdfrst" and the version, 1; a bit for each
// email, the lowest first; CRC32C of all before (4). It is replaced as a whole. A power cut
// takes some minutes of it, and mail of then seems not fetched: nobody decides by it.
//
// # The days
//
// The file "today" says how far the days have been counted ([Book.Today]), 30 bytes:
// "skdtodayv" and the version, 1; seconds since 1970 as they are counted (8), the highest
// that the clock has shown (8), CRC32C of these 26 bytes (4). It is replaced each hour. One
// that is damaged is begun anew, by the clock.
//
// A Book may be used by any number of goroutines.
package fetched
