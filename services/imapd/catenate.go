package imapd

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// catenate reads the CATENATE form of a message of at most limit bytes (RFC 4469):
// texts that come now, and parts of messages that are here already, one behind the
// other. So an attachment that is forwarded does not travel again.
func (s *session) catenate(ctx context.Context, p *parser, limit int64) (*draft.Draft, error) {
	if word := p.Keyword(); p.Err() == nil && word != "CATENATE" {
		p.Failf("APPEND has no data item %.30s", word)
	}
	p.SP()
	p.Expect('(')
	body := s.server.options.Draft(limit)
	err := p.Err()
	for n := 0; err == nil; n++ {
		if n == maxCatenateParts {
			err = bad("More than %d parts", maxCatenateParts)
			break
		}
		if err = s.catenatePart(ctx, p, body, limit-body.Size()); err == nil && !p.Accept(' ') {
			break
		}
	}
	if err == nil {
		p.Expect(')')
		err = p.Err()
	}
	if err == nil && body.Size() == 0 {
		err = no("CANNOT", "An empty message is not kept; the APPEND is cancelled")
	}
	if err == nil {
		err = body.Finish()
	}
	if err != nil {
		body.Discard()
		return nil, err
	}
	return body, nil
}

// catenatePart adds one part to the message.
func (s *session) catenatePart(ctx context.Context, p *parser, body *draft.Draft, left int64) error {
	switch word := p.Keyword(); {
	case p.Err() != nil:
	case word == "TEXT":
		p.SP()
		return s.catenateText(p, body, left)
	case word == "URL":
		p.SP()
		text := p.AString()
		if p.Err() == nil {
			return s.catenateURL(ctx, text, body)
		}
	default:
		p.Failf("CATENATE has no part %.30s", word)
	}
	return p.Err()
}

// catenateText adds a literal.
func (s *session) catenateText(p *parser, body *draft.Draft, left int64) error {
	lit := p.Literal(left)
	if err := p.Err(); err != nil {
		if _, ok := errors.AsType[*wire.TooLargeError](err); ok {
			return mail.ErrTooLarge
		}
		return err
	}
	if err := lit.Open(); err != nil {
		return err
	}
	if err := copyLiteral(body, lit); err != nil {
		if e := lit.Skip(); e != nil {
			return e
		}
		return err
	}
	return p.Err()
}

// catenateURL adds what an URL names.
func (s *session) catenateURL(ctx context.Context, text string, body *draft.Draft) error {
	u, ok := s.parseURL(text)
	if !ok {
		return badURL(text, "That is not the URL of a message here")
	}
	id, err := s.mailboxOf(ctx, u)
	if err != nil {
		return urlError(text, err)
	}
	stored, err := s.account.Open(ctx, id, u.uid)
	if err != nil {
		return urlError(text, err)
	}
	defer stored.Close()
	digest, err := stored.Digest()
	if err != nil {
		return err
	}
	c, err := fetchItem{name: "BODY", section: u.section}.content(stored, digest)
	if err != nil {
		return err
	}
	if !c.exists {
		return badURL(text, "The message has no such part")
	}
	if err := c.verify(); err != nil {
		return err
	}
	_, err = io.CopyN(body, c.reader, c.size)
	return err
}

// mailboxOf finds the mailbox of an URL, whose UIDs must be those that the URL means.
func (s *session) mailboxOf(ctx context.Context, u messageURL) (mail.MailboxID, error) {
	if u.mailbox == "" {
		if s.view == nil {
			return 0, mail.ErrNoMailbox // relative to nothing
		}
		return s.view.mailbox, nil
	}
	mailbox, err := s.account.Mailbox(ctx, u.mailbox)
	if err == nil && u.uidValidity != 0 && u.uidValidity != mailbox.UIDValidity {
		err = mail.ErrNoMessage
	}
	return mailbox.ID, err
}

// messageURL names a message or a part of one (RFC 5092).
type messageURL struct {
	mailbox     string           // "": the one that is selected
	uidValidity mail.UIDValidity // 0: any
	uid         mail.UID
	section     *section
}

// parseURL reads a relative URL. Absolute ones would mean another server or
// somebody else's mail, which APPEND does not fetch.
func (s *session) parseURL(text string) (u messageURL, ok bool) {
	place, rest, found := cutFold(text, "/;UID=")
	if !found {
		if place, rest, found = cutFold(text, ";UID="); !found || place != "" {
			return u, false
		}
	}
	if place != "" {
		if place[0] != '/' || strings.HasPrefix(place, "//") {
			return u, false
		}
		name, validity, given := cutFold(place[1:], ";UIDVALIDITY=")
		if given {
			n, err := strconv.ParseUint(validity, 10, 32)
			if err != nil || n == 0 {
				return u, false
			}
			u.uidValidity = mail.UIDValidity(n)
		}
		decoded, err := url.PathUnescape(name)
		if err != nil || decoded == "" {
			return u, false
		}
		u.mailbox = canonicalName(decoded)
	}
	rest, partial, cut := cutFold(rest, "/;PARTIAL=")
	uid, spec, some := cutFold(rest, "/;SECTION=")
	n, err := strconv.ParseUint(uid, 10, 32)
	if err != nil || n == 0 {
		return u, false
	}
	u.uid = mail.UID(n)
	if u.section, ok = s.urlSection(spec, some); ok && cut {
		ok = u.section.urlPartial(partial)
	}
	return u, ok
}

// urlSection reads the section of an URL, which is one of FETCH with some
// characters escaped.
func (s *session) urlSection(spec string, given bool) (*section, bool) {
	if !given {
		return &section{}, true
	}
	text, err := url.PathUnescape(spec)
	if err != nil || text == "" || strings.ContainsAny(text, "\r\n[]<{\x00") {
		return nil, false
	}
	r := wire.NewReader(&s.server.buffers, strings.NewReader("["+text+"]\r\n"), func() error { return io.ErrUnexpectedEOF })
	defer r.Release()
	if r.Wait() != nil {
		return nil, false
	}
	r.Begin(strangerLimits())
	p := &parser{Reader: r}
	sec := p.section()
	p.CRLF()
	return sec, p.Err() == nil
}

// urlPartial reads "offset" or "offset.length".
func (sec *section) urlPartial(text string) bool {
	offset, length, given := strings.Cut(text, ".")
	from, err := strconv.ParseUint(offset, 10, 62)
	if err != nil {
		return false
	}
	sec.partial, sec.offset, sec.length = true, int64(from), 1<<62
	if !given {
		return true
	}
	n, err := strconv.ParseUint(length, 10, 62)
	sec.length = int64(n)
	return err == nil && n > 0
}

// cutFold is strings.Cut at the first sep, in any case.
func cutFold(text, sep string) (before, after string, found bool) {
	for i := 0; i+len(sep) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(sep)], sep) {
			return text[:i], text[i+len(sep):], true
		}
	}
	return text, "", false
}

// urlError is BADURL where the URL leads nowhere.
func urlError(text string, err error) error {
	if errors.Is(err, mail.ErrNoMailbox) || errors.Is(err, mail.ErrNoMessage) || errors.Is(err, mail.ErrMailboxName) {
		return badURL(text, "There is no such message")
	}
	return err
}

// badURL is the NO of a URL, with the URL in its code as far as it can stand there.
func badURL(text, why string) error {
	shown := strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f || c == ']' || c == '[' {
			return '?'
		}
		return c
	}, text[:min(len(text), maxToldURL)])
	return no("BADURL "+shown, "%s", why)
}
