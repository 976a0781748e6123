// Package tlsrpt tells other domains how safely mail could be sent to them: TLS reports
// (RFC 8460).
//
// What comes in: the outcome of each session as far as TLS goes (Collector.Note), and a
// domain's wish for reports (Recipients). What goes out: a Report for each domain and
// day (UTC), as JSON and as a message that is ready to be signed and sent.
//
// Reports go by mail or by https, as the domain says; this package writes both forms and
// sends neither.
//
// Memory is bounded: domains for each day, policies for each domain, failures for each
// policy; what is over them is counted as sessions without their details, or left out.
//
// Durability: none; whoever owns a Collector stores what Collector.Encode gives.
// Concurrency: a Collector may be used by several goroutines.
//
// Standards: RFC 8460.
package tlsrpt
