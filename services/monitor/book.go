package monitor

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// File is where the settings are.
const File = "private/monitor.json"

const (
	fileVersion = 1
	// maxFile bounds the file: certificates are most of it.
	maxFile = 1 << 20
)

// Settings are who is told what. The zero value is what a box has at first.
type Settings struct {
	Syslog      *syslog.Target // who gets the log; nil: nobody
	MetricsHash string         // SHA-256 in hexadecimal of the token that the figures are given for; "": they aren't
	Silent      bool           // administrators get no letters about trouble
}

// content is the file's.
type content struct {
	Syslog      *syslog.Target       `json:"syslog,omitempty"`
	MetricsHash string               `json:"metrics_hash,omitempty"`
	Silent      bool                 `json:"silent,omitempty"`
	Place       logbook.Position     `json:"place,omitzero"`
	Told        map[string]time.Time `json:"told,omitempty"`
}

// Book keeps the settings.
type Book struct {
	files durable.FS

	mu sync.Mutex
	c  content // guarded by mu
}

// Open reads them. What can't be read is logged and counts as none.
func Open(files durable.FS, log *slog.Logger) *Book {
	b := &Book{files: files}
	c, err := read(files)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("the settings of who watches over the box can't be read, and are as on a new one", "err", err)
	}
	b.c = c
	return b
}

func read(files durable.FS) (c content, err error) {
	text, err := durable.ReadFile(files, File, maxFile)
	if err != nil {
		return c, fmt.Errorf("monitor: %w", err)
	}
	return decode(text)
}

func decode(text []byte) (c content, err error) {
	if len(text) == 0 || text[0] != fileVersion {
		return c, errors.New("monitor: it is of another version")
	}
	if err := json.Unmarshal(text[1:], &c); err != nil {
		return content{}, fmt.Errorf("monitor: %w", err)
	}
	if c.Syslog != nil {
		if err := c.Syslog.Check(); err != nil {
			c.Syslog = nil
			return c, fmt.Errorf("monitor: %w", err)
		}
	}
	return c, nil
}

// change changes the content, durably.
func (b *Book) change(change func(*content)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.c
	c.Told = maps.Clone(c.Told)
	change(&c)
	text, err := json.Marshal(c)
	if err == nil {
		err = durable.ReplaceBytes(b.files, File, 0o600, append([]byte{fileVersion}, text...))
	}
	if err != nil {
		return fmt.Errorf("monitor: keep settings: %w", err)
	}
	b.c = c
	return nil
}

// Settings are those that hold.
func (b *Book) Settings() Settings {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Settings{b.c.Syslog, b.c.MetricsHash, b.c.Silent}
}

// Set makes others hold; durable on return. A new collector begins with the newest
// lines. Errors: those of syslog.Target.Check, or the disk's.
func (b *Book) Set(s Settings) error {
	if s.Syslog != nil {
		if err := s.Syslog.Check(); err != nil {
			return err
		}
	}
	return b.change(func(c *content) {
		if s.Syslog == nil || c.Syslog == nil || *s.Syslog != *c.Syslog {
			c.Place = logbook.Position{}
		}
		c.Syslog, c.MetricsHash, c.Silent = s.Syslog, s.MetricsHash, s.Silent
	})
}

// Allows says whether the figures are given for a token. How long it takes says nothing
// of the right one.
func (b *Book) Allows(token string) bool {
	want := b.Settings().MetricsHash
	sum := sha256.Sum256([]byte(token))
	return want != "" && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(want)) == 1
}

// HashOf is what is kept of a token.
func HashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Place is up to where the log was passed on.
func (b *Book) Place() logbook.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.c.Place
}

// Keep keeps that.
func (b *Book) Keep(p logbook.Position) error { return b.change(func(c *content) { c.Place = p }) }

// Told is which trouble administrators have been told of, and when.
func (b *Book) Told() map[string]time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c.Told == nil {
		return map[string]time.Time{}
	}
	return maps.Clone(b.c.Told)
}

// SetTold keeps that; until the next start also where the disk does not take it, or
// the same letter would be written again and again.
func (b *Book) SetTold(told map[string]time.Time) error {
	err := b.change(func(c *content) { c.Told = told })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.c.Told = maps.Clone(told)
	return err
}
