package imapd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/sanduk-mail/sanduk/services/imapd/inflate"
)

// compress is COMPRESS (RFC 4978), of which DEFLATE is the one mechanism.
type compress struct{ mechanism string }

func parseCompress(p *parser) request {
	p.SP()
	return compress{p.Keyword()}
}

func (c compress) run(_ context.Context, s *session) error {
	switch {
	case c.mechanism != "DEFLATE":
		return bad("There is no compression %.30s", c.mechanism)
	case s.inflater != nil:
		return no("COMPRESSIONACTIVE", "DEFLATE is on already")
	case s.r.Buffered() > 0:
		// RFC 4978 §3: what follows the OK is compressed, so a client has to see it
		// before it goes on. Whether this is DEFLATE would be a matter of opinion.
		return bad("Wait for the answer to COMPRESS before you send more")
	}
	s.compression = switchOn
	return nil
}

// switching is what happens to compression once the OK of a command is out.
type switching uint8

const (
	noSwitch switching = iota
	switchOn
	switchOff
)

// switchCompression puts DEFLATE between the commands and the connection, or
// TLS, or takes it away
// where the client's last flush ends. The deadlines stay below it and follow what moves on
// the wire; the limits stay above it and count what comes out, so that a few
// bytes that inflate to gigabytes are as bad as the gigabytes.
func (s *session) switchCompression() error {
	on := s.compression == switchOn
	s.compression = noSwitch
	if err := s.w.Flush(); err != nil {
		return err
	}
	if on {
		s.inflater = inflate.NewReader(s.stream)
		s.r.SetSource(s.inflater)
		s.w.SetDestination(&deflater{dst: s.stream, pool: &s.server.deflated})
		return nil
	}
	if err := s.inflater.Finish(); err != nil {
		return err
	}
	s.inflater = nil
	s.r.SetSource(s.stream)
	s.w.SetDestination(s.stream)
	return nil
}

// deflater compresses each Write by itself and sends it whole: nothing is held
// back, whoever waits for an answer has all of it, and between two answers it
// keeps no memory. A compressor with a window is 600 KiB for each connection. What
// that would gain on short answers is also what lets an eavesdropper guess at one
// from the length of another.
type deflater struct {
	dst  io.Writer
	pool *sync.Pool // of *bytes.Buffer
}

func (d *deflater) Write(p []byte) (int, error) {
	out, ok := d.pool.Get().(*bytes.Buffer)
	if !ok {
		out = new(bytes.Buffer)
	}
	defer d.pool.Put(out)
	out.Reset()
	if err := flate.StatelessDeflate(out, p, false, nil); err != nil {
		return 0, fmt.Errorf("compress a response: %w", err)
	}
	if _, err := d.dst.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
