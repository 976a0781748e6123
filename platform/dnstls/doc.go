// Package dnstls asks DNS servers over TLS (RFC 7858) for programs that know only
// resolv.conf: it listens where they ask, and passes their questions on.
//
// In: questions over UDP and TCP on an address of this machine; the servers and the name
// that their certificate has to bear. Out: the servers' answers, untouched but for their
// length; SERVFAIL where none can be had. There is no way back to questions in the clear:
// who asked for TLS does not want that.
//
// A certificate is judged whole; only its dates are not judged before the clock is known to
// be right, because the clock is put right by servers that have to be asked for by name.
//
// Hostile input: answers come from servers that the administrator chose; questions from
// this machine. Questions under way, connections and time are bounded. Names are not looked
// at, and nothing is kept: the caches are those of whoever asks.
//
// All methods are safe for concurrent use.
package dnstls
