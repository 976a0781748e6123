// Package delivery takes accepted messages to where they belong.
//
// In come envelopes with their bodies, from the protocol servers; out they go
// to the mailboxes of this office. Every recipient is resolved here and nowhere
// else (route.go): it is local, or it is refused before the sender reads 250.
// deliver.go makes the message durable for all recipients at once. When Deliver
// returns nil the message is on disk, in every recipient's mailbox.
//
// A Mailroom may be used by any number of goroutines.
//
// What a judge found out about a message stands in front of Received, and junk
// goes to the junk mailbox.
//
// Standards: RFC 5321 §4.4 (Received, Return-Path), §4.5.1 (postmaster), §7.8
// (no relaying).
package delivery
