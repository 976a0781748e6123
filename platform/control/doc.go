// Package control is the narrow door between the unprivileged services and PID
// 1: a unix socket with a fixed list of verbs. The web pages reach the machine
// only through it.
//
// What comes in: one JSON object per line, at most [MaxFrame] bytes:
//
//	{"v":1,"verb":"hostname","args":{"hostname":"mail.example.test"}}
//
// What goes out: one line for each, in order:
//
//	{"v":1,"data":{…}}
//	{"v":1,"error":{"code":"invalid","text":"hostname: …"}}
//
// Who may say what is decided by the kernel's word about the peer's user id
// (SO_PEERCRED), per verb. An unknown version, verb or field is refused. The
// frames in testdata are golden: a change to one is a change of [Version].
//
// Durable on a good reply: what the verb changes (network, hostname,
// setup-done); the others change nothing that is kept.
//
// Concurrency: Server handles each connection in its own goroutine and calls
// handlers concurrently. A Client may be used by several goroutines; its
// requests follow one another.
package control
