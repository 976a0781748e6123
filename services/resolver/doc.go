// Package resolver asks DNS for all who send, receive and judge mail: where a
// domain's mail goes (MX, A, AAAA), what it says of itself (TXT), who an address
// is (PTR), which certificates its servers have (TLSA), and where its services are
// (SRV).
//
// What comes in: names, in Unicode or as A-labels, always taken as absolute (no
// search list). What goes out: an [Answer], with how long it holds and whether
// DNSSEC proves it; or an error that is [ErrNone] when there is no such name or
// no such record, and anything else when that could not be found out just now.
// The two must never be mixed up: "no MX" sends mail elsewhere, "could not ask"
// keeps it.
//
// It is a stub: it asks the recursive servers that the system names in
// /etc/resolv.conf (read again when the file changes), or the one it is given.
// Queries go over UDP with random IDs, ports and letter case, then over TCP
// where an answer does not fit or does not match. Answers are kept in memory,
// bounded in bytes and time; the same question asked by several at once is sent
// once.
//
// # DNSSEC
//
// A client made by [Client.Validated] proves every answer itself, from the
// root's keys down: signatures (RFC 4034, 4035), proofs that something is not
// there (NSEC; NSEC3 of RFC 5155), proofs that a zone is not signed. Nothing is
// believed because the server in between says so: in an office that is a
// router. An answer is then one of three things:
//
//   - secure: Authenticated is set;
//   - insecure, because its zone is provably not signed: Authenticated is not set;
//   - neither: ErrBogus, which is temporary, as an attack or a mistake of the
//     zone's owner must not turn mail away.
//
// Routers that pass no signatures on exist. If the server gives none for the
// root, which is signed, then nothing can be proven; all answers are insecure
// and [Client.CanValidate] says so, for the page that shows the box's health.
//
// SHA-1 in signatures or DS records counts as no signature (RFC 9905), and so do
// zones with more than 100 rounds of NSEC3 hashing (RFC 9276 §3.2). Work for one
// answer is bounded against crafted zones (CVE-2023-50387, CVE-2023-50868).
//
// Durability: none. Concurrency: a Client may be used by any number of
// goroutines.
//
// Standards: RFC 1035, 2181, 2308 (negative answers), 4033–4035, 5155, 5891
// (A-labels), 6672 (DNAME), 2782 (SRV), 6698 (TLSA), 6891 (EDNS), 7505 (null MX), 7766 (TCP).
package resolver
