// Package allowance counts what the office's people send, so that a stolen
// password does not become a spam run: messages, and addresses to which an account
// has not written before.
//
// In come log-ins and recipients as they are handed in; out go refusals in words,
// one word to the administrator for each bound that is used up, and how things
// stand. Both bounds hold for the last 24 hours, counted by the hour. An address is
// a new one when the account has not written to it for [KnownFor], or when it is
// among the oldest of more than [MaxKnown].
//
// # What a restart forgives
//
// Nothing, if the programs only were stopped: each count is written to the file as
// it happens. It is synced a second later, so a power cut forgives the last second;
// nobody far away can cut the power. A file that can't
// be written is said in the log, and counting goes on in memory: mail does not stop
// for it.
//
// # The file, version 1
//
// All numbers are big-endian. A header of 48 bytes: the magic "sanduk>>", the version
// (1 byte), 3 zero bytes, the key of the addresses' hashes (32 bytes), CRC32C of all
// that (4). Then records of 24 bytes: account (4), what (1), 3 zero bytes, hour since
// 1970 (4), a value (8), CRC32C of these 20 bytes (4).
//
//	1  messages sent within the hour: how many more
//	2  new addresses within the hour: how many more
//	3  an address was written to: its hash
//	4  the administrator was told of the bound on messages: 0
//	5  the same of that on new addresses: 0
//
// The file ends where a record's checksum is wrong; what stands there is cut off. It
// is made anew, under another name first, when most of it is past.
//
// A Counter may be used by any number of goroutines.
package allowance
