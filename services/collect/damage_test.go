package collect

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
)

// TestIndexDamage spoils each page of the index in turn. The box starts, and when it
// was not seen at the start, the next one knows all that was collected.
func TestIndexDamage(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(newDisk(), journal.Options{Logger: log, Ring: journal.NoRing})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Release()
	defer func() { _ = j.Close() }()
	good := filepath.Join(t.TempDir(), File)
	s, err := OpenState(t.Context(), good, j, log)
	if err != nil {
		t.Fatal(err)
	}
	source, name := SourceKey{1}, func(i int) Item { return Item(fmt.Sprintf("u%04d", i)) }
	const items, late = 300, 20 // behind the last checkpoint: these a start reads from the log
	for i := range items {
		if i == items-late {
			if err := s.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.commit(t.Context(), kindTaken, &record{source: source, items: []Item{name(i)}, fingerprint: nameOf(name(i) + "text")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finish(t.Context(), kindDeleted, source, []Item{name(3), name(70), name(200)}); err != nil {
		t.Fatal(err)
	}
	if err := s.index.db.Close(); err != nil { // as after a stop without notice
		t.Fatal(err)
	}
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	missing := func(s *State) (n int, err error) {
		for i := range items {
			_, ok, err := s.taken(source, name(i))
			if err != nil {
				return n, err
			}
			if !ok {
				n++
			}
		}
		return n, nil
	}
	const page = 4096
	for what, spoil := range map[string]func(p []byte){
		"zeros": func(p []byte) { clear(p) },
		"bits": func(p []byte) {
			for i := 16; i < len(p); i += 97 {
				p[i] ^= 0x55
			}
		},
		"header": func(p []byte) { p[10] ^= 0x40 },
	} {
		for at := 0; at < len(b) && at < 40*page; at += page { // behind these nothing was written
			what := fmt.Sprintf("%s at page %d of %d", what, at/page, len(b)/page)
			path := filepath.Join(t.TempDir(), File)
			bad := append([]byte(nil), b...)
			spoil(bad[at : at+page])
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := OpenState(t.Context(), path, j, log)
			if err != nil {
				t.Errorf("%s: OpenState: %v", what, err)
				continue
			}
			n, err := missing(s)
			if err != nil {
				if !errors.Is(err, errIndex) {
					t.Errorf("%s: %v", what, err)
				}
				select {
				case <-s.Failed():
				default:
					t.Errorf("%s: nobody is told of %v", what, err)
				}
				_ = s.Close() // it is damaged
				if s, err = OpenState(t.Context(), path, j, log); err != nil {
					t.Errorf("%s: OpenState again: %v", what, err)
					continue
				}
				n, err = missing(s)
			}
			if n > 0 || err != nil {
				t.Errorf("%s: %d of %d are not known, %v", what, n, items, err)
			}
			_ = s.Close()
		}
	}
}
