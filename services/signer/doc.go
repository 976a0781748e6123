// Package signer answers for what leaves the office: it signs the mail of the
// office's own people and of the box (DKIM), seals what is passed on for others
// (ARC), and keeps each domain's keys.
//
// What comes in: an envelope and its finished body, from delivery. What goes out:
// header fields to stand in front of everything else, CRLF at their ends. The body is
// read once, however many domains and keys sign; a seal reads it once more if the
// message has been sealed before. Mail never waits for a signature longer than
// [MaxTime], and never fails for one: whoever asks sends it without.
//
// # Who signs
//
// Each domain of the office that is in From, or is above it (DMARC's relaxed alignment:
// the box's own name signs by its domain), signs with two keys, RSA
// and Ed25519 (RFC 8463 §3). Other names of domains have keys of their own; so has the
// box's name where it is below none of the domains. A seal is by the main domain (or the
// first that signs), and
// by its RSA key alone, since RFC 8617 §4.1.3 allows one for each instance.
//
// An office may leave the signing for a domain to its provider, whose server all its
// mail goes through, or have a DNS that can't carry keys. Then the box makes no keys for
// it, doesn't sign, and seals by the next domain that signs; if none does it doesn't
// seal, for a seal that can't be checked fails. Keys that there are stay, so that taking
// the signing back needs nothing new in DNS.
//
// Copies in the office's own mailboxes carry no signature: they do not leave, and
// nobody asks.
//
// # Keys and their change
//
//	state of a domain   in DNS should be       who advances it
//	no keys             nothing                Run, or the first message: makes a pair
//	signing             the pair's records     Prepare: makes the next pair
//	prepared            both pairs' records    Run, when DNS has the next pair's; or Switch
//	retired             both, for 30 days      nobody: the page says when they can go
//	                    none                   Run forgets it after 30 days more
//
// The box does not begin a change by itself, since it can't publish records. Every
// step is durable before it counts: a crash leaves the state before it.
//
// Durability: KeyStore's. Concurrency: everything may be called from any goroutine.
//
// Standards: RFC 6376, 8463 (DKIM), 8617 (ARC), 8601 (what a seal says).
package signer
