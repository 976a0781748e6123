// Package trust says what is known of a message that came from outside: whether
// the server that brought it may send for its domain, whether signatures hold,
// what the author's domain wants done with forged mail, and what those who passed
// it on have vouched for.
//
// What comes in: an envelope with the peer's address and HELO, and the message's
// bytes ([Judge.Message]); an address alone, when it connects ([Judge.Connection], lists.go).
// What goes out: a [Judgement] of verdicts, each with its method and result in the
// words of RFC 8601, a sentence for people, properties and the time it took; and
// a [Disposition]: accept, put in the junk mailbox, refuse, or ask to try again
// later. A Judgement writes itself as Authentication-Results, as the results of an
// ARC seal, and as an observation for DMARC reports.
//
// Nothing that goes wrong on the way is an error: it is a verdict "temperror".
//
// # What leads to which disposition
//
//   - DMARC fails and the author's domain says reject: refused, 550 5.7.26. Not so
//     if a sealer whom the office trusts vouches (ARC) that DMARC passed when the
//     message came to it: accepted. Nor if it comes from a mailing list that signs
//     for itself: junk, as RFC 9989 §7.4 warns of refusing lists.
//   - DMARC fails and the domain says quarantine, or tests: junk, or accepted.
//   - DMARC can't be found out just now, and its failing would refuse: 451 4.7.0.
//   - The author's domain has no policy, and SPF of the sender's says "fail"
//     without a signature of the author's domain: junk.
//   - No author, or authors of several domains, whom nobody can vouch for: junk.
//   - The peer is on a block list that the office set to refuse: 550 5.7.1 to every
//     recipient but the postmaster; on another: junk, and so is what comes from it by
//     way of the office's own spare servers. No list is asked unless the office names
//     one; one that doesn't answer counts for nothing and is left alone for a while.
//
// Everything else is accepted: iprev, HELO and broken signatures alone never
// refuse real mail.
//
// # Authentication-Results of others
//
// A message may bring such fields in our own name, to deceive whoever reads them
// (RFC 8601 §5). [Foreign] gives the ranges of those, [Without] reads around them:
// so they are cut before the message is stored or passed on. What this box found
// itself stands above everything the message brought, in the prefix.
//
// # Collected mail
//
// Of a message that lay at a provider ([Judge.Collected]) signatures and seals are
// checked; SPF and DMARC are the provider's word, where a name is set whose results
// are believed, or nobody's. X-Spam-Flag and X-Spam-Status make it junk.
//
// Durability: none. Concurrency: a Judge may be used by any number of goroutines.
//
// Standards: RFC 7208 (SPF), 6376 (DKIM), 9989 (DMARC), 8617 (ARC), 8601
// (Authentication-Results, iprev), 5782 (DNSBL), 7372 (status codes).
package trust
