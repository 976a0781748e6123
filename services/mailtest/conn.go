package mailtest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// bufferSize is how much one direction of a connection holds before its writer
// waits, about what a socket does.
const bufferSize = 256 << 10

// Pipe gives the two ends of a connection in memory.
func Pipe(clientAddr, serverAddr net.Addr) (client, server net.Conn) {
	up, down := newStream(), newStream()
	client = &conn{in: down, out: up, local: clientAddr, remote: serverAddr}
	server = &conn{in: up, out: down, local: serverAddr, remote: clientAddr}
	return client, server
}

// conn is one end of a Pipe.
type conn struct {
	in, out       *stream
	local, remote net.Addr
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

// Close ends both directions: the other end still reads what is on its way.
func (c *conn) Close() error {
	c.out.endWriting()
	c.in.endReading()
	return nil
}

// CloseWrite ends this end's direction alone, as TCP's half-close does.
func (c *conn) CloseWrite() error {
	c.out.endWriting()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reading, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writing, t)
	return nil
}

// stream is one direction. Its condition is told of every change.
type stream struct {
	mu      sync.Mutex
	changed *sync.Cond
	buffer  []byte
	written bool // the writer has closed
	gone    bool // the reader has closed
	reading deadline
	writing deadline
}

// deadline is when an operation ends, with the timer that says so.
type deadline struct {
	passed bool
	timer  *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.passed = !t.IsZero() && !time.Now().Before(t)
	if !t.IsZero() && !d.passed {
		var timer *time.Timer
		timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if d.timer == timer { // not set anew meanwhile
				d.passed = true
				s.changed.Broadcast()
			}
		})
		d.timer = timer
	}
	s.changed.Broadcast()
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.gone:
			return 0, net.ErrClosed
		case s.reading.passed:
			return 0, os.ErrDeadlineExceeded
		case len(s.buffer) > 0:
			n := copy(p, s.buffer)
			s.buffer = s.buffer[n:]
			s.changed.Broadcast()
			return n, nil
		case s.written:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for {
		switch {
		case s.written:
			return total, net.ErrClosed
		case s.gone:
			return total, io.ErrClosedPipe
		case s.writing.passed:
			return total, os.ErrDeadlineExceeded
		case len(p) == 0:
			return total, nil
		}
		if n := min(len(p), bufferSize-len(s.buffer)); n > 0 {
			s.buffer = append(s.buffer, p[:n]...)
			p = p[n:]
			total += n
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) endWriting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = true
	s.writing.stop()
	s.changed.Broadcast()
}

func (s *stream) endReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.reading.stop()
	s.changed.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
