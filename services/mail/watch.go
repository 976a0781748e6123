package mail

// Watch wakes up whoever follows an account. C gets a value after anything in
// the account has changed; several changes may come as one. It says only "ask
// again", so a slow reader loses nothing and holds nobody up.
type Watch struct {
	C     <-chan struct{} // capacity 1, never closed
	close func()
}

// NewWatch makes a Watch whose Close calls stop, which must bear being called
// more than once.
func NewWatch(c <-chan struct{}, stop func()) *Watch { return &Watch{C: c, close: stop} }

// Close ends the watching. It may be called more than once, by any goroutine.
func (w *Watch) Close() { w.close() }
