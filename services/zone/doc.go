// Package zone says what an office publishes in DNS for its mail, each record ready to
// paste, and how it stands there: as it should, missing, or otherwise.
//
// What comes in: an [Office] as it was set up, with its signing keys and certificate;
// somebody who asks DNS. What goes out: [Record]s ([Records] makes them, [Look] finds
// out about them), a fragment of a zone file ([WriteFile]), and the MTA-STS policy that
// the box serves ([Policy]).
//
// # What is proposed
//
//	needed   A/AAAA and PTR of the box's name; for each domain MX, SPF, DKIM (two keys,
//	         those to come, those that have been) and DMARC
//	useful   SPF of the box's name (RFC 7208 §2.3), TLS-RPT, TLSA of port 25, autoconfig,
//	         autodiscover, SRV for mail programs
//	later    MTA-STS, until the box has a certificate that the world believes: a policy
//	         that can't be fetched helps nobody
//
// SPF ends in ~all: DMARC decides, and -all has some servers refuse forwarded mail
// before they look at its signature. DMARC is proposed with p=none, and what to do
// next is said: an office that sends newsletters through somebody else finds that out
// from the reports. Whatever the office has published already that means the same
// counts as right: an SPF record is evaluated, not compared.
//
// TLSA names the box's own authority (2 1 1), whose key stays, so that a renewed
// certificate needs no new record; and beside it the key of a certificate from elsewhere
// (3 1 1), if the box has one. Either suffices for who heeds them: while both stand there
// the box may show either at port 25. [Heeded] says which it may show with what stands
// there now. Naming the world's authority instead was rejected: it changes its keys
// without asking, and mail would stop.
//
// Durability: none. Concurrency: plain data; Look asks several things at once.
//
// Standards: RFC 1035 (zone files), 2782 and 6186, 8314 (SRV of mail), 6698, 7671, 7672
// (TLSA), 7208, 6376, 9989, 8460 (TLS-RPT), 8461 (MTA-STS).
package zone
