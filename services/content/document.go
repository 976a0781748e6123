package content

import (
	"bytes"
	"errors"
	"time"

	"github.com/sanduk-mail/sanduk/services/document"
	"github.com/sanduk-mail/sanduk/services/message"
)

// maxUnread is how many names of documents are kept.
const maxUnread = 5

// document looks at a part that may be a document. It and its text are in memory for that, so that one is opened at a
// time.
func (l *look) document(p *message.Part) error {
	late := time.NewTimer(time.Until(l.until))
	defer late.Stop()
	select {
	case l.slot <- struct{}{}:
		defer func() { <-l.slot }()
	case <-l.ctx.Done():
		return l.ctx.Err()
	case <-late.C:
		return l.meet("others' documents took too long")
	}
	var text documentText
	_, err := document.Read(l.ctx, p, l.r, MaxText-l.read, &text)
	switch {
	case errors.Is(err, document.ErrUnreadable):
		if len(l.unread) < maxUnread {
			l.unread = append(l.unread, p.Filename())
		}
	case err != nil:
		return err
	}
	return l.stream(InDocument, &text.Buffer)
}

// documentText is a document's text as a whole.
type documentText struct{ bytes.Buffer }

func (d *documentText) Text(piece []byte) { _, _ = d.Write(piece) } // memory
func (d *documentText) End()              { _ = d.WriteByte('\n') }
func (d *documentText) Full() bool        { return d.Len() >= MaxText }
