// Package feed brings updates from a web server, where the administrator has said so.
//
// In: an address (https) that always has the newest update, and a window in the
// office's time. Out: an update handed to the machine, which takes it by its signature
// alone, and a restart, both inside of the window. Nothing is done before an address is set.
//
// The server is asked every six hours, and what it has is fetched when its ETag is
// another than that of the last update that was handed on: at most [MaxSize] bytes,
// over TLS whose certificate holds, without following redirections. A fetch that broke
// off goes on where it was (RFC 9110 §14, If-Range), if the server names versions by
// strong ETags.
//
// What is durable: the settings, when [Feed.Set] returns; what was handed on, before
// the restart: an update that does not prove itself is not fetched again and again. The
// file [File] is a version byte, 1, and JSON: {url, window, done (ETag), part (ETag),
// problem}; [PartFile] is what has been fetched.
//
// Concurrency: one goroutine runs [Feed.Run]; the other methods may be called by any.
package feed
