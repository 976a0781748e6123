package trace

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Private is the group of what only the trace sees of a line.
const Private = "private"

// How many lines about strangers without a message are kept: what somebody who knocks
// all night is told is the same every time.
const (
	strangersBurst  = 60
	strangersMinute = 30
)

// Handler passes lines on to next, and takes those that are of a message, or of somebody
// who was not let in, into the book.
func (b *Book) Handler(next slog.Handler) slog.Handler {
	return &handler{book: b, next: next, meter: newMeter(strangersBurst, strangersMinute)}
}

// goesOn is the name of the pair of a step by which a message goes on under another ID: one
// that has waited on the box leaves it as a new one.
const goesOn = "as"

type handler struct {
	book   *Book
	next   slog.Handler
	meter  *meter
	pairs  []Pair // of With
	id     mail.ID
	of     []mail.Traced
	began  mail.ID // of "message": under which the message of the line has come
	groups string  // of WithGroup, with a dot behind each
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.next.Enabled(ctx, level)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.pairs = slices.Clone(h.pairs)
	for _, a := range attrs {
		c.take(a, h.groups)
	}
	c.next = h.next.WithAttrs(slices.DeleteFunc(slices.Clone(attrs), isPrivate))
	return &c
}

func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.groups += name + "."
	c.next = h.next.WithGroup(name)
	return &c
}

func isPrivate(a slog.Attr) bool { return a.Key == Private }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	h.note(r)
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	private := false
	r.Attrs(func(a slog.Attr) bool { private = private || isPrivate(a); return !private })
	if private {
		public := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
		r.Attrs(func(a slog.Attr) bool {
			if !isPrivate(a) {
				public.AddAttrs(a)
			}
			return true
		})
		r = public
	}
	return h.next.Handle(ctx, r)
}

// note makes a step of a line.
func (h *handler) note(r slog.Record) {
	if r.Level < slog.LevelInfo {
		return
	}
	c := handler{pairs: slices.Clone(h.pairs), id: h.id}
	r.Attrs(func(a slog.Attr) bool {
		c.take(a, h.groups)
		return true
	})
	s := Step{ID: c.id, At: r.Time, What: r.Message, Pairs: c.pairs, Of: c.of}
	if len(s.Of) > 0 {
		s.ID = mail.ID{}
		h.book.Add(s)
		return
	}
	strange := s.ID.IsZero()
	if strange && (s.Get("verb") != "accept" || s.Get("peer") == "") {
		return
	}
	if h.book.opts.Seen != nil {
		h.book.opts.Seen(s)
	}
	if strange {
		if !h.meter.allows(r.Time) {
			return
		}
		s.ID = mail.NewID(r.Time) // it is a thing of its own, to be found like a message
		h.book.Add(s)
		return
	}
	h.book.undecided.take(s)
	if !c.began.IsZero() && c.began != s.ID {
		s.ID, s.Pairs = c.began, append(s.Pairs, Pair{goesOn, s.ID.String()})
		h.book.undecided.take(s)
	}
}

// take adds what an attribute says.
func (h *handler) take(a slog.Attr, prefix string) {
	v := a.Value.Resolve()
	if of, ok := v.Any().([]mail.Traced); ok {
		h.of = of
		return
	}
	if id, ok := v.Any().(mail.ID); ok && a.Key == "id" {
		h.id = id
		return
	}
	if began, ok := v.Any().(mail.ID); ok && a.Key == "message" {
		h.began = began
		return
	}
	if v.Kind() == slog.KindGroup {
		if a.Key != "" && a.Key != Private {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			h.take(inner, prefix)
		}
		return
	}
	if list, ok := v.Any().([]string); ok {
		for _, text := range list {
			h.pairs = append(h.pairs, Pair{prefix + a.Key, text})
		}
		return
	}
	if a.Key == "" || v.Any() == nil {
		return
	}
	if v.Kind() == slog.KindTime {
		if at := v.Time(); !at.IsZero() {
			h.pairs = append(h.pairs, Pair{prefix + a.Key, at.UTC().Format(time.RFC3339)})
		}
		return
	}
	if text := v.String(); text != "" {
		h.pairs = append(h.pairs, Pair{prefix + a.Key, text})
	}
}

// meter lets so many pass in a row, and so many a minute.
type meter struct {
	burst, minute float64

	mu   sync.Mutex
	left float64
	at   time.Time
}

func newMeter(burst, minute float64) *meter { return &meter{burst: burst, minute: minute, left: burst} }

func (m *meter) allows(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.at.IsZero() && now.After(m.at) {
		m.left = min(m.burst, m.left+now.Sub(m.at).Minutes()*m.minute)
	}
	m.at = now
	if m.left < 1 {
		return false
	}
	m.left--
	return true
}
