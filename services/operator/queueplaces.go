package operator

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// openQueue opens the data directory's queue, once. Nothing is sent from it.
func (d *data) openQueue(ctx context.Context) (*queue.Queue, error) {
	if d.queue != nil {
		return d.queue, nil
	}
	q, err := queue.Open(ctx, d.files.Path(queue.File), d.journal, queue.Options{Logger: slog.New(&d.mended)})
	if err != nil {
		return nil, err
	}
	d.queue = q
	d.closers = append(d.closers, q.Close)
	return q, nil
}

func (d *data) waiting(ctx context.Context, f mail.WaitingFilter) ([]mail.Waiting, bool, error) {
	q, err := d.openQueue(ctx)
	if err != nil {
		return nil, false, err
	}
	return q.ListWaiting(ctx, f)
}

func (d *data) waitingCounts(ctx context.Context) (mail.WaitingStats, error) {
	q, err := d.openQueue(ctx)
	if err != nil {
		return mail.WaitingStats{}, err
	}
	return q.Stats().Counts(), nil
}

func (d *data) showWaiting(ctx context.Context, id mail.ID) (mail.Waiting, error) {
	q, err := d.openQueue(ctx)
	if err != nil {
		return mail.Waiting{}, err
	}
	it, err := q.Show(ctx, id)
	if err != nil {
		return mail.Waiting{}, err
	}
	return it.Waiting(), nil
}

func (d *data) exportWaiting(ctx context.Context, id mail.ID, w io.Writer) error {
	q, err := d.openQueue(ctx)
	if err != nil {
		return err
	}
	return q.Export(ctx, id, w)
}

func (d *data) alterWaiting(ctx context.Context, verb waitingVerb, id mail.ID) error {
	q, err := d.openQueue(ctx)
	if err != nil {
		return err
	}
	switch verb {
	case holdWaiting:
		return q.Hold(ctx, id)
	case releaseWaiting:
		return q.Release(ctx, id)
	case retryWaiting:
		return q.Retry(ctx, id)
	case dropWaiting:
		return q.Drop(ctx, id)
	}
	return fmt.Errorf("%w: %s", errUsage, verb)
}

func (d *data) redirectWaiting(ctx context.Context, id mail.ID, from, to mail.Address) error {
	q, err := d.openQueue(ctx)
	if err != nil {
		return err
	}
	if err := d.directory.Outside(ctx, to); err != nil {
		return err
	}
	return q.Redirect(ctx, id, from, to, mail.Hop(strings.ToLower(to.Domain)))
}

// retryAll changes the messages themselves: the running box will find them due.
func (d *data) retryAll(ctx context.Context, hop mail.Hop) error {
	q, err := d.openQueue(ctx)
	if err != nil {
		return err
	}
	return q.RetryAll(ctx, hop)
}

// waitingPath is the API's path of a waiting message.
func waitingPath(id mail.ID) string { return "/api/queue/" + id.String() }

func (b *box) waiting(ctx context.Context, f mail.WaitingFilter) ([]mail.Waiting, bool, error) {
	values := url.Values{}
	if f.Held {
		values.Set("held", "true")
	}
	if f.Hop != "" {
		values.Set("hop", string(f.Hop))
	}
	if f.Address != "" {
		values.Set("address", f.Address)
	}
	if !f.After.IsZero() {
		values.Set("after", f.After.String())
	}
	if f.Limit > 0 {
		values.Set("limit", strconv.Itoa(f.Limit))
	}
	var answer struct {
		Messages []mail.Waiting `json:"messages"`
		More     bool           `json:"more"`
	}
	err := b.do(ctx, http.MethodGet, "/api/queue?"+values.Encode(), nil, &answer)
	return answer.Messages, answer.More, err
}

func (b *box) waitingCounts(ctx context.Context) (s mail.WaitingStats, err error) {
	return s, b.do(ctx, http.MethodGet, "/api/queue/stats", nil, &s)
}

func (b *box) showWaiting(ctx context.Context, id mail.ID) (w mail.Waiting, err error) {
	return w, b.do(ctx, http.MethodGet, waitingPath(id), nil, &w)
}

func (b *box) exportWaiting(ctx context.Context, id mail.ID, w io.Writer) error {
	return b.fetch(ctx, waitingPath(id)+"/message", w)
}

// fetch writes what the box has at a path, of whatever length.
func (b *box) fetch(ctx context.Context, path string, w io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return err
	}
	answer, err := b.long(r)
	if err != nil {
		return unreachableUnlessSaid(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("%w (%w)", errBroken, err)
	}
	return nil
}

func (b *box) alterWaiting(ctx context.Context, verb waitingVerb, id mail.ID) error {
	if verb == dropWaiting {
		return b.do(ctx, http.MethodDelete, waitingPath(id), nil, nil)
	}
	return b.do(ctx, http.MethodPost, waitingPath(id)+"/"+string(verb), nil, nil)
}

func (b *box) redirectWaiting(ctx context.Context, id mail.ID, from, to mail.Address) error {
	return b.do(ctx, http.MethodPost, waitingPath(id)+"/redirect", map[string]string{"from": from.String(), "to": to.String()}, nil)
}

func (b *box) retryAll(ctx context.Context, hop mail.Hop) error {
	return b.do(ctx, http.MethodPost, "/api/queue/retry", map[string]string{"hop": string(hop)}, nil)
}
