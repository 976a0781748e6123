// Package smtpd receives mail over SMTP: from other servers on port 25, and
// from the office's own people on the submission ports.
//
// In come connections; out go envelopes with their bodies, handed to a
// Mailroom. When Mailroom.Deliver returns nil the message is on disk, and only
// then does the client read 250: data.go holds that order and nothing else
// writes it.
//
// The server is our own because a reply must be exact where a library's is
// approximate: a message cut off in its last BDAT chunk must not pass for a
// whole one, a bare CR must be seen to be refused, replies to pipelined
// commands leave in one write, and limits apply before the first EHLO.
//
// Strangers on port 25 are looked at before anything of theirs is taken
// (guards.go, rate.go): they must wait for the greeting and for answers, may not
// come too often, and wait longer and longer when they try names out. None of it
// reads a message, and none refuses for good who keeps to RFC 5321.
//
// Whole messages of strangers are shown to a Judge before they are delivered
// (judge.go); what it found out travels in the envelope.
//
// What the office's own people hand in must say truly who wrote it, and gets the
// fields that their programs forgot (author.go); how much an account may send in
// a day is bounded (allowance.go).
//
// One goroutine serves one connection; a Server's methods may be called from
// any goroutine. Every bound on what a client may send is in limits.go.
//
// Standards: RFC 5321 (SMTP), 2034 and 3463 (enhanced codes), 2920
// (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3030 (CHUNKING,
// with BINARYMIME), 3207 (STARTTLS), 4954 (AUTH), 6409 (submission), 8314
// (implicit TLS), 9422 (LIMITS); and where Offers turns them on 3461 and 6533
// (DSN), 8689 (REQUIRETLS), 2852 (DELIVERBY), 6710 (MT-PRIORITY), 4865
// (FUTURERELEASE), 1985 (ETRN).
package smtpd
