// Package firewall keeps strangers away from everything but port 25: it turns a
// [Policy], and where the box stands in the network, into rules of the kernel's packet
// filter (nftables).
//
// In: the policy, in JSON ([Parse]), which the administrator's settings make; the
// networks that the box's cards stand in, and its routers ([Surroundings]). Out: one
// table of the kernel, "sanduk" of family inet, for IPv4 and IPv6 alike ([Apply]).
//
// The same policy is asked again by the mail service for every connection (services/lan):
// the kernel's rules keep a fault in that service from being reached, the service's own
// look keeps a fault in the rules from opening it.
//
// What the rules say, in order:
//
//	loopback, answers to what the box asked, ICMP within limits
//	networks that the administrator has named: everything
//	the routers themselves, once the box is set up: like the world, since a router that
//	  masquerades makes the whole world look like it
//	networks in which the box stands, link-local addresses: everything; where no service
//	  listens the kernel says so
//	the world: port 25; services and paths that the policy opens; port 113, so that
//	  servers that ask there hear at once that nobody answers; each within a rate per
//	  address
//	anything else: nothing, not even an answer
//
// Nothing is forwarded from one network to another. What the box sends is free.
//
// Durability: none; the rules are made anew at every start and after every change, each
// time all of them in one transaction of the kernel: there is no moment without rules.
//
// Hostile input: the policy comes from maild, which may be taken over: it is bounded, and
// at its worst it opens what maild itself serves.
//
// Everything exported is safe for concurrent use; two Apply at once leave the rules of
// one of them.
package firewall
