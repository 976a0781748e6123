package moving

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of one batch: what is asked for at once and made durable by one sync, and
// fetched again when the power goes before it is noted.
const (
	batchBytes    = 4 << 20
	batchMessages = 128
)

// arrival is a message that has been fetched.
type arrival struct {
	entry
	draft    *draft.Draft
	internal time.Time
	sum      [sha256.Size]byte
	flagged  mail.Flags
	failed   error
	found    bool
}

// fetch brings what is new, in batches.
func (p *plan) fetch(ctx context.Context) error {
	if len(p.fresh) == 0 {
		return nil
	}
	here, err := readPresence(ctx, p.c, p.to)
	if err != nil {
		return err
	}
	for len(p.fresh) > 0 {
		n, bytes := 0, int64(0)
		for n < len(p.fresh) && n < batchMessages && (n == 0 || bytes+p.fresh[n].size <= batchBytes) {
			bytes += p.fresh[n].size
			n++
		}
		batch := p.fresh[:n]
		p.fresh = p.fresh[n:]
		if err := p.batch(ctx, batch, here); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// batch fetches some messages and makes them durable.
func (p *plan) batch(ctx context.Context, batch []entry, here *presence) error {
	arrived, err := p.receive(batch)
	defer func() {
		for _, a := range arrived {
			if a.draft != nil {
				a.draft.Discard()
			}
		}
	}()
	if err != nil {
		return err
	}
	var list []noted
	var wanted []*arrival
	var appends []draft.Append
	for _, a := range arrived {
		switch {
		case errors.Is(a.failed, mail.ErrNoSpace):
			return a.failed
		case errors.Is(a.failed, mail.ErrTooLarge):
			p.c.t.note(func(s *Status) { s.TooLarge++ })
			p.c.t.problem("A message in %s is larger than %d MB, the most the box takes (UID %d)", p.f.name, p.c.m.o.MaxSize>>20, a.uid)
		case !a.found || a.failed != nil:
			p.c.t.note(func(s *Status) { s.Failed++ })
			p.c.t.problem("A message in %s can't be read at the provider (UID %d)", p.f.name, a.uid)
		default:
			uid, there, err := here.take(ctx, a.draft.Size(), a.sum)
			if err != nil {
				return err
			}
			if there {
				list = append(list, noted{a.uid, known{p.to, uid, a.flags}})
				continue
			}
			wanted = append(wanted, a)
			appends = append(appends, draft.Append{Draft: a.draft, Flags: a.flagged, Internal: a.internal})
		}
	}
	present, bytes := len(list), int64(0)
	if len(appends) > 0 {
		began := time.Now()
		done, err := p.c.account.Append(ctx, p.to, appends)
		if err != nil {
			return err
		}
		for i, a := range wanted {
			list = append(list, noted{a.uid, known{p.to, done.UIDs[i], a.flags}})
			bytes += a.draft.Size()
		}
		if err := p.c.m.o.Pause(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	if err := p.c.notes.put(p.f.id, list); err != nil {
		return err
	}
	p.c.t.note(func(s *Status) {
		s.Present += present
		s.Copied += len(wanted)
		s.Bytes += bytes
	})
	p.c.m.keep(p.c.t)
	return nil
}

// receive fetches messages with one command, without marking them as read.
func (p *plan) receive(batch []entry) ([]*arrival, error) {
	limit := p.c.m.o.MaxSize
	var arrived []*arrival
	byUID := map[imap.UID]*arrival{}
	var uids []imap.UID
	var bytes int64
	for _, e := range batch {
		a := &arrival{entry: e, flagged: p.flags[e.flags]}
		arrived = append(arrived, a)
		if e.size > limit {
			a.failed = mail.ErrTooLarge
			continue
		}
		byUID[imap.UID(e.uid)] = a
		uids = append(uids, imap.UID(e.uid))
		bytes += e.size
	}
	if len(uids) == 0 {
		return arrived, nil
	}
	// Servers are known to tell sizes that are not those of what they send.
	p.c.line.Allow(2*bytes + limit + perMessage*int64(len(uids)))
	options := &imap.FetchOptions{UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}
	cmd := p.c.line.Client.Fetch(imap.UIDSetNum(uids...), options)
	buffer := make([]byte, 64<<10)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		if err := p.one(msg, byUID, limit, buffer); err != nil {
			return arrived, err
		}
	}
	return arrived, collect.Refused("FETCH", cmd.Close())
}

// one reads one message; its UID may come after its text.
func (p *plan) one(msg *imapclient.FetchMessageData, byUID map[imap.UID]*arrival, limit int64, buffer []byte) error {
	got := arrival{}
	var uid imap.UID
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
		case imapclient.FetchItemDataInternalDate:
			got.internal = item.Time
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil || got.draft != nil {
				continue
			}
			got.draft, got.found = p.c.m.o.Draft(limit), true
			h := sha256.New()
			w := &tolerant{w: io.MultiWriter(got.draft, h)}
			if _, err := io.CopyBuffer(onlyWriter{w}, onlyReader{item.Literal}, buffer); err != nil {
				got.draft.Discard()
				return fmt.Errorf("FETCH: %w", err)
			}
			if got.failed = w.failed; got.failed == nil {
				got.failed = got.draft.Finish()
			}
			got.sum = sum(h)
		}
	}
	a := byUID[uid]
	if a == nil || a.found || !got.found {
		if got.draft != nil {
			got.draft.Discard()
		}
		return nil // nobody has asked for it
	}
	a.draft, a.internal, a.sum, a.failed, a.found = got.draft, got.internal, got.sum, got.failed, true
	return nil
}

func sum(h interface{ Sum([]byte) []byte }) (s [sha256.Size]byte) {
	h.Sum(s[:0])
	return s
}

// tolerant takes all bytes also when they can't be kept any more: the rest of a
// literal has to be read.
type tolerant struct {
	w      io.Writer
	failed error
}

func (t *tolerant) Write(p []byte) (int, error) {
	if t.failed == nil {
		_, t.failed = t.w.Write(p)
	}
	return len(p), nil
}

// onlyWriter and onlyReader hide everything else, so that the given buffer is used.
type onlyWriter struct{ io.Writer }

type onlyReader struct{ io.Reader }

// bounded takes the first bytes and passes over the rest.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	_, err := b.w.Write(p[:n])
	return len(p), err
}

// readAll reads a literal to its end.
func readAll(w io.Writer, l imap.LiteralReader) error {
	_, err := io.Copy(w, onlyReader{l})
	return err
}
