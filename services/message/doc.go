// Package message reads mail: the header, the MIME structure, the words people
// search for. It looks at every byte once, on the way in.
//
// What comes in: the bytes of a message, pushed into a [Scanner] in pieces of
// any size. Nothing is assumed of them; there is no message that fails. What is
// broken degrades as RFC 2045 §5.2 says, what is over a limit becomes one
// opaque part (see [Limits]).
//
// What goes out: a [Digest], which holds all that IMAP, the index and the pages
// ask of a message without reading it again, and which has a compact, versioned
// binary form. A [Stored] joins a digest with the bytes on disk and the lines
// that were put in front of them for one recipient, as one coherent message.
// [Fields], [DecodeHeader], [NewTextReader] and [Text] read further into stored
// bytes where a search or a page needs it; [WriteReceived] writes the trace
// field of RFC 5321 §4.4.
//
// Durability: none; the package does no I/O of its own.
//
// Concurrency: a Scanner belongs to one goroutine. A Digest is plain data: any
// number of goroutines may read one that nobody changes. A Stored may be read
// from several goroutines at once.
//
// What others may rely on, in every digest, also a decoded one:
//
//   - offsets and lengths lie inside the message, children inside their parent;
//   - Type is "multipart" exactly where there are Children, and Message is set
//     exactly where the type is message/rfc822 or message/global. A multipart in
//     which no part was found is shown as text/plain, which is what a person can
//     do with it;
//   - Type, Subtype, Encoding, Disposition and parameter names are lower case;
//   - other text is as the message has it, unfolded, and may hold any byte but
//     CR, LF and NUL: older software sends Latin-1 without saying so.
//
// Standards: RFC 5322 (header, addresses, §4 obsolete forms), RFC 2045, 2046,
// 2047, 2183, 2231, 3282 (MIME), RFC 6532 and 6533 (UTF-8 headers), RFC 9051
// §7.5.2 (envelope and body structure), RFC 5256 §2.1 (base subject), RFC 8970
// (preview), RFC 5321 §4.4 and RFC 3848 (Received).
package message
