// Package mailtest runs mail servers in a test: a network in memory, TLS for
// it, and dialogues, which say line by line what a client sends and what the
// server must answer.
//
// # Dialogues
//
// A dialogue is a text file. A transcript out of a bug report is one already:
//
//	# What a client saw, as it was reported.
//	C: EHLO desk.example.org
//	S: /250-.* at your service/
//	S: ...
//	S: 250 HELP
//	C: QUIT
//	S: /221 .*/
//	S.
//
// Every line is a step; blank lines and lines that begin with "#" say nothing.
//
//	C: text       send text and CRLF
//	C8: bytes     send bytes exactly (see below), without a line end
//	C+            start TLS on the client's side
//	C.            close the connection
//	S: text       the server's next line is text (without its CRLF)
//	S: /regexp/   the server's next line matches all of regexp (RE2)
//	S: ...        skip lines until the one that the next S: step wants
//	S8: bytes     the server sends exactly these bytes next
//	S.            the server has closed the connection, without another byte
//	S-            the server says nothing now; it is not closed either
//	wait 30m      let time pass (in a testing/synctest bubble, at once)
//	stop          begin to shut the server down
//
// Bytes are Go string literals, each perhaps with "*" and how many times:
//
//	C8: "a1 LOGIN {4097+}\r\n" "x"*4097 "\r\n"
//
// A number in front of a step names the connection, which the first step that
// names it opens; without a number it is connection 1:
//
//	2C: NOOP
//	2S: +OK
//
// A regexp may catch what it sees in a named group, and later steps may use it:
//
//	S: /\* OK \[UIDVALIDITY (?P<v>\d+)\] .*/
//	C: a2 SELECT INBOX (QRESYNC (${v} 1))
//
// "${" that names nothing known is left as it is, in bytes too.
//
// Steps of C: send without waiting, so several in a row are pipelined.
//
// # The network
//
// [Pipe] and [Listener] carry bytes in memory with a bounded buffer, as sockets
// do: net.Pipe has none, so two ends that both write wait for each other for
// ever. Deadlines work. Everything may run in a testing/synctest bubble, where
// a time-out of 30 minutes passes at once.
//
// # The rest
//
// [Store] is a mail store in memory that messages are put into, [Logins] an
// authenticator that knows a few people by heart, [TLS] a certificate and who
// trusts it.
//
// Concurrency: connections and listeners as package net has them. A run belongs
// to the goroutine of its test.
//
// Durability: none.
package mailtest
