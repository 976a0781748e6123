package collect

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// forwarding is an office in which bob's mail goes on to another domain, and stays.
type forwarding struct{ people }

func (forwarding) Rules(_ context.Context, id mail.AccountID) (mail.Rules, error) {
	if id != 2 {
		return mail.Rules{}, nil
	}
	return mail.Rules{Address: mail.Address{Local: "bob", Domain: "office.test"}, Forward: []mail.Member{{Address: mail.Address{Local: "bob", Domain: "far.test"}}}, Keep: true}, nil
}

// openForwarding is openBox with a queue, which sends nothing.
func openForwarding(t testing.TB, disk durable.FS, dir string, dial Dial) *testBox {
	t.Helper()
	b := openBox(t, disk, dir, dial)
	var err error
	b.queue, err = queue.Open(t.Context(), filepath.Join(dir, queue.File), b.journal, queue.Options{
		Logger: slog.New(slog.DiscardHandler), Hostname: func() string { return "box.office.test" }, Postmaster: func() mail.Address { return mail.Address{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	mailroom := delivery.New(delivery.Options{Directory: forwarding{office()}, Post: posting{b, nil}, Log: slog.New(slog.DiscardHandler), Place: delivery.Place{
		Hostname: func() string { return "box.office.test" }, Zone: func() *time.Location { return time.UTC },
	}})
	b.c.o.Post = room{b, mailroom}
	return b
}

// sound holds that the store and the queue pass their checks.
func (b *testBox) sound(t *testing.T, where string) {
	t.Helper()
	if r, err := b.store.Check(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("%s: the store has %v, %v", where, r.Problems, err)
	}
	if r, err := b.queue.Check(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("%s: the queue has %v, %v", where, r.Problems, err)
	}
}

// places counts where a message is: alice's and bob's mailbox, and the queue.
func (b *testBox) places(t *testing.T, text string) [3]int {
	t.Helper()
	n := [3]int{b.has(1, text), b.has(2, text), 0}
	items, more, err := b.queue.List(t.Context(), queue.Filter{}, queue.Page{})
	if err != nil || more {
		t.Fatalf("list the queue: %v, more %v", err, more)
	}
	for _, it := range items {
		var out strings.Builder
		if err := b.queue.Export(t.Context(), it.ID, &out); err != nil {
			t.Errorf("read %s: %v", it.ID, err)
		}
		if strings.Contains(out.String(), text) {
			n[2]++
		}
	}
	return n
}

// TestForwardPowerCut: collected mail that goes into mailboxes and on to another domain
// is one record of store, queue and collecting. Whenever the power goes between its
// coming and its deletion at the provider, it is in all of its places or in none, and
// once in each in the end.
func TestForwardPowerCut(t *testing.T) {
	t.Parallel()
	const messages = 3
	provider := func() *popProvider {
		p := &popProvider{password: "secret"}
		for i := range messages {
			p.put(fmt.Sprint(i), letter("alice@office.test, bob@office.test", fmt.Sprintf("text %d.%s", i, strings.Repeat("x", i*150_000))))
		}
		return p
	}
	disk, p, dir := newDisk(), provider(), t.TempDir()
	deleted := 0
	p.onQuit = func() { deleted = disk.Ops() }
	b := openForwarding(t, disk, dir, p.dial)
	first := disk.Ops()
	if _, err := b.once(popSource()); err != nil {
		t.Fatal(err)
	}
	last := disk.Ops()
	if err := b.queue.Close(); err != nil {
		t.Fatal(err)
	}
	b.close()
	for point := range crashfs.Points(first, last) {
		for name, chance := range map[string]crashfs.Chance{"nothing": crashfs.Nothing(), "everything": crashfs.Everything(), "some": crashfs.Some(uint64(point))} {
			where := fmt.Sprintf("point %d of %d, %s", point, last, name)
			p, again := provider(), t.TempDir()
			if point > deleted {
				p.mail = nil
			}
			if name == "everything" { // what bbolt has may be ahead of the log
				for _, file := range []string{File, queue.File} {
					index, err := os.ReadFile(filepath.Join(dir, file))
					if err == nil {
						err = os.WriteFile(filepath.Join(again, file), index, 0o600)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			b := openForwarding(t, disk.Crash(point, chance), again, p.dial)
			for i := range messages {
				if n := b.places(t, fmt.Sprintf("text %d.", i)); n != [3]int{} && n != [3]int{1, 1, 1} {
					t.Errorf("%s: after the cut message %d is in %v; want all or none", where, i, n)
				}
			}
			if _, err := b.once(popSource()); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			for i := range messages {
				if n := b.places(t, fmt.Sprintf("text %d.", i)); n != [3]int{1, 1, 1} {
					t.Errorf("%s: message %d is in %v; want once in each", where, i, n)
				}
			}
			if left := p.left(); len(left) > 0 {
				t.Errorf("%s: at the provider are %v; want none", where, left)
			}
			b.sound(t, where)
			if err := b.queue.Close(); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			b.abandon()
		}
	}
}
