// Package search finds messages by what is written in them: for IMAP exactly
// what a scan of every message finds, only sooner; for people ranked, with
// misspellings forgiven.
//
// What comes in: mail, read from an account through a small interface after it
// has been stored; the conditions of a mail.Query; what a person types.
//
// What goes out: the messages for which a query holds (Search); the best messages
// for what a person typed, with the places found in them (Query).
//
// What is durable on return: nothing is waited for. The index is a copy of what
// the mail says and can be thrown away: whatever it doesn't have is looked at in
// the messages themselves, so an answer is right with a whole index, half of one
// or none.
//
// Concurrency: every method may be called from any goroutine. One goroutine
// writes: it follows the store's changes, and works half of the time at most.
// Delivery neither waits for it nor knows of it.
//
// # How it follows
//
// The store says which accounts have changed after a position (ChangedAccounts),
// in one question for all that came within a second; a minute later each of them
// is looked at, from the ModSeq on that its manifest names. Accounts in which
// nothing happens are never opened, at a start either. The position on disk is
// one up to which every account has been looked at, so it stays behind one that
// could not be. A position that the log has not come to (it was put back to an
// earlier state) becomes 0, on disk before anything else: then ModSeqs of before
// mean nothing, and all messages of all accounts are compared with what the
// indexes have.
//
// Rebuild makes an account's index anew beside the old one, which searches use
// until the new one takes its place in one step.
//
// # How it finds
//
// A token is a run of letters, digits and marks, folded as package match folds.
// So a text without anything between words lies within one token, and the
// messages that contain it are those of all tokens that contain it: the
// vocabulary is scanned, which is some thousandths of the mail. A longer text is
// its tokens in a row, the first and the last of which may go on; the index keeps
// places and what stands before each token (nothing, a space, an apostrophe, a
// hyphen, a dot, an at, a comma with a space, something else). Only where there is
// something else must the message be looked at. Scripts without spaces have
// every two neighbouring characters as a token, and the last of a run alone.
// Tokens of more than 64 runes are kept in overlapping pieces. Subject, From, To,
// Cc and Bcc are also kept whole: texts in them are compared, not put together.
//
// An email is indexed once, whatever mailboxes it stands in; flags, dates and
// sizes are asked of the store's rows. An email is known by its number and by a
// checksum of its row's message ID and size: after the log was put back to an
// earlier state, numbers are given out again.
//
// For people, words are compared in their plain form, without marks; the last one
// may go on. All words must be there. Rank is BM25 over the body, more for a word
// in the subject or the sender, and more for what is new; rare words count more.
// A word may be written otherwise: ü as ue and ue as ü, 1250 as 1.250 or 1,250.
// One found in three messages or fewer, and without digits, is also looked for
// with one letter amiss (from four letters on) or two (from eight), but for its
// first one. New mail that is not indexed yet is read while the question is
// answered, the 500 newest: so with an index that is lost, or can't be read,
// people still find what is new, and are told that it is not all.
//
// Names of attachments are indexed, what people look at of the header of a message
// inside the message, and the text of office documents (OOXML, ODF:
// archives of XML), within bounds: 8 MiB a document, 4 MiB unpacked of each file in
// it, 16 MiB for a message. IMAP's searches don't look there.
//
// # Files
//
// The directory of an account (its ID, such as a5) has a manifest and segments.
// A segment never changes: new mail makes a new one, and four of a size become
// one, without what is gone; up to 262,144 documents, beyond which one is only
// written anew when half of it is gone: so no merge holds more than some 50 MiB.
// A segment is written under a number that nothing refers to yet, and
// synced; then the manifest is replaced in one step. What no manifest names is
// removed. So a crash leaves the index as it was before or after a step. Beside
// the accounts' directories stands a file called position.
//
// Varints are those of encoding/binary, unsigned if nothing else is said. All
// checksums are CRC32C, little-endian.
//
//	position
//	  byte     version, 1
//	  varint   position up to which the store's changes have been looked at; 0:
//	           nothing is known
//	  4 bytes  checksum of all before it
//
//	manifest
//	  byte     version, 3 (what is of 1 or 2 is made again: their idea of TEXT was another)
//	  varint   ModSeq up to which the account's changes have been looked at
//	  varint   number of the next segment
//	  varint   number of segments; each: varint number, 8 bytes salt, varint
//	           length of its words
//	  4 bytes  checksum of all before it
//
// A segment is two files, number.words and number.lists, each a stream in pages:
// 8,188 bytes of the stream (the last page may have fewer) and a checksum of the
// salt (8 bytes, little-endian; its complement for the lists), the page's number
// (8 bytes) and those bytes. A page of another file, of another place or of an
// earlier life of the file does not pass.
//
//	words
//	  blocks of the five dictionaries: text, header, value, name, line
//	  directory:
//	    byte     version, 2
//	    varint   length of the stream of lists
//	    5 times  varint number of terms; varint number of blocks; each: varint
//	             length, varint length and bytes of its first term's plain form
//	    varint   number of documents; each: signed varint email, less the one
//	             before; 4 bytes check; varint tokens of the body × 4 + 2 if
//	             more is in the header than here + 1 if more is in the body;
//	             varints mailbox and UID where it stood, day since 1970
//	  8 bytes    where the directory begins
//
//	block
//	  varint   number of terms
//	  varint   length of their text
//	  varint   where the lists of this block begin
//	  text     NUL, then each term and a NUL
//	  each     varint number of documents; varint length of the documents' list
//	           × 2 + 1 if both lists follow here; varint length of the places'
//	           list; the lists, if they are here (up to 24 bytes together). The
//	           others stand in the stream of lists, in order
//
// Terms are ordered by their plain form (marks taken off, see plain), then by
// their bytes. The dictionary text has the tokens of the body, of the five fields
// that people look at, and of attachments' names; header has those of "Name:
// value" of all other fields, of the parts' and enclosed messages' headers, and
// decoded parameters of RFC 2231; value has whole folded values of the
// five fields; name has the names of the other fields in small letters, and one
// that says that something is attached; line has "Name: value" of signatures, up
// to 3 KiB, whole and folded.
//
//	list of documents: each
//	  varint   document, less the one before, × 4, + 1 if the fields follow
//	           (otherwise they are those of the one before), + 2 if the count
//	           follows (otherwise it is 1)
//	  byte     fields: 1 Subject, 2 From, 4 To, 8 Cc, 16 Bcc, 32 other header
//	           fields, 64 body, 128 attachments
//	  varint   count of places, in the body (text) or the other fields (header)
//	list of places, of each document with such a field: each
//	  varint   place, less the one before in this document, × 8, + what stands
//	           before: 0 something else, 1 space, 2 apostrophe, 3 hyphen, 4 dot,
//	           5 at, 6 nothing, 7 comma and space
//
// Standards: RFC 9051 §6.4.4 (substrings).
package search
