// Package delivery takes accepted messages to where they belong.
//
// In come envelopes with their bodies, from the protocol servers and the box
// itself; out they go to the mailboxes of this office and, through a [Post], to
// other servers. Every recipient is resolved here and nowhere else, at RCPT and
// again at the end: what can't be delivered is refused before the sender reads 250,
// with the reason in words. deliver.go makes the message durable for all recipients
// at once. When Deliver returns nil the message is on disk, in every recipient's
// mailbox and in what is to be sent.
//
// # The rules
//
//   - route.go: an address is somebody's (exactly, then by what stands before its
//     "+", then as a role, then by catch-all), or outside. Outside is for those who
//     have logged in and for the box itself. What the packages of this box tell from
//     mail of outside is a log-in or an empty mail.Peer, never the envelope's sender.
//   - spare.go: mail for a domain of which this box is a spare server is taken from
//     anybody, as far as the address may be there, and goes to the domain's own.
//   - expand.go: shared addresses, groups and forwarding are followed until
//     mailboxes and outside addresses are left, each once. What somebody can't
//     forward (no way out, a loop, a sender who stays inside) stays in the mailbox.
//   - permit.go: a group may be for some senders only. A log-in proves who that is;
//     on port 25 the envelope's sender has to do, which anybody can write.
//   - Local-only people get mail from inside only and send there only. A group they
//     are in goes past them where a message is from outside, and is refused if
//     nobody else is left; of what they send nothing is forwarded outside.
//   - Of several people behind one address, one whose mailbox is full is left out
//     (with a line in the log) while somebody else has room.
//   - screen.go: a domain's rules on contents refuse a message, take something out of
//     it before it is signed, or have it wait for an administrator as it came. Whoever
//     gets the same message gets it as the strictest rule leaves it.
//   - stay.go: what a sender wants to go later waits, as it came, once it is known that
//     it may go; then everything is decided anew, for each recipient by himself.
//   - Copies are made once the recipients are known; they have no copies, nobody is
//     told of them, and outside they travel with the null path.
//   - trail.go: what this box has passed on and comes back is not passed on again:
//     a forwarder keeps it, a group refuses it (5.4.6).
//
// What leaves is answered for by a [Signer]: signed if somebody of the office or the
// box itself wrote it (a log-in or an empty mail.Peer again, for From proves nothing),
// else sealed with what the judge found. A message whose signing fails goes unsigned.
// What stays in the office's own mailboxes is not signed: nobody there asks.
//
// Forwarded mail of others gets a reverse-path in our domain (package srs), unless
// it has the null path, which stays (RFC 3834 §3.3). Reports to such a path go back
// to the sender; nothing else may use it. Requests for reports go on with forwarded
// mail as RFC 3461 §5.2.7.2 and §5.2.7.3 say.
//
// Mail collected from providers (collected.go) goes by the same rules as what comes
// on port 25, but nothing can be refused and nothing may ever be sent back: what is
// passed on outside has the null path and asks for no reports.
//
// A Mailroom may be used by any number of goroutines.
//
// What a judge found out about a message stands in front of Received. Junk goes to
// the junk mailbox, and what would be forwarded outside stays there.
//
// Standards: RFC 5321 §3.9 (aliases and lists), §4.4 (Received, Return-Path), §4.5.1
// (postmaster), §6.3 (loops), §7.8 (no relaying); RFC 3461 §5.2.7; RFC 3834; RFC 5233.
package delivery
