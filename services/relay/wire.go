package relay

import (
	"bufio"
	"net"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// wire is one connection as commands out and replies in. Every wait has an end.
type wire struct {
	conn  net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	until time.Time // no wait goes beyond it, if it is set
}

func newWire(conn net.Conn) *wire {
	w := &wire{}
	w.replace(conn)
	return w
}

// replace goes on over another connection, TLS in place of the clear. What came in
// the clear behind the reply to STARTTLS is thrown away, as nobody knows who sent
// it (RFC 3207 §6, CVE-2011-0411).
func (w *wire) replace(conn net.Conn) {
	w.conn = conn
	w.in = bufio.NewReaderSize(conn, maxReplyLine)
	w.out = bufio.NewWriterSize(conn, maxReplyLine)
}

// deadline is the end of a wait that begins now.
func (w *wire) deadline(wait time.Duration) time.Time {
	t := time.Now().Add(wait)
	if !w.until.IsZero() && w.until.Before(t) {
		return w.until
	}
	return t
}

// command writes a line without sending it yet.
func (w *wire) command(line string) error {
	if err := w.conn.SetWriteDeadline(w.deadline(blockTimeout)); err != nil {
		return err
	}
	_, _ = w.out.WriteString(line) // it is remembered, and told by the next write
	_, err := w.out.WriteString("\r\n")
	return err
}

func (w *wire) flush() error {
	if err := w.conn.SetWriteDeadline(w.deadline(blockTimeout)); err != nil {
		return err
	}
	return w.out.Flush()
}

// write sends a piece of a message.
func (w *wire) write(p []byte) error {
	if err := w.conn.SetWriteDeadline(w.deadline(blockTimeout)); err != nil {
		return err
	}
	_, err := w.out.Write(p)
	return err
}

// reply waits for all of a reply.
func (w *wire) reply(wait time.Duration) (mail.Reply, []string, error) {
	if err := w.conn.SetReadDeadline(w.deadline(wait)); err != nil {
		return mail.Reply{}, nil, err
	}
	return readReply(w.in)
}

// ask sends one command and waits for its reply.
func (w *wire) ask(line string, wait time.Duration) (mail.Reply, []string, error) {
	if err := w.command(line); err != nil {
		return mail.Reply{}, nil, err
	}
	if err := w.flush(); err != nil {
		return mail.Reply{}, nil, err
	}
	return w.reply(wait)
}
