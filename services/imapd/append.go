package imapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// appendCommand is APPEND (RFC 9051 §6.3.12) with MULTIAPPEND (RFC 3502),
// literal8 (RFC 3516), UTF8 (RFC 6855 §4) and CATENATE (catenate.go). Only the mailbox is parsed before
// it runs: what follows is read while it is kept.
type appendCommand struct {
	name string
	p    *parser
}

func parseAppend(p *parser) request {
	p.SP()
	return appendCommand{p.Mailbox(), p}
}

func (c appendCommand) run(ctx context.Context, s *session) error {
	if err := c.p.Err(); err != nil {
		return err
	}
	mailbox, err := s.target(ctx, c.name)
	if err != nil {
		return err
	}
	var messages []draft.Append
	defer func() {
		for _, m := range messages {
			m.Draft.Discard()
		}
	}()
	left := s.server.options.MaxSize * appendTotalFactor
	for {
		if len(messages) >= s.server.messageLimit() {
			return s.tooMany()
		}
		if len(messages) >= maxAppendMessages {
			return no("LIMIT", "%d messages at once are the most", maxAppendMessages)
		}
		c.p.SP()
		m, err := s.receive(ctx, c.p, min(left, s.server.options.MaxSize))
		if err != nil {
			return err
		}
		messages = append(messages, m)
		left -= m.Draft.Size()
		if c.p.Peek() == 0 {
			break
		}
	}
	if c.p.CRLF(); c.p.Err() != nil {
		return c.p.Err()
	}
	s.heard()
	appended, err := await(s, func() (mail.Appended, error) { return s.account.Append(ctx, mailbox.ID, messages) })
	if errors.Is(err, mail.ErrNoMailbox) {
		return no("TRYCREATE", "The mailbox has just been removed")
	}
	if err != nil {
		return fmt.Errorf("append to mailbox %s: %w", mailbox.ID, err)
	}
	s.code = "APPENDUID " + decimal(appended.UIDValidity) + " " + inOrder(appended.UIDs)
	return nil
}

// receive reads one message with the flags and the date in front of it.
func (s *session) receive(ctx context.Context, p *parser, limit int64) (draft.Append, error) {
	var m draft.Append // without a date: the moment at which it is stored
	if p.Peek() == '(' {
		m.Flags = p.flagList()
		p.SP()
	}
	if p.Peek() == '"' {
		m.Internal = p.DateTime()
		p.SP()
	}
	if c := p.Peek(); c == 'C' || c == 'c' {
		body, err := s.catenate(ctx, p, limit)
		m.Draft = body
		return m, err
	}
	extended := p.Peek() == 'U' || p.Peek() == 'u'
	if extended {
		if word := p.Keyword(); p.Err() == nil && word != "UTF8" {
			p.Failf("APPEND has no data item %.30s", word)
		}
		p.SP()
		p.Expect('(')
	}
	lit := p.Literal(limit)
	if err := p.Err(); err != nil {
		if _, ok := errors.AsType[*wire.TooLargeError](err); ok {
			return m, mail.ErrTooLarge
		}
		return m, err
	}
	if extended && !lit.Binary {
		return m, refused(lit, bad("UTF8 takes a literal8"))
	}
	if lit.Size == 0 {
		// RFC 3502 §6.3.11 makes this the client's way to give up.
		return m, refused(lit, no("CANNOT", "An empty message is not kept; the APPEND is cancelled"))
	}
	body, err := s.receiveBody(lit)
	if err != nil {
		return m, err
	}
	m.Draft = body
	if extended {
		p.Expect(')')
	}
	if err := p.Err(); err != nil {
		body.Discard()
		return m, err
	}
	return m, nil
}

// refused gets a literal out of the way and returns why.
func refused(lit *wire.Literal, why error) error {
	if err := lit.Refuse(); err != nil {
		return err
	}
	return why
}

// receiveBody reads a literal into a draft. Whatever is wrong with it, all of
// the literal is read: the next command stands behind it.
func (s *session) receiveBody(lit *wire.Literal) (*draft.Draft, error) {
	body := s.server.options.Draft(s.server.options.MaxSize)
	if err := lit.Open(); err != nil {
		body.Discard()
		return nil, err
	}
	err := copyLiteral(body, lit)
	if err == nil {
		err = body.Finish()
	}
	if err != nil {
		body.Discard()
		if e := lit.Skip(); e != nil {
			return nil, e
		}
		return nil, err
	}
	return body, nil
}

// copyLiteral adds an open literal to a draft.
func copyLiteral(body *draft.Draft, lit *wire.Literal) error {
	in := &nulFinder{r: lit}
	_, err := io.Copy(body, in)
	if in.found && !lit.Binary && err == nil {
		err = no("UNKNOWN-CTE", "The message has a NUL byte: it can be appended as a literal8 only (RFC 3516)")
	}
	return err
}

// nulFinder passes bytes on and remembers whether there was a NUL.
type nulFinder struct {
	r     io.Reader
	found bool
}

func (f *nulFinder) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.found = f.found || bytes.IndexByte(p[:n], 0) >= 0
	return n, err
}
