package allowance

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

type world struct {
	fs     *durable.OS
	limits mail.Limits
	told   []Exhausted
}

func newWorld(t *testing.T, limits mail.Limits) *world {
	t.Helper()
	fs, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fs.Close() })
	return &world{fs: fs, limits: limits}
}

func (w *world) open(t *testing.T) *Counter {
	t.Helper()
	return Open(w.options())
}

// openToRead opens what was left without writing.
func (w *world) openToRead(t *testing.T) *Counter {
	t.Helper()
	o := w.options()
	o.ReadOnly = true
	return Open(o)
}

func (w *world) options() Options {
	return Options{
		FS: w.fs, File: "counts", Log: slog.New(slog.DiscardHandler),
		Limits:    func(mail.AccountID) mail.Limits { return w.limits },
		Exhausted: func(e Exhausted) { w.told = append(w.told, e) },
	}
}

// again closes a counter and opens what it left.
func (w *world) again(t *testing.T, c *Counter) *Counter {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return w.open(t)
}

func address(local string) mail.Address { return mail.Address{Local: local, Domain: "far.test"} }

func want(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		t.Errorf("got %v; want %q", err, text)
	}
}

// TestDay: bounds hold for 24 hours, across restarts, and the administrator hears
// once of each.
func TestDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mail.Limits{Messages: 3, Recipients: 2})
	synctest.Test(t, func(t *testing.T) {
		c := w.open(t)
		want(t, c.Message(1), "")
		want(t, c.Recipient(1, address("a")), "")
		time.Sleep(12 * time.Hour)
		c = w.again(t, c)
		want(t, c.Message(1), "")
		want(t, c.Recipient(1, address("b")), "")
		want(t, c.Recipient(1, mail.Address{Local: "a", Domain: "FAR.test"}), "")
		want(t, c.Recipient(1, address("c")), "You have written to 2 new addresses within a day, which is the most. Try again later")
		want(t, c.Recipient(2, address("c")), "") // somebody else
		want(t, c.Message(1), "")
		want(t, c.Message(1), "You have sent 3 messages within a day")
		c = w.again(t, c)
		want(t, c.Message(1), "You have sent 3 messages within a day")
		want(t, c.Recipient(1, address("d")), "You have written to 2 new")
		if got, want := fmt.Sprint(w.told), "[{a1 1 2} {a1 0 3}]"; got != want {
			t.Errorf("told of %s; want %s", got, want)
		}
		if got, want := fmt.Sprint(c.Exhausted()), "[{a1 0 3} {a1 1 2}]"; got != want {
			t.Errorf("Exhausted = %s; want %s", got, want)
		}
		if got := c.Used(1); got != (mail.Limits{Messages: 3, Recipients: 2}) {
			t.Errorf("Used = %+v", got)
		}
		time.Sleep(13 * time.Hour) // the first ones have left the day
		want(t, c.Message(1), "")
		want(t, c.Recipient(1, address("c")), "")
		if got := c.Exhausted(); len(got) != 2 { // full again, and it was told of within a day
			t.Errorf("Exhausted = %v", got)
		}
		time.Sleep(25 * time.Hour)
		c = w.again(t, c)
		want(t, c.Message(1), "")
		for _, known := range "abc" {
			want(t, c.Recipient(1, address(string(known))), "")
		}
		if got := c.Used(1); got != (mail.Limits{Messages: 1}) || c.Exhausted() != nil {
			t.Errorf("a day later Used = %+v, Exhausted = %v", got, c.Exhausted())
		}
		time.Sleep(KnownFor + 48*time.Hour)
		want(t, c.Recipient(1, address("a")), "")
		if got := c.Used(1); got.Recipients != 1 {
			t.Errorf("after half a year Used = %+v; want a to be new", got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoLimit: who has no bound is counted all the same.
func TestNoLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mail.Limits{Messages: mail.NoLimit, Recipients: mail.NoLimit})
	c := w.open(t)
	for i := range 50 {
		want(t, c.Message(1), "")
		want(t, c.Recipient(1, address(fmt.Sprint(i))), "")
	}
	if got := c.Used(1); got != (mail.Limits{Messages: 50, Recipients: 50}) || len(w.told) > 0 {
		t.Errorf("Used = %+v, told %v", got, w.told)
	}
}

// TestBounded: however many addresses there are, memory and file stay small, and the
// newest are remembered.
func TestBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mail.Limits{Messages: mail.NoLimit, Recipients: mail.NoLimit})
	synctest.Test(t, func(t *testing.T) {
		c := w.open(t)
		const days = 6
		for day := range days {
			for i := range MaxKnown / 2 {
				want(t, c.Recipient(1, address(fmt.Sprint(day, i))), "")
			}
			time.Sleep(24 * time.Hour)
		}
		for range slack + 1000 {
			want(t, c.Message(1), "")
		}
		c = w.again(t, c)
		if n := len(c.accounts[1].known); n > MaxKnown || n < MaxKnown-MaxKnown/16 {
			t.Errorf("%d addresses are remembered; want at most %d", n, MaxKnown)
		}
		if c.records > 2*slack+MaxKnown {
			t.Errorf("the file has %d records", c.records)
		}
		before := c.Used(1).Recipients
		want(t, c.Recipient(1, address(fmt.Sprint(days-1, 7))), "")
		if got := c.Used(1); got.Recipients != before || got.Messages != slack+1000 {
			t.Errorf("Used = %+v; want yesterday's address to be known", got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTorn: whatever becomes of the end of the file, what stands before it counts.
func TestTorn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mail.Limits{Messages: 100, Recipients: 100})
	c := w.open(t)
	for i := range 5 {
		want(t, c.Message(1), "")
		want(t, c.Recipient(1, address(fmt.Sprint(i))), "")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	name := w.fs.Path("counts")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for cut := 0; cut <= len(whole); cut++ {
		for _, garbage := range [][]byte{nil, {0}, bytes.Repeat([]byte{0}, 100)} {
			if err := os.WriteFile(name, append(bytes.Clone(whole[:cut]), garbage...), 0o600); err != nil {
				t.Fatal(err)
			}
			c := w.open(t)
			if got, want := c.Used(1).Messages, (max(cut-headerSize, 0)/recordSize+2)/3; got != want {
				t.Fatalf("cut at %d: %d messages; want %d", cut, got, want)
			}
			n := c.Used(1).Messages
			want(t, c.Message(1), "")
			c = w.again(t, c)
			if got := c.Used(1).Messages; got != n+1 {
				t.Fatalf("cut at %d: one more message makes %d of %d", cut, got, n)
			}
			last = max(last, n)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last != 5 {
		t.Errorf("the whole file has %d messages", last)
	}
}

// TestDiskTrouble: a file that can't be made does not stop mail.
func TestDiskTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mail.Limits{Messages: 1, Recipients: 1})
	if err := os.Mkdir(filepath.Join(w.fs.Path("counts")), 0o700); err != nil {
		t.Fatal(err)
	}
	c := w.open(t)
	want(t, c.Message(1), "")
	want(t, c.Message(1), "You have sent 1 messages")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzLoad(f *testing.F) {
	head := append(append([]byte(magic), version, 0, 0, 0), make([]byte, 32)...)
	head = appendSum(head, 0)
	for _, r := range []record{{whatMessages, 262968, 7}, {whatRecipients, 1 << 31, 1 << 63}, {whatAddress, 5, 1 << 60}, {whatTold + 1, 262968, 0}, {99, 0, 0}} {
		f.Add(r.append(bytes.Clone(head), 3))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c := &Counter{accounts: map[mail.AccountID]*page{}}
		now := time.Unix(1e9, 0)
		good, err := c.load(bytes.NewReader(file), now)
		if err != nil || good > int64(len(file)) {
			t.Fatalf("load = %d, %v of %d bytes", good, err, len(file))
		}
		for _, id := range c.ids() {
			p := c.page(id, now)
			again := &Counter{accounts: map[mail.AccountID]*page{}}
			for b := range bytesOf(p.records(id)) {
				again.replay(b, now)
			}
			if q := again.page(id, now); q.sum(Messages) != p.sum(Messages) || q.sum(Recipients) != p.sum(Recipients) || len(q.known) != len(p.known) {
				t.Fatalf("%+v is read again as %+v", p, q)
			}
		}
	})
}

// TestReadOnly: where nothing is to be written, what was counted holds, and the file is
// neither made nor touched.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mail.Limits{Messages: 3, Recipients: 2})
	synctest.Test(t, func(t *testing.T) {
		c := w.openToRead(t)
		want(t, c.Recipient(1, address("a")), "")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(w.fs.Path("counts")); !os.IsNotExist(err) {
			t.Fatalf("a counter that is only to read has made its file: %v", err)
		}
		c = w.open(t)
		for range 2 {
			want(t, c.Message(1), "")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		before, err := os.ReadFile(w.fs.Path("counts"))
		if err != nil {
			t.Fatal(err)
		}
		c = w.openToRead(t)
		want(t, c.Message(1), "")
		want(t, c.Message(1), "You have sent 3 messages within a day")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if after, err := os.ReadFile(w.fs.Path("counts")); err != nil || !bytes.Equal(after, before) {
			t.Errorf("the file is another than before: %v", err)
		}
	})
}
