package relay

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// dropping is a connection that breaks once the server has read, or written, so many
// bytes.
type dropping struct {
	net.Conn
	mu            sync.Mutex
	reads, writes int // that are left; negative: any number
}

func (d *dropping) Read(p []byte) (int, error) {
	d.mu.Lock()
	left := d.reads
	d.mu.Unlock()
	if left == 0 {
		_ = d.Close()
		return 0, io.EOF
	}
	if left > 0 {
		p = p[:min(len(p), left)]
	}
	n, err := d.Conn.Read(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reads > 0 {
		d.reads -= n
	}
	return n, err
}

func (d *dropping) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writes < 0 {
		return d.Conn.Write(p)
	}
	n, err := d.Conn.Write(p[:min(len(p), d.writes)])
	if d.writes -= n; d.writes == 0 {
		_ = d.Close()
		return n, io.ErrClosedPipe
	}
	return n, err
}

// TestDropEverywhere breaks the connection behind every byte that the server writes, and
// every one that it reads. A message counts as relayed only where the whole of the
// server's 250 has come, and then always; it is never given up.
func TestDropEverywhere(t *testing.T) {
	t.Parallel()
	for _, ehlo := range [][]string{nil, {"PIPELINING"}, {"PIPELINING", "CHUNKING"}} {
		for _, writes := range []bool{true, false} {
			relayed, deferred := 0, 0
			for n := 1; ; n++ {
				var fate string
				var kept, met int
				whole := false
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					s := &server{ehlo: ehlo}
					w.hosts["192.0.2.1:25"] = func(c net.Conn) {
						d := &dropping{Conn: c, reads: -1, writes: n}
						if !writes {
							d.reads, d.writes = n, -1
						}
						s.serve(d)
						d.mu.Lock()
						defer d.mu.Unlock()
						whole = whole || d.reads > 0 || d.writes > 0
					}
					fate = fates(w.client(t).Send(t.Context(), job("peer.test", testMessage, "one")))
					kept, met = len(s.took()), s.met()
				})
				switch {
				case strings.HasPrefix(fate, "relayed "):
					relayed++
					if kept != 1 {
						t.Errorf("%v, cut behind byte %d (written %v): %s, and the server has %d", ehlo, n, writes, fate, kept)
					}
				case strings.HasPrefix(fate, "deferred "):
					deferred++
					if relayed > 0 || kept > 1 || !writes && kept > 0 {
						t.Errorf("%v, cut behind byte %d (written %v): %s, and the server has %d", ehlo, n, writes, fate, kept)
					}
				default:
					t.Errorf("%v, cut behind byte %d (written %v): %s", ehlo, n, writes, fate)
				}
				if met != 1 {
					t.Errorf("%v, cut behind byte %d (written %v): %d sessions; want one", ehlo, n, writes, met)
				}
				if whole { // nothing was cut any more
					break
				}
				if n > 10_000 {
					t.Fatal("the dialogue has no end")
				}
			}
			if relayed == 0 || deferred < 80 {
				t.Errorf("%v, written %v: relayed %d times, deferred %d times: this tests nothing", ehlo, writes, relayed, deferred)
			}
		}
	}
}
