package pop3d

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// retr is RFC 1939 §5's RETR: the bytes as they are stored, in lines that end in
// CRLF.
func retr(ctx context.Context, s *session, arg string) error {
	say := func(size int64) string { return fmt.Sprintf("%d octets", size) }
	return s.send(ctx, strings.TrimSpace(arg), math.MaxInt64, say, func(w io.Writer, message io.Reader) error {
		_, err := io.CopyBuffer(w, message, make([]byte, buffer))
		return err
	}, s.took)
}

// took hears of a message that was sent whole.
func (s *session) took(e *entry, row *mail.Row) {
	s.drop.sent(e)
	if trail := s.server.options.Trail; trail != nil {
		v := s.visit()
		trail.Read(&v, row)
	}
}

func (s *session) visit() mail.Visit {
	return mail.Visit{Login: s.login, Peer: s.peer, Protocol: "pop3"}
}

// send answers with one message, of which part writes what is wanted, which is
// mostly among its first bytes; say is what the first line tells of a message of
// this size. sent is told of a message that was sent to its end.
func (s *session) send(ctx context.Context, number string, first int64, say func(size int64) string, part func(w io.Writer, message io.Reader) error, sent func(*entry, *mail.Row)) error {
	_, e, err := s.drop.find(number)
	if err != nil {
		return err
	}
	m, err := s.drop.account.Open(ctx, s.drop.mailbox, e.uid)
	if err != nil {
		return fmt.Errorf("open message %d: %w", e.uid, err)
	}
	defer func() { _ = m.Close() }() // only read from
	// A reply that was begun can only be ended by hanging up, and the client would
	// come back for the same message, and never for those behind it.
	if err := m.Verify(0, min(first, m.Size())); err != nil {
		return fmt.Errorf("read message %d: %w", e.uid, err)
	}
	s.wire.ok("%s", say(e.size))
	lines := s.wire.lines()
	if err := part(lines, m.Reader()); err != nil {
		if s.wire.out.Flush() == nil { // so it was not the client's doing
			s.log.Error("a message could not be read", "verb", "fetch", "id", m.Row.ID.String(), "uid", e.uid, "err", err)
		}
		// The reply has begun. Without its last line the client can't take
		// what it got for the whole message.
		return lostError{fmt.Errorf("send message %d: %w", e.uid, err)}
	}
	s.log.Debug("message fetched", "verb", "fetch", "id", m.Row.ID.String(), "uid", e.uid)
	err = lines.close()
	if err == nil {
		sent(e, &m.Row)
	}
	return err
}
