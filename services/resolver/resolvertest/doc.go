// Package resolvertest is DNS for tests: zones in memory, written as zone files,
// with failures and delays to order, and signed with DNSSEC where a test wants
// it. A test makes an [Internet], and gives its [Internet.Client] to what it
// tests; nothing leaves the process, so it works under testing/synctest. Who
// needs sockets, for another program to ask, calls [Internet.Listen].
//
// The Internet answers as a recursive server does that passes signatures on: it
// follows CNAMEs, synthesises from wildcards, and proves what is not there. It is
// written apart from the resolver, whose witness it is.
//
// Concurrency: everything may be called by several goroutines at once.
package resolvertest
