package feed

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// site is a web server with an update.
type site struct {
	*httptest.Server
	mu      sync.Mutex
	tag     string
	text    []byte
	breakAt int      // > 0: the next answer ends there
	asked   []string // "200 0-", what was sent
	instead http.HandlerFunc
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{tag: `"v2"`, text: bytes.Repeat([]byte("an update "), 30_000)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		tag, text, at, instead := s.tag, s.text, s.breakAt, s.instead
		s.breakAt = 0
		s.asked = append(s.asked, r.Header.Get("Range"))
		s.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		if at > 0 {
			w = &breaking{w, at}
		}
		http.ServeContent(w, r, "x.update", time.Time{}, bytes.NewReader(text))
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// breaking hangs up after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left < len(p) {
		_, _ = b.ResponseWriter.Write(p[:b.left]) // the client sees it broken off
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

// machine takes updates.
type machine struct {
	got      [][]byte
	refuse   string
	restarts int
}

func (m *machine) install(_ context.Context, r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.got = append(m.got, text)
	if m.refuse != "" {
		return &mail.RuleError{Text: m.refuse}
	}
	return nil
}

func (m *machine) restart(context.Context) error { m.restarts++; return nil }

func open(t *testing.T, dir string, s *site, m *machine) *Feed {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return Open(Options{
		Files: files, Install: m.install, Restart: m.restart, Ready: func(context.Context) bool { return true },
		Zone: func() *time.Location { return time.UTC }, Roots: roots, Log: slog.New(slog.DiscardHandler),
	})
}

// TestRound: what is new is fetched, handed on and tried by a restart, once; also
// behind the restart.
func TestRound(t *testing.T) {
	t.Parallel()
	s, m, dir := newSite(t), &machine{}, t.TempDir()
	f := open(t, dir, s, m)
	if err := f.Set(Settings{URL: s.URL + "/x.update"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		f = open(t, dir, s, m)
	}
	if len(m.got) != 1 || !bytes.Equal(m.got[0], s.text) || m.restarts != 1 {
		t.Fatalf("%d updates, %d restarts; want one of each", len(m.got), m.restarts)
	}
	if _, err := os.Stat(filepath.Join(dir, PartFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it still takes room: %v", err)
	}
	s.mu.Lock()
	s.tag, m.refuse = `"v3"`, "This update isn't signed by anybody the box knows."
	s.mu.Unlock()
	for range 2 {
		if err := f.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, state := f.Settings(); len(m.got) != 2 || m.restarts != 1 || state.Problem != m.refuse {
		t.Errorf("a refused one: %d updates, %d restarts, %q; want it offered once, and why", len(m.got), m.restarts, state.Problem)
	}
}

// TestResume: a fetch goes on where it broke off, also behind a restart; when the server
// has another update meanwhile, that is fetched from its beginning.
func TestResume(t *testing.T) {
	t.Parallel()
	s, m, dir := newSite(t), &machine{}, t.TempDir()
	f := open(t, dir, s, m)
	if err := f.Set(Settings{URL: s.URL}); err != nil {
		t.Fatal(err)
	}
	s.breakAt = 100_000
	if err := f.round(t.Context()); !errors.Is(err, errShort) {
		t.Fatalf("a fetch that breaks off: %v", err)
	}
	f = open(t, dir, s, m)
	if err := f.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.got) != 1 || !bytes.Equal(m.got[0], s.text) {
		t.Errorf("%d updates; want it whole", len(m.got))
	}
	if want := []string{"", "bytes=100000-"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}

	s.tag, s.breakAt = `"v3"`, 50_000
	if err := f.round(t.Context()); !errors.Is(err, errShort) {
		t.Fatalf("a fetch that breaks off: %v", err)
	}
	s.tag, s.text = `"v4"`, bytes.Repeat([]byte("another"), 30_000)
	if err := f.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.got) != 2 || !bytes.Equal(m.got[1], s.text) {
		t.Errorf("%d updates; want the newer one whole", len(m.got))
	}
}

// TestResumedAndRefused: what came in parts and is refused is fetched once more as a whole.
func TestResumedAndRefused(t *testing.T) {
	t.Parallel()
	s, m := newSite(t), &machine{refuse: "Its hash does not fit."}
	f := open(t, t.TempDir(), s, m)
	if err := f.Set(Settings{URL: s.URL}); err != nil {
		t.Fatal(err)
	}
	s.breakAt = 1000
	_ = f.round(t.Context())
	if err := f.round(t.Context()); err == nil {
		t.Error("what came in parts and was refused counts as done")
	}
	m.refuse = ""
	if err := f.round(t.Context()); err != nil || len(m.got) != 2 || m.restarts != 1 || s.asked[len(s.asked)-1] != "" {
		t.Errorf("%v, %d updates, %d restarts, asked %q; want it fetched as a whole", err, len(m.got), m.restarts, s.asked)
	}
}

// TestWindow: nothing is installed before the window opens; other settings end the wait.
func TestWindow(t *testing.T) {
	t.Parallel()
	s, m := newSite(t), &machine{}
	f := open(t, t.TempDir(), s, m)
	tomorrow := time.Now().UTC().Add(36 * time.Hour).Weekday()
	p, err := mail.ParsePeriod(strings.ToLower(tomorrow.String()[:3]) + " 02:00-02:30")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Set(Settings{URL: s.URL, Window: mail.Window{p}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	defer func() { cancel(); <-done }()
	await := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !ok(); {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
			select {
			case <-done:
				t.Fatal("it has ended")
			case <-time.After(2 * time.Millisecond): // a server is waited for
			}
		}
	}
	await("waits for the window", func() bool { _, state := f.Settings(); return state.Waiting })
	if len(m.got) != 0 {
		t.Error("it was installed before the window opened")
	}
	if err := f.Set(Settings{URL: s.URL}); err != nil {
		t.Fatal(err)
	}
	await("installed at any time", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.c.Done == s.tag
	})
}

// TestHostile: what a server must not get away with.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]http.HandlerFunc{
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.test/", http.StatusFound)
		},
		"no tag": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "x")
		},
		"huge": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Content-Length", "99999999999")
		},
		"a part unasked": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusPartialContent)
		},
		"broken": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		s, m := newSite(t), &machine{}
		s.instead = instead
		f := open(t, t.TempDir(), s, m)
		if err := f.Set(Settings{URL: s.URL}); err != nil {
			t.Fatal(err)
		}
		if err := f.round(t.Context()); err == nil || len(m.got) != 0 {
			t.Errorf("%s: %v, %d updates; want an error and none", name, err, len(m.got))
		}
	}
	s, m := newSite(t), &machine{}
	f := open(t, t.TempDir(), s, m)
	f.o.Roots = x509.NewCertPool()
	if err := f.Set(Settings{URL: s.URL}); err != nil {
		t.Fatal(err)
	}
	if err := f.round(t.Context()); err == nil || len(s.asked) != 0 {
		t.Errorf("a server whose certificate does not hold: %v, asked %q", err, s.asked)
	}
	for _, url := range []string{"http://x.test/", "https://u:p@x.test/", "ftp://x", "https://", "x", "https://x.test/" + strings.Repeat("y", maxURL)} {
		var refused *mail.RuleError
		if err := f.Set(Settings{URL: url}); !errors.As(err, &refused) {
			t.Errorf("%.40s: %v, want it refused in words", url, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01{\"url\":\"https://x.test/\",\"window\":[\"daily 02:00-04:00\"]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := decode(text); err == nil && c.URL != "" && checkURL(c.URL) != nil {
			t.Errorf("%q gives %+v", text, c)
		}
	})
}
