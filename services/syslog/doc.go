// Package syslog passes the box's log on to a collector of the office's, as RFC 5424
// has it.
//
// In: lines of the log, JSON objects, read page by page from a place that is remembered
// (a [Source]). Out: one message for each line, by UDP (RFC 5426), TCP (RFC 6587 §3.4.1,
// octet counting) or TLS (RFC 5425, whose certificate is checked, by the system's
// authorities or one that was given).
//
// What a collector has confirmed nobody can tell, for syslog confirms nothing. A line
// is read again when its connection failed before all of it was handed to the kernel;
// what a collector loses after that, and by UDP all that the network loses, is lost
// there: the box's own log has it. Behind a restart the place goes back by [KeepEvery] at most, so that some lines come
// twice. While the collector can't be reached nothing is kept besides the log; when
// lines have gone from there before they could be sent, one message says so.
//
// Concurrency: one goroutine runs [Exporter.Run]; the other methods may be called by any.
package syslog
