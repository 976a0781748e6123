// Package uplink finds out how mail can reach the box, before anybody has set it up:
// whether it has a way to the Internet, by which address others see it, whether it
// may send to other mail servers, and where a domain's mail goes today.
//
// What comes in: the office's domain, as it was typed. What goes out: [Findings], and
// which of the three ways they speak for. Nothing is ever an error: what could not be
// found out is empty, as everything is where there is no Internet. A look takes
// [Limit] at most.
//
// # What is asked, and whom
//
// DNS for the domain's mail servers, then those servers themselves, at port 25, with
// EHLO and QUIT: that is what sending the first message would do. Where the domain has
// none that answers, the servers of three large mail services are asked the same, since
// an office writes to those anyhow. A server that says in its answer to EHLO from which
// address it was asked (most of the large ones do) tells the office's public address.
// That is hearsay: it is shown and weighed, and nothing is configured by it.
//
// Rejected: a service of our own, or anybody's, that tells callers their address (the
// box phones nobody), and asking the router by UPnP (it says what it has been told, and
// offices do well to have it off).
//
// That port 25 can't be reached from outside is not known after all this: only somebody
// outside can try. Whoever chooses that way is told what the router must do.
//
// Durability: none. Concurrency: a Finder may be used by any number of goroutines.
//
// Standards: RFC 5321 §4.1.1.1 (EHLO, with an address literal for a host without a
// name), 6598 (addresses that providers share among customers).
package uplink
