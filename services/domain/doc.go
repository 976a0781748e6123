// Package domain brings the names of mail domains into one form, so that the
// office's own domain is recognised however a client or a server writes it.
//
// What comes in: a domain as it stands behind the "@", in upper or lower case,
// in UTF-8 or in the ASCII form of IDNA. What goes out: a [Name], or [ErrName].
//
// The package is pure: no I/O, no state, any goroutine.
//
// Standards: RFC 5890 and 5891 (IDNA2008) with the mapping of UTS #46 for what
// people type, RFC 1035 §2.3.4 (lengths), RFC 6531 §3.2 (UTF-8 domains in SMTP).
package domain
