// Package content looks for what must not be in a message: an office's rules on
// contents.
//
// In come rules ([Compile]) and a message with its digest; out goes what was found
// ([Set.Look]), or the message without it ([Set.Redact]). Where rules are kept and what
// becomes of a message is for others: this package holds no state.
//
// # What is looked at
//
// The text of every part that is text, as people read it (transfer encoding taken off,
// in UTF-8, of HTML the words), in enclosed messages too; the header fields that people
// write (Subject, From, To, Cc, Reply-To, Comments, Keywords; not those that machines
// write, where any number can stand); the names of attachments; and the text of office
// documents (package document), one at a time for each Set. A document that can't be
// read lets its message pass, or has it wait, as the rule says, and the finding names it. A pattern is RE2, so no
// text can make it slow; what is longer than [MaxMatch] is not found where two pieces of
// a text meet. Beyond [MaxText] bytes, [MaxParts] parts or [MaxTime] nothing is looked
// at, and the finding says so.
//
// # Redaction
//
// Only text parts in which something was found are written anew, in UTF-8 and
// quoted-printable (base64 where it could be taken for a boundary); everything else stays byte for byte. What can't be redacted so that
// nothing is found any more is an error: mail that is signed or encrypted, a match in
// the header, in a name or in a document, a match across HTML tags, a part of more than [MaxRedact].
//
// A Set may be used by any number of goroutines.
package content
