// Package dmarc finds out what the owner of a domain wants done with mail that
// only claims to come from it, and tells owners what was seen (RFC 9989, 9990).
//
// What comes in: the domain of a message's From and the domains for which SPF
// and DKIM have passed ([Evaluate]); the text of a policy record ([ParseRecord]);
// outcomes to be reported ([Collector]); other people's reports ([ReadReport]).
// What goes out: a [Verdict] with the policy to be applied; reports as XML and as
// messages ready to be sent.
//
// # Which standard
//
// RFC 9989 has replaced RFC 7489: the organizational domain is found by walking
// up DNS, at most eight questions, not by a list of public suffixes; "pct" is
// gone, "t", "np" and "psd" are there. Records of the old kind are read as the
// new standard says, with one addition: "pct=0" without "t" counts as "t=y",
// which is what its writers meant; other values of pct are ignored, since a draw
// of lots can't be explained to anybody.
//
// Reports are in the XML form of RFC 7489 appendix C, which every reader knows and
// of which RFC 9990's is an extension. Those that would go to another organization are sent only if it agrees in DNS (RFC 9990 §4).
//
// Durability: none; whoever owns a Collector stores what [Collector.Encode] gives.
// Concurrency: a Collector may be used by several goroutines; all else is plain
// data.
//
// Standards: RFC 9989, 9990; RFC 7489 appendix C; RFC 9091 (np).
package dmarc
