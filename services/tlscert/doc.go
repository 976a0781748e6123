// Package tlscert makes the certificates that the box shows to the office's
// computers: its own certificate authority, which people install once, and a
// certificate for the box's names and addresses, which changes as those do.
//
// Beside them it keeps one certificate that somebody else has signed, and shows it to
// who asks for one of its names.
//
// What comes in: names, addresses and the clock; a certificate from elsewhere. What goes out: a tls.Config
// whose certificate is always the current one, the authority's certificate for
// download, and fingerprints to compare with what the console shows.
//
// # Files
//
// private/ca.pem and private/leaf.pem, mode 0600: key and certificate together,
// so that a power cut can't leave one without the other. Both are durable before
// they are used. A leaf that is missing, damaged or not ours is made anew. An
// authority that is damaged is set aside as ca.pem.damaged and made anew too,
// with an error in the log: everybody has to install it again, but mail flows.
//
// private/public.pem, mode 0600, is a certificate from elsewhere: PKCS #8 key, the
// certificate, its chain in order, all PEM. One that is damaged or has ended is as good
// as none: the box shows its own. private/certificate.settings is one version byte (1)
// and JSON: {"servers": bool}, whether port 25 shows public.pem ([Certificates.ShowToServers]).
//
// # Decisions
//
//   - The authority is made at the first start, before there is a domain, and
//     stays: people install it once. (The console shows the leaf's fingerprint,
//     which a browser's warning shows; the page behind it vouches for the CA's.) It
//     carries no name constraints, which would need the domain (and which some
//     clients reject or ignore). It may only sign server certificates, by its
//     extended key usage and a path length of zero.
//   - P-256 with SHA-256, which every client of the last fifteen years knows. An
//     RSA certificate beside it was rejected: it would help nothing that is
//     still allowed on a network.
//   - A leaf is valid for at most 397 days, above which Apple's systems refuse
//     certificates even from an authority that the user installed (the limit for
//     those is 825; one number less to remember).
//   - The box's clock may be wrong before the network has told the time. What it
//     says is taken for no earlier than Options.Floor (when the software was
//     built), certificates begin two days before that, and they are made anew as
//     soon as [Certificates.Renew] sees a time at which they would not be valid.
//
// # Concurrency
//
// All methods may be called from any goroutine. Handshakes take a pointer and
// never wait for a renewal.
//
// Standards: RFC 5280 (certificates), RFC 6125 (names), RFC 8446 and 5246 (TLS).
package tlscert
