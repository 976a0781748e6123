// Package collect fetches mail from mailboxes at providers, by POP3 and IMAP, and
// delivers it by the rules of this office.
//
// What comes in: sources, as they were set up ([Source]); messages, as providers
// give them. What goes out: deliveries through a [Post], judged by a [Judge]; how it goes ([Status]).
//
// What is durable: that a message is here and that it was collected are one record
// of the journal, so whenever the power goes it is in its mailboxes once, or it is
// fetched again. Only then is it deleted at the provider, at once or after some
// days, and only that. What is not wanted here for now (no room, nobody has the
// address) stays there.
//
// Concurrency: a [Collector] and a [State] may be used by any number of goroutines.
// Each source has one of its own; four sessions run at a time.
//
// # Sorting
//
// A source is for one address, or for a domain: then the fields in which the
// provider notes for whom a message came say so, in a configured order
// ([UsualFields]). Of a field that stands there several times only the topmost run
// counts, and only addresses of the domain do. What names nobody here goes to the
// keeper that the rules name, or to the domain's postmaster.
//
// From there on the office's rules decide: aliases, groups, forwarding, catch-all,
// copies, quota. What they don't allow goes to the keeper. Nothing is ever sent back:
// what is forwarded outside has the null path and asks for no reports. What has gone
// in a circle (it has our mark of this source, Sanduk-Collected, or more than a
// hundred Received fields) goes to mailboxes and no further.
//
// # Being the same message
//
// A message is known by its unique-id (POP3), or by UIDVALIDITY and UID (IMAP).
// Providers change all of them at times. So a message of which the very bytes were
// collected under a name that the provider does not list any more is the same one,
// noted under its new name and not delivered again; two of the same bytes that are
// both listed are two.
//
// # When
//
// Every so often, a tenth sooner or later; by IMAP also when the server says that
// there is mail (IDLE, RFC 2177). While a server fails the time doubles, up to an
// hour. A password that was refused is tried again after 1, 4, 12 and then every 24
// hours, or when the settings change or somebody asks for it. A connection ends when
// nothing moves for two minutes, and after an hour in any case.
//
// # Records
//
// Family Collect. Types: 1 taken (mostly part of a joint record with the delivery),
// 2 deleted (the provider said that it has), 3 forgotten (and does not list it any
// more). The payload:
//
//	 0  1  version, 1
//	 1 16  source: the beginning of the SHA-256 of protocol, host and user, zero bytes between
//	17 16  type 1 only: the beginning of the SHA-256 of the message as it came
//	       number of items (unsigned varint; 1 in type 1), then each:
//	       length (unsigned varint, at most 96), item
//
// An item is "u" and the unique-id, or "i", UIDVALIDITY and UID (4 bytes each,
// big-endian), or, for other folders than INBOX, "f", the beginning of the SHA-256 of
// the folder's name (8 bytes), UIDVALIDITY and UID. Times are those of the records.
//
// # Index
//
// collect.db (bbolt), made anew from the log when it is missing, damaged or ahead
// of it:
//
//	meta   version → one byte, 1; lsn → up to where the log is in here, 8 bytes big-endian
//	items  source (16), item → mark; source (16), "#", fingerprint (16) → mark
//
// A mark is 36 bytes, big-endian: when it was taken, Unix seconds (8); when it was
// deleted, or zero (8); for an item its fingerprint, for a fingerprint the beginning
// of the SHA-256 of the item (16); CRC32C of these (4).
//
// Standards: RFC 1939, 2449, 2595, 3206, 5034 (POP3); RFC 3501, 9051, 2177, 4315
// (IMAP, through go-imap's client, whose bytes are bounded here).
package collect
