package imapd

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// leastProgress is what a client that reads slowly must take in writeStall.
const leastProgress = 1 << 10

// conn puts deadlines on a connection that follow progress: a slow line lives
// as long as something moves, a stalled one dies. TLS goes on top of it, so that
// a partly written record is carried on with and never broken off.
type conn struct {
	net.Conn
	patience    atomic.Int64 // how long a Read may wait
	limit       atomic.Int64 // UnixNano after which no Read waits; 0 for none
	interrupted atomic.Bool  // no Read waits any more
}

// wait sets how long each Read may wait from now on.
func (c *conn) wait(patience time.Duration) { c.patience.Store(int64(patience)) }

// until sets a moment after which no Read waits; the zero time means none.
func (c *conn) until(t time.Time) {
	if t.IsZero() {
		c.limit.Store(0)
		return
	}
	c.limit.Store(t.UnixNano())
}

// interrupt makes the Read that waits, and every later one, time out at once.
// It may be called from any goroutine.
func (c *conn) interrupt() {
	c.interrupted.Store(true)
	_ = c.SetReadDeadline(time.Unix(1, 0)) // a closed connection needs no deadline
}

func (c *conn) Read(p []byte) (int, error) {
	deadline := time.Now().Add(time.Duration(c.patience.Load()))
	if limit := c.limit.Load(); limit != 0 && limit < deadline.UnixNano() {
		deadline = time.Unix(0, limit)
	}
	if err := c.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	if c.interrupted.Load() { // it may have come between: its deadline wins
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
	return c.Conn.Read(p)
}

func (c *conn) Write(p []byte) (int, error) {
	written, moved := 0, 0
	for {
		if err := c.SetWriteDeadline(time.Now().Add(writeStall)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		moved += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || moved < leastProgress {
			return written, err
		}
		moved = 0
	}
}
