// Package porch is what a box shows that has encrypted mail and no key to it: it asks for the recovery phrase on a page,
// and sends everybody else away for a while.
//
// In: the box's listening sockets by name, and what opens the mail ([Options.Unlock]). Out: a page over HTTPS at any
// path, for the office's network alone; a temporary no, in each protocol's own words, to mail programs and other
// servers, which then try again: mail that waits outside is not lost. [Porch.Serve] returns when the mail is open.
//
// It keeps nothing, and knows nothing of the office: all that is behind the locked door. At most [maxConns] connections
// are open at a time, each for at most [lineTime] or the times of the HTTP server.
package porch
