// Package document reads the text of office documents that are attached to mail:
// Word, Excel and PowerPoint as they are since 2007, OpenDocument; with their headers,
// footers, notes and comments, and the numbers in tables.
//
// In: a part of a message. Out: its text in pieces, without look and layout, for a
// [Sink]. It is for finding words, not for showing: what can't be read is passed over,
// and said.
//
// Documents come from strangers. What is held in memory, unpacked and looked at is
// bounded; an archive in an archive is not opened. PDF isn't read: its text needs the
// fonts' tables, and no library for that has stood long enough in front of hostile
// files.
//
// Concurrency: the functions share nothing; each call may hold the document, 8 MiB, and
// its archive's directory in memory.
package document
