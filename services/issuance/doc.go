// Package issuance gets the box a certificate that the world believes, from an authority
// that speaks ACME (RFC 8555), and renews it in time.
//
// What comes in: settings (whose authority, how the box proves itself), the names to be
// certified, DNS. What goes out: chains with their keys, handed to Options.Take; answers
// to the authority's questions at port 80 ([Issuance.ServeHTTP]), or the records that
// somebody has to publish ([Issuance.Proofs]).
//
// # File
//
// private/acme, mode 0600: one version byte (1), then JSON: the settings, the account's
// key and that of the certificate (PKCS #8, base64), the order that waits for a record,
// and how it went the last time. Keys are durable before anybody outside hears of them:
// after a power cut the same account goes on, and no certificate is without its key. A
// file that is damaged is set aside as private/acme.damaged, and somebody has to turn
// this on again; the certificate itself is elsewhere and stays.
//
// # Decisions
//
//   - The certificate's key stays at every renewal, so that a TLSA record with it (3 1 1)
//     stays right. A key per renewal was rejected: mail would be turned away each time
//     the record lags behind.
//   - A certificate is renewed 30 days before its end, or when a third of its life is
//     left, whichever is later: authorities shorten their lives. What fails is tried again
//     after a pause that grows to a day; the old certificate stays meanwhile.
//   - With dns-01 the record is set by hand, so its order waits for days, also across
//     starts, until DNS shows the record. Providers' APIs were rejected: one program for
//     each, and its password on the box.
//   - With http-01 names beside the box's own (autoconfig, mta-sts …) are certified if
//     they lead to the same addresses: one that doesn't would fail all of them. With
//     dns-01 only the box's own is, which is one record to set.
//   - golang.org/x/crypto/acme, which was there already. certmagic was rejected: it keeps
//     certificates in its own storage and brings its own renewal and many modules.
//
// # Concurrency
//
// All methods may be called from any goroutine; Run gets one certificate at a time.
package issuance
