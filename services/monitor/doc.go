// Package monitor is what watches over the box tell each other: the settings of who gets
// its log and its figures and who is told of trouble, figures in the form that
// Prometheus reads, and the bundle for whoever gives support.
//
// What is durable: settings, when [Book.Set] returns. The place up to which the log was
// passed on and what was told may go back to what they were half a minute before.
//
// The file [File] is a version byte, 1, and JSON: {syslog, metrics_hash (hexadecimal
// SHA-256 of the token), silent, place, told}. A file that is damaged counts as none,
// and the log says so: it only says who is told.
//
// Concurrency: everything may be called from any goroutine.
package monitor
