package office

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/platform/durable/disktest"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// letter is a message that Alice sends to Bob in these tests.
const letter = "Subject: letter\r\nFrom: alice@example.test\r\n\r\nHello, Bob.\r\n"

// unclean gives what an office leaves that is stopped without notice: its files as they
// are while it runs. In Bob's mailbox there are three messages.
func unclean(t *testing.T) fs.FS {
	t.Helper()
	data, left := t.TempDir(), t.TempDir()
	o := startOffice(t, data, func(o *Options) { o.Tuning.Segment = 1 << 20 })
	o.setUpNow(t, 0)
	for range 3 {
		if err := o.submit(t, "bob@"+testDomain, letter); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "indexes are written", func() bool { return len(indexes(t, data)) >= 2 })
	eventually(t, "the ring is made", func() bool {
		_, err := os.Stat(filepath.Join(data, "mail/ring/commit.ring"))
		return err == nil
	})
	if err := os.CopyFS(left, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	return os.DirFS(left)
}

// onDisk gives a disk of so many bytes with a copy of that.
func onDisk(t *testing.T, left fs.FS, size int64) *disktest.Disk {
	t.Helper()
	d := disktest.New(t, size)
	if err := os.CopyFS(d.Dir, left); err != nil {
		t.Fatal(err)
	}
	return d
}

func indexes(t *testing.T, data string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(data, "mail/accounts/*/index.db"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// garble writes nonsense over the beginning of files.
func garble(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(strings.Repeat("nonsense", 1500)), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// wantReadable proves that everybody can read what is there by every way, that new mail
// is asked to come later, and that API and screen say what is wrong, in the given words,
// and what to do.
func (o *testOffice) wantReadable(t *testing.T, what string) {
	t.Helper()
	if got := o.fetch(t, "bob"); len(got) < 3 || !strings.HasSuffix(got[len(got)-1], "Hello, Bob.\r\n") {
		t.Errorf("by IMAP Bob gets %q; want three letters", got)
	}
	if got := o.retr(t, "bob"); !strings.Contains(got, "\r\n\r\n") {
		t.Errorf("by POP3 Bob gets %q", got)
	}
	err := o.submit(t, "bob@"+testDomain, letter)
	if e, ok := errors.AsType[*smtp.SMTPError](err); !ok || e.Code != 451 && e.Code != 452 {
		t.Errorf("a new message: %v; want 451 or 452", err)
	}
	err = o.submit(t, "bob@"+testDomain, letter+strings.Repeat("and so on and so on\r\n", 100_000))
	if e, ok := errors.AsType[*smtp.SMTPError](err); !ok || e.Code != 451 && e.Code != 452 {
		t.Errorf("a large new message: %v; want 451 or 452", err)
	}
	var health struct {
		OK       bool `json:"ok"`
		Findings []struct {
			What string `json:"what"`
			ToDo string `json:"what_to_do"`
		} `json:"findings"`
	}
	o.api(t, "admin").do("GET", "/api/health", nil, &health)
	if health.OK || len(health.Findings) == 0 || !strings.Contains(health.Findings[0].What, what) || health.Findings[0].ToDo == "" {
		t.Errorf("the API says %+v; want %q first", health, what)
	}
	if s := o.screen(); !strings.Contains(s.State, what) {
		t.Errorf("the screen says %q; want %q", s.State, what)
	}
	if err := o.Alive(t.Context()); err != nil {
		t.Errorf("the watchdog hears %v", err)
	}
}

// damages are what may be wrong on the disk besides.
func damages(t *testing.T, data string) map[string]func() {
	return map[string]func(){
		"nothing":      func() {},
		"indexes":      func() { garble(t, indexes(t, data)...) },
		"directory":    func() { garble(t, filepath.Join(data, "mail/directory.db")) },
		"queue":        func() { garble(t, filepath.Join(data, "mail/queue.db")) },
		"certificates": func() { _ = os.RemoveAll(filepath.Join(data, "private/tls")) },
		"spool": func() {
			_ = os.MkdirAll(filepath.Join(data, "mail/spool"), 0o700)
			_ = os.WriteFile(filepath.Join(data, "mail/spool/draft-1"), []byte("left"), 0o600)
		},
	}
}

// TestStartReadOnly starts, after a stop without notice, on a disk that takes no writes
// from the very start, with or without other damage. When it takes them again, the next
// start is like any other.
func TestStartReadOnly(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	left := unclean(t)
	for name := range damages(t, "") {
		t.Run(name, func(t *testing.T) {
			d := onDisk(t, left, 64<<20)
			damages(t, d.Dir)[name]()
			d.ReadOnly(true)
			o := startOffice(t, d.Dir)
			o.wantReadable(t, readOnlyWhat)
			if err := o.probe(); !errors.Is(err, syscall.EROFS) {
				t.Errorf("the disk is said to take writes again: %v", err)
			}
			d.ReadOnly(false)
			if err := o.probe(); err != nil { // Serve then ends, for a new start
				t.Errorf("when it takes writes again: %v", err)
			}
			if err := o.stop(); err != nil && !errors.Is(err, mail.ErrClosed) {
				t.Error(err)
			}
			o = startOffice(t, d.Dir)
			if got := o.fetch(t, "bob"); len(got) < 3 {
				t.Errorf("when it takes writes again Bob has %d messages; want three", len(got))
			}
		})
	}
}

// TestStartFull starts, after a stop without notice, on a disk without a single free
// block.
func TestStartFull(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	left := unclean(t)
	for name := range damages(t, "") {
		t.Run(name, func(t *testing.T) {
			d := onDisk(t, left, 96<<20)
			damages(t, d.Dir)[name]()
			d.Fill(0)
			o := startOffice(t, d.Dir)
			t.Logf("open only to read: %v", o.onlyRead)
			what := "The disk is full"
			if o.onlyRead != nil {
				what = fullWhat
			}
			o.wantReadable(t, what)
			if err := o.probe(); o.onlyRead != nil && !errors.Is(err, mail.ErrNoSpace) {
				t.Errorf("there is said to be room again: %v", err)
			}
			d.Empty()
			if err := o.probe(); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if err := o.stop(); err != nil {
				t.Error(err)
			}
			o = startOffice(t, d.Dir)
			if got := o.fetch(t, "bob"); len(got) < 3 {
				t.Errorf("with room again Bob has %d messages; want three", len(got))
			}
		})
	}
}
