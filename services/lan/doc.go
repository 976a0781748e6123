// Package lan says who is in the office's own network, which is who may see the
// box's pages and mailboxes.
//
// In come addresses of clients; out goes yes or no, and the policy as the machine's packet
// filter is told it, which keeps the same strangers away before they are heard. The networks that the box's
// interfaces stand in count, loopback, and what the administrator adds. The
// default gateway's own address counts only while the box is not set up: a
// router that masquerades makes the whole world look like it, so afterwards the
// administrator has to say that he trusts it.
//
// A Policy may be used by any number of goroutines.
package lan
