package operator

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// mended is what opening a data directory mended without being asked, as the
// mail service does too: the operator is to know, for it may be the disk.
type mended struct {
	mu      sync.Mutex       // guards what follows while the store is at work
	people  bool             // the list of people
	indexes []mail.AccountID // whose index
	cut     []mail.AccountID // whose index had more than the log: check itself says so
}

// Enabled, Handle, WithAttrs and WithGroup make it the log of what is opened.
func (m *mended) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle takes what the directory and the store say about indexes.
func (m *mended) Handle(_ context.Context, r slog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.Message {
	case "directory: index is made anew", "directory: damaged index was set aside", "directory: index can't be mended and is set aside":
		m.people = true
	case "store: the log ends before what an index had seen":
		r.Attrs(func(a slog.Attr) bool {
			if id, ok := a.Value.Any().(mail.AccountID); ok {
				m.cut = append(m.cut, id)
			}
			return true
		})
	case "store: rebuilding an index from the log":
		r.Attrs(func(a slog.Attr) bool {
			if id, ok := a.Value.Any().(mail.AccountID); ok && !slices.Contains(m.indexes, id) && !slices.Contains(m.cut, id) {
				m.indexes = append(m.indexes, id)
			}
			return true
		})
	}
	return nil
}

func (m *mended) WithAttrs([]slog.Attr) slog.Handler { return m }

func (m *mended) WithGroup(string) slog.Handler { return m }

// reportMended says what was mended, on which check itself has no more to say.
func (t *task) reportMended(m *mended, name func(mail.AccountID) string) {
	if m.people {
		t.say("mended:    the list of people was damaged, and has been made anew from the log")
	}
	for _, id := range m.indexes {
		t.say("mended:    the index of %s was lost or damaged, and has been made anew from the log", name(id))
	}
	if m.people || len(m.indexes) > 0 {
		t.say("→ Nothing is to be done about what was mended. If it happens again, have the disk looked at.")
	}
}
