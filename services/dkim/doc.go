// Package dkim makes and checks the signatures that mail carries: DKIM, by which
// a domain answers for a message, and ARC, by which those who pass a message on
// say what they found when it came to them.
//
// What comes in: a [Message], opened over bytes that were received or are to be
// sent, and somebody who looks keys up in DNS. What goes out: a [Result] for each
// signature, in the words of RFC 8601 with a reason for people; the state of an
// ARC [Chain]; header fields that [Sign] and [Seal] made, to stand in front of
// the message, whose own bytes are never touched.
//
// The body is read once, whatever the number of signatures, and never kept; the
// header is, within MaxHeader. Everything in a message is hostile: fields,
// signatures, ARC sets, tags, key records and key sizes are bounded by constants.
//
// # What is judged more strictly than RFC 6376
//
//   - rsa-sha1 and RSA keys under 1024 bits are no signature (RFC 8301 §3);
//   - "l=" that leaves part of the body unsigned gives "policy": anything could
//     have been added behind it (RFC 6376 §8.2);
//   - From must be signed, and a second From that is not signed makes it "policy".
//
// Keys of a domain live in [Keys]: an RSA and an Ed25519 pair in use, the next
// ones with their DNS records to be published first, and old ones until nothing
// that they signed is under way any more.
//
// Durability: none; whoever owns a Keys stores what [Keys.Encode] gives, sealed.
// Concurrency: a Message and a Keys belong to one goroutine at a time.
//
// Standards: RFC 6376, 8301 (algorithms), 8463 (Ed25519), 8601 (result words),
// 8616 (international domains), 8617 (ARC).
package dkim
