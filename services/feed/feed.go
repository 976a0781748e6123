package feed

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// The files, below the data directory.
const (
	File     = "private/feed.json"
	PartFile = "private/fetched.update"
)

const (
	fileVersion = 1
	maxFile     = 64 << 10
	// MaxSize bounds an update in bytes, as the machine does.
	MaxSize = 62 << 20
	// askEvery is how often the server is asked, retryEvery after it could not be.
	askEvery   = 6 * time.Hour
	retryEvery = 15 * time.Minute
	// maxURL bounds the address.
	maxURL = 2000
)

// Settings are where updates come from, and when they may be installed.
type Settings struct {
	URL    string      // "": nowhere
	Window mail.Window // no periods: at any time
}

// State is how it goes.
type State struct {
	Asked   time.Time // when the server last answered; zero: not since the start
	Waiting bool      // an update is here and waits for the window
	Problem string    // what went wrong last, in words; "": nothing
}

// Options are what a Feed needs; all but Roots are required.
type Options struct {
	Files *durable.OS
	// Install hands an update to the machine, and returns when it is written so that the
	// next start tries it. A *mail.RuleError says why it is not one for this box.
	Install func(ctx context.Context, update io.Reader) error
	Restart func(ctx context.Context) error
	Ready   func(ctx context.Context) bool // waits until certificates can be judged; false: ctx has ended
	Zone    func() *time.Location          // of the office
	Roots   *x509.CertPool                 // whose certificates are believed; nil: the system's
	Log     *slog.Logger
}

// content is the file's.
type content struct {
	URL     string   `json:"url,omitempty"`
	Window  []string `json:"window,omitempty"`
	Done    string   `json:"done,omitempty"`    // ETag of what was handed on last
	Part    string   `json:"part,omitempty"`    // ETag of what is in PartFile
	Problem string   `json:"problem,omitempty"` // with the server
	Refused string   `json:"refused,omitempty"` // why the machine did not take the last one
}

// Feed brings updates.
type Feed struct {
	o    Options
	wake chan struct{} // capacity 1

	resumed bool // what is in PartFile came in several parts; Run's goroutine's

	mu    sync.Mutex
	c     content // guarded by mu
	state State   // guarded by mu
}

// Open reads the settings. What can't be read is logged and counts as none.
func Open(o Options) *Feed {
	f := &Feed{o: o, wake: make(chan struct{}, 1)}
	c, err := read(o.Files)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.Log.Error("where updates come from can't be read: from nowhere, as on a new box", "err", err)
	}
	f.c = c
	return f
}

func read(files durable.FS) (c content, err error) {
	text, err := durable.ReadFile(files, File, maxFile)
	if err != nil {
		return c, fmt.Errorf("feed: %w", err)
	}
	return decode(text)
}

func decode(text []byte) (c content, err error) {
	if len(text) == 0 || text[0] != fileVersion {
		return c, errors.New("feed: it is of another version")
	}
	if err := json.Unmarshal(text[1:], &c); err != nil {
		return content{}, fmt.Errorf("feed: %w", err)
	}
	if _, err := c.settings(); err != nil {
		return content{}, fmt.Errorf("feed: %w", err)
	}
	return c, nil
}

// settings reads what stands in the file.
func (c *content) settings() (s Settings, err error) {
	s.URL = c.URL
	for _, text := range c.Window {
		p, err := mail.ParsePeriod(text)
		if err != nil {
			return Settings{}, err
		}
		s.Window = append(s.Window, p)
	}
	if s.URL != "" {
		err = checkURL(s.URL)
	}
	return s, err
}

// checkURL says in words what is wrong with an address.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(text) > maxURL {
		return &mail.RuleError{Field: "url", Text: "Updates are fetched from an address that begins with https:// and has no user name in it", Err: err}
	}
	return nil
}

// change changes the file, durably.
func (f *Feed) change(change func(*content)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.c
	c.Window = slices.Clone(c.Window)
	change(&c)
	text, err := json.Marshal(c)
	if err == nil {
		err = durable.ReplaceBytes(f.o.Files, File, 0o600, append([]byte{fileVersion}, text...))
	}
	if err != nil {
		return fmt.Errorf("feed: keep settings: %w", err)
	}
	f.c = c
	return nil
}

// Settings are those that hold, and how it goes.
func (f *Feed) Settings() (Settings, State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.c.settings()
	if err != nil {
		s = Settings{} // cannot be: they were looked at
	}
	state := f.state
	state.Problem = cmp.Or(f.c.Problem, f.c.Refused)
	return s, state
}

// Set makes others hold, and asks the server soon. Errors: *mail.RuleError, or the
// disk's.
func (f *Feed) Set(s Settings) error {
	c := content{URL: s.URL}
	for _, p := range s.Window {
		c.Window = append(c.Window, p.String())
	}
	if _, err := c.settings(); err != nil {
		return err
	}
	err := f.change(func(now *content) {
		if now.URL != c.URL {
			*now = content{URL: c.URL}
		}
		now.Window = c.Window
	})
	if err != nil {
		return err
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run brings updates until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	for {
		wait := askEvery
		if s, _ := f.Settings(); s.URL != "" && f.o.Ready(ctx) {
			if err := f.round(ctx); err != nil && ctx.Err() == nil {
				wait = retryEvery
				f.note(err)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-f.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// note keeps what went wrong.
func (f *Feed) note(err error) {
	f.o.Log.Warn("no update was brought", "err", err)
	if err := f.change(func(c *content) { c.Problem = mail.InWords(err) }); err != nil {
		f.o.Log.Warn("that could not be kept", "err", err)
	}
}

// round asks once, and installs what there is when the window is open.
func (f *Feed) round(ctx context.Context) error {
	settings, _ := f.Settings()
	tag, err := f.fetch(ctx, settings.URL)
	if err != nil || tag == "" {
		return err
	}
	if !f.await(ctx, settings) {
		return nil // other settings, or the end
	}
	err = f.install(ctx)
	var refused *mail.RuleError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	problem := ""
	if refused != nil {
		if f.resumed {
			return f.forget(refused) // its parts may not fit: once more, as a whole
		}
		problem = refused.Text
		f.o.Log.Warn("an update was refused", "from", settings.URL, "why", refused.Text)
	}
	// Before the restart: what does not prove itself shall not be fetched again.
	if err := f.change(func(c *content) { c.Done, c.Part, c.Refused = tag, "", problem }); err != nil {
		return err
	}
	if err := os.Remove(f.o.Files.Path(PartFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.o.Log.Warn("an update that was handed on takes room", "err", err)
	}
	if refused != nil {
		return nil
	}
	if !f.await(ctx, settings) {
		return nil // the next restart tries it
	}
	f.o.Log.Info("the box restarts for its update", "from", settings.URL)
	return f.o.Restart(ctx)
}

// await waits for the window; false: other settings, or the end.
func (f *Feed) await(ctx context.Context, settings Settings) bool {
	defer f.waiting(false)
	for {
		now := time.Now()
		open, until := settings.Window.At(now.In(f.o.Zone()))
		if open {
			return true
		}
		f.waiting(true)
		// At least every hour, since the clock may be set.
		timer := time.NewTimer(min(max(until.Sub(now.Round(0)), time.Second), time.Hour))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-f.wake:
			timer.Stop()
			f.wake <- struct{}{} // for Run
			return false
		case <-timer.C:
		}
	}
}

func (f *Feed) waiting(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Waiting = on
}

func (f *Feed) install(ctx context.Context) error {
	file, err := os.Open(f.o.Files.Path(PartFile))
	if err != nil {
		return fmt.Errorf("feed: read the update: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	return f.o.Install(ctx, file)
}
