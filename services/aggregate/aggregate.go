package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/tlsrpt"
)

// File is where the counts are kept, relative to the data directory.
const File = "mail/reports"

const (
	// keepEvery is how often the counts are written: what a power cut may cost.
	keepEvery = 10 * time.Minute
	// retryEvery is how soon a domain is asked again whose DNS did not answer.
	retryEvery = time.Hour
	// spread is over how long after midnight the world's offices send their reports.
	spread = 4 * time.Hour
	// reportTime is for one report, DNS and commit.
	reportTime = time.Minute
	// maxFile is above what the collectors' bounds allow for.
	maxFile = 64 << 20
	// maxSize is the largest report that is sent: RFC 9990 leaves it to the sender, and
	// ten megabytes are what everybody takes.
	maxSize = 10 << 20
)

// Post takes a message of the box's own, durably.
type Post interface {
	Post(ctx context.Context, envelope *mail.Envelope, text []byte) error
}

// DNS is asked who wants reports. *resolver.Client is one.
type DNS interface {
	dmarc.DNS
	tlsrpt.DNS
}

// Options are what an Aggregate needs; all but HTTPS and Now.
type Options struct {
	Files durable.FS
	Post  Post
	DNS   DNS
	// Sender is the office's main domain and whether mail leaves it now; "" before the
	// set-up.
	Sender func() (domain string, leaves bool)
	// Wanted says which reports the office wants to send to a domain; nil: all. What is
	// not wanted is not counted, and what was counted before is dropped.
	Wanted func(domain string) (dmarc, tls bool)
	HTTPS  *HTTPS           // hands TLS reports in; nil: they go by mail only
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger
}

// Aggregate gathers and sends.
type Aggregate struct {
	o       Options
	dmarc   *dmarc.Collector
	tls     *tlsrpt.Collector
	changed atomic.Bool // since the last keep

	posted map[posted]bool // Send's; of reports that others don't have yet
}

// fileVersion begins the file; JSON follows.
const fileVersion = 1

type fileJSON struct {
	DMARC []byte `json:"dmarc"`
	TLS   []byte `json:"tls"`
}

// Open reads what was gathered. What can't be read is logged and begun anew: no mail
// hangs on it.
func Open(o Options) *Aggregate {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wanted == nil {
		o.Wanted = func(string) (bool, bool) { return true, true }
	}
	a := &Aggregate{o: o, dmarc: dmarc.NewCollector(), tls: tlsrpt.NewCollector(), posted: map[posted]bool{}}
	if err := a.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.Log.Warn("counts for other domains' reports are begun anew", "err", err)
	}
	return a
}

func (a *Aggregate) read() error {
	data, err := durable.ReadFile(a.o.Files, File, maxFile)
	if err != nil {
		return err
	}
	var f fileJSON
	if len(data) == 0 || data[0] != fileVersion {
		return errors.New("aggregate: not a file that this version can read")
	}
	if err := json.Unmarshal(data[1:], &f); err != nil {
		return fmt.Errorf("aggregate: %w", err)
	}
	d, err := dmarc.DecodeCollector(f.DMARC)
	if err != nil {
		return err
	}
	t, err := tlsrpt.DecodeCollector(f.TLS)
	if err != nil {
		return err
	}
	a.dmarc, a.tls = d, t
	return nil
}

// Judged counts a message that came from outside.
func (a *Aggregate) Judged(o dmarc.Observation) {
	if wanted, _ := a.o.Wanted(o.HeaderFrom); !wanted {
		return
	}
	a.dmarc.Add(o)
	a.changed.Store(true)
}

// Sent counts a session with another server.
func (a *Aggregate) Sent(s tlsrpt.Session) {
	if _, wanted := a.o.Wanted(s.Domain); !wanted {
		return
	}
	a.tls.Note(s)
	a.changed.Store(true)
}

// Keep writes the counts, if there are new ones. Durable on return.
func (a *Aggregate) Keep() error {
	if !a.changed.Swap(false) {
		return nil
	}
	text, err := json.Marshal(fileJSON{a.dmarc.Encode(), a.tls.Encode()})
	if err == nil {
		err = durable.ReplaceBytes(a.o.Files, File, 0o600, append([]byte{fileVersion}, text...))
	}
	if err != nil {
		a.changed.Store(true)
		return fmt.Errorf("aggregate: keep counts: %w", err)
	}
	return nil
}

// Run keeps the counts and sends reports when they are due, until ctx ends; then it
// keeps them once more.
func (a *Aggregate) Run(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	var tried time.Time
	for {
		select {
		case <-ctx.Done():
			a.keep()
			return
		case <-ticker.C:
		}
		if now := a.o.Now(); a.due(now) && now.Sub(tried) >= retryEvery {
			tried = now
			a.Send(ctx)
		}
		a.keep()
	}
}

func (a *Aggregate) keep() {
	if err := a.Keep(); err != nil {
		a.o.Log.Warn("counts for other domains' reports could not be kept", "err", err)
	}
}

// due reports whether yesterday's reports may go out: at a time of the night that is
// this office's own.
func (a *Aggregate) due(now time.Time) bool {
	domain, leaves := a.o.Sender()
	if domain == "" || !leaves {
		return false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(domain)) // a Hash doesn't fail
	at := now.UTC().Truncate(24 * time.Hour).Add(time.Duration(h.Sum32()%uint32(spread/time.Second)) * time.Second)
	return !now.Before(at)
}
