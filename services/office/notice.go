package office

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// notice is a letter that the box writes by itself.
type notice struct {
	to      mail.Address
	subject string // ASCII
	text    string // of paragraphs, in plain words
}

const (
	// maxNotices bounds those that wait to be delivered; of more only the log tells.
	maxNotices = 100
	// noticeTime bounds how long one delivery may take.
	noticeTime = time.Minute
)

// notify has a letter delivered soon. It does not wait.
func (o *Office) notify(n notice) {
	select {
	case o.notices <- n:
	default:
		o.log.Warn("too many notices wait; one is left out", "to", n.to, "subject", n.subject)
	}
}

// sendNotices delivers what notify takes, until ctx ends.
func (o *Office) sendNotices(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-o.notices:
			if err := o.sendNotice(ctx, n); err != nil {
				o.log.Error("a notice could not be delivered", "to", n.to, "subject", n.subject, "err", err)
			}
		}
	}
}

// sendNotice delivers one letter. It has the null path and says that a machine wrote
// it, so that nothing answers it (RFC 3834 §5).
func (o *Office) sendNotice(ctx context.Context, n notice) error {
	ctx, cancel := context.WithTimeout(ctx, noticeTime)
	defer cancel()
	now := time.Now()
	env := &mail.Envelope{ID: mail.NewID(now), Received: now, To: mail.To(n.to), EightBit: true, UTF8: !n.to.IsASCII()}
	env.To[0].Notify = mail.NotifyNever
	var b strings.Builder
	fmt.Fprintf(&b, "From: Mail box <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n",
		o.postmaster(), n.to, n.subject, message.FormatDate(now.In(o.zone())), env.ID, o.hostname())
	b.WriteString("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	b.WriteString(strings.ReplaceAll(n.text, "\n", "\r\n"))
	b.WriteString("\r\n")
	return posting{o: o}.Post(ctx, env, []byte(b.String()), nil)
}
