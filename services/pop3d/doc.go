// Package pop3d serves POP3: the office's old programs and copiers, and whoever
// collects mail from the box, fetch INBOX with it.
//
// What comes in: connections, in the clear with STLS offered or TLS from the
// first byte. What goes out: the bytes of messages as they are stored, and one
// Expunge for what a session deletes.
//
// A session sees INBOX as it was at log-in; nobody else can open it by POP3
// until the session ends. Meanwhile IMAP goes on: what it removes is gone here
// too (RETR says so), what arrives is seen by the next session.
//
// Sizes are those of what RETR sends, octet for octet but for the dots that are
// doubled (RFC 1939 §11): a message that somebody appended with bare LF line ends,
// or without the last one, is sent with CRLF and counted so.
//
// Durability: DELE only marks. QUIT removes everything that is marked, all or
// nothing, and says +OK when that is on disk; a connection that ends in another
// way removes nothing (RFC 1939 §6). Removed is not erased: the store keeps what
// is expunged for its undo time.
//
// Where [Rules] say that mail is left for some days only, a message counts as fetched
// when RETR has sent it whole and the client has said something after it had got all
// that it had asked for; sessions note that when they end, and every 256 messages. With
// 0 days QUIT removes what was fetched besides what is marked, but for what somebody
// has flagged (RFC 2449 §6.7).
//
// Concurrency: Server's methods may be called by any number of goroutines; each
// session has one of its own. Nothing is locked while a session waits for its
// client or writes to it, but for the account's mark that its maildrop is open.
//
// Deviations, on purpose:
//
//   - RETR does not set \Seen: a program that only collects is no reader.
//
//   - APOP is offered, and the greeting has its timestamp, only while somebody has been
//     given a secret for it, which is never the password.
//
//   - Messages with UTF-8 in their headers (RFC 6532) are sent as they are, also to
//     a client that has not said UTF8: refusing them, as RFC 6856 §2.1 would have
//     it, would leave an old program stuck before them for ever, and changing them
//     would make sizes and signatures wrong.
//
// Standards: RFC 1939 (POP3), 2449 (CAPA, response codes, PIPELINING, lengths),
// 2595 and 8314 (TLS), 3206 (SYS and AUTH codes), 5034 (AUTH),
// 6856 (UTF8 and LANG).
package pop3d
