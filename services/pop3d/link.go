package pop3d

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// link is a connection whose deadlines follow progress: a slow line lives as
// long as something moves, a stalled one dies. TLS goes on top of it, so that a
// partly written record is carried on with.
type link struct {
	net.Conn
	until       time.Time   // no Read waits longer; zero for none
	interrupted atomic.Bool // no Read waits any more
}

// interrupt makes the Read that waits, and every later one, time out at once.
// It may be called from any goroutine.
func (l *link) interrupt() {
	l.interrupted.Store(true)
	_ = l.SetReadDeadline(time.Unix(1, 0)) // a closed connection needs no waking
}

func (l *link) Read(p []byte) (int, error) {
	deadline := time.Now().Add(idleTime)
	if !l.until.IsZero() && l.until.Before(deadline) {
		deadline = l.until
	}
	if err := l.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	if l.interrupted.Load() { // it may have come in between: its deadline wins
		_ = l.SetReadDeadline(time.Unix(1, 0)) // the Read fails if this does
	}
	return l.Conn.Read(p)
}

func (l *link) Write(p []byte) (int, error) {
	written, moved := 0, 0
	for {
		if err := l.SetWriteDeadline(time.Now().Add(writeStall)); err != nil {
			return written, err
		}
		n, err := l.Conn.Write(p[written:])
		written += n
		moved += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || moved < leastProgress {
			return written, err
		}
		moved = 0
	}
}
