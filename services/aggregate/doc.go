// Package aggregate gathers what other domains want to hear once a day, and sends it:
// who used their names in mail that came here (DMARC, RFC 9990), and how safely mail
// could be sent to them (TLS-RPT, RFC 8460).
//
// What comes in: outcomes, from whoever judges mail and whoever sends it; neither waits.
// What goes out: reports as ordinary messages of the box's own, through a Post, signed
// and queued as all mail is.
//
// # Durability
//
// Counts are in memory and, every ten minutes and at the end, in one file that is
// replaced whole. A power cut costs the counts since then and no mail; a damaged file
// is begun anew. A report is forgotten when it is in the queue; a crash in between sends
// it twice, under the same name, which tells its reader so.
//
//	file: version byte 1, JSON {"dmarc": dmarc.Collector.Encode, "tls": tlsrpt.Collector.Encode}
//
// Reports have the null path: if one can't be delivered, nobody here needs to know. They
// go out some hours after midnight (UTC), each office at another minute; a domain whose
// DNS can't be asked is asked again for two days, then its reports are dropped.
//
// TLS reports go by https where the domain wants that ([HTTPS]). A host that can't be
// reached, or answers 5xx, 408, 425 or 429, is tried again every hour, likewise for two
// days; any other answer but 2xx is the last. Meanwhile whoever has the report is not
// sent it again, but after a restart.
//
// Concurrency: everything may be called from any goroutine; Run once.
//
// Standards: RFC 9990 (and 7489 appendix C), 8460, 3834 (Auto-Submitted).
package aggregate
