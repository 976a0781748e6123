// Package room knows how much room is left on the disk that the mail stands on, who
// may still have some of it, and when it will be used up.
//
// What comes in: the size and the free bytes of the disk, asked for each time. What
// goes out: yes, or [mail.ErrNoSpace], for mail from outside ([Gauge.Outside]); how
// much of the free bytes the log must leave ([Bounds.Reserve]); and a [Forecast].
//
// # Who has to wait first
//
// From the fullest disk upwards:
//
//	free bytes          what is still taken
//	below Reserve       flags, deletions, what makes room (package journal keeps it so)
//	below Outside       what people of the office write and file as well
//	above               everything
//
// Whoever waits outside is another server, which tries again for days, or a provider
// where a message stays. Somebody of the office who can't write has no such help.
//
// # What is kept on disk
//
// The file is replaced as a whole; integers are little-endian:
//
//	bytes  what
//	1      version, 1
//	2      number of looks, n, at most 180
//	16·n   each: time in seconds since 1970 (8), bytes in use then (8)
//	4      CRC-32C of all before
//
// A file that can't be read is forgotten: a forecast takes some days to come again,
// and nothing else hangs on it.
//
// Concurrency: a [Gauge] and a [History] may be used by any number of goroutines.
package room
