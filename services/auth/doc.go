// Package auth decides who somebody is: it makes the record that is kept of a
// password, checks passwords against it, speaks the SASL mechanisms, and makes
// guessing slow for everybody and in every protocol at once.
//
// What comes in: passwords when they are set ([NewRecord]), log-in names and
// passwords from POP3, IMAP LOGIN and the web pages ([Authenticator.Password]),
// and decoded SASL responses ([Authenticator.Start]). What goes out: a sealed
// [Record] for the directory to keep, and a mail.Login.
//
// # Records
//
// A Record holds an argon2id hash (for whoever sends the password: PLAIN,
// LOGIN, the pages) and the SCRAM verifiers for SHA-256 and SHA-1 (for whoever
// proves to know it), all made when the password is set, because they can't be
// made later. The whole is sealed with XChaCha20-Poly1305 under the box [Key],
// bound to the account's address: a record copied from a stolen directory can
// neither be attacked without the key nor be planted on another account. A
// SCRAM verifier resists guessing worse than argon2id does; it is the seal that
// protects it.
//
// POP3's APOP needs a secret that can be read back. Whoever has it turned on for an
// account gets one that the box has made, for nothing else ([Authenticator.APOP]).
//
// # Guessing
//
// Failures are counted per client address (IPv6: per /64) and per account, for
// all protocols together, in tables of bounded size, and fade with time. Over
// the allowance the wait doubles with each failure up to fifteen minutes, and
// what comes before it is over gets mail.ErrTryLater without a look at the
// password. An address from which the account's owner has logged in has its own
// count for that account, and it alone counts there, so neither strangers nor a
// device in the same network can lock anybody out of the office.
// Trusted networks are exempt from the count per address and from nothing else.
// An unknown name costs the same work and gets the same answers as a known one,
// down to a stable salt in SCRAM.
//
// # The channel
//
// SCRAM's -PLUS mechanisms are offered wherever TLS is on, but for submission
// ([Unbound]). They prove that no other server stands between, even one whose
// certificate the client believes.
// The client chooses what they bind to: tls-exporter, or tls-server-end-point.
// Who says that it could bind but was offered no -PLUS (flag y) is refused under
// TLS: the offer was taken away on its way. What fails in the binding is no wrong
// password and is not counted as one.
//
// # Durability and concurrency
//
// Only [CreateKey] writes anything: the key is durable when it returns. Counts
// and the short memory of successful log-ins are gone after a restart. An
// Authenticator may be used by any number of goroutines; an [Exchange] belongs
// to one session. argon2 work runs on a few slots, so a storm of log-ins costs
// waiting time, not memory.
//
// # Left out
//
// The channel binding tls-unique: TLS 1.3 has none, and before it the value
// can be made the same on two connections (RFC 9266 §1). A certificate counts by
// its fingerprint alone; the box's authority issues none to clients. The "authorization identity" of SASL may only
// repeat the log-in name: there is no acting for others. A client that resumes a
// TLS session from before the box's certificate was renewed and binds to
// tls-server-end-point is refused until it shakes hands anew; tls-exporter does
// not know the certificate.
//
// Standards: RFC 4422 (SASL, and EXTERNAL in its appendix A), 4616 (PLAIN), 5802 and 7677 (SCRAM), 5929 and 9266
// (channel bindings), 7628 (OAUTHBEARER), 4013 (SASLprep), 9106 (argon2). LOGIN
// follows draft-murchison-sasl-login-00.
package auth
