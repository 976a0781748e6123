package office

import (
	"context"
	"io"
	"strings"

	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// waiting is the queue as the pages show it.
type waiting struct {
	*queue.Queue
	directory *directory.Directory
}

// Waiting lists messages, and says whether there are more.
func (w waiting) Waiting(ctx context.Context, f mail.WaitingFilter) ([]mail.Waiting, bool, error) {
	return w.Queue.ListWaiting(ctx, f)
}

// Counts is how the queue stands.
func (w waiting) Counts(context.Context) (mail.WaitingStats, error) {
	return w.Stats().Counts(), nil
}

// Show gives one message.
func (w waiting) Show(ctx context.Context, id mail.ID) (mail.Waiting, error) {
	it, err := w.Queue.Show(ctx, id)
	if err != nil {
		return mail.Waiting{}, err
	}
	return it.Waiting(), nil
}

// Export writes a message as it goes out.
func (w waiting) Export(ctx context.Context, id mail.ID, to io.Writer) error {
	return w.Queue.Export(ctx, id, to)
}

// RetryAll has all that waits for a Hop tried at once, or with "" everything.
func (w waiting) RetryAll(_ context.Context, hop mail.Hop) error {
	w.Rush(hop)
	return nil
}

// Redirect sends what is for one address to another.
func (w waiting) Redirect(ctx context.Context, id mail.ID, from, to mail.Address) error {
	if err := w.directory.Outside(ctx, to); err != nil {
		return err
	}
	return w.Queue.Redirect(ctx, id, from, to, hopOf(to))
}

// hopOf is where mail for an address goes.
func hopOf(to mail.Address) mail.Hop { return mail.Hop(strings.ToLower(to.Domain)) }
