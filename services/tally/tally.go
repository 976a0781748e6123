// Package tally counts an office's mail by days, for people who look at how much there is
// and for Prometheus.
//
// What comes in: that something happened, of one of a few kinds ([Book.Add]). What goes
// out: the days, the newest last ([Book.Days]), and totals since the start
// ([Book.Totals]).
//
// Durability: what was counted is on disk within a minute and after Close; a cut loses a
// minute of figures, of which nobody's mail depends. A file that is damaged counts as
// none, and the log says so.
//
// The file [File] is JSON: {"version": 1, "days": {"2026-11-23": {"received": 12, …}}}.
//
// Concurrency: every method may be called from any goroutine.
package tally

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// File is where the days are, in the directory that Open is given.
const File = "tally.json"

const (
	version = 1
	// maxDays are kept: a year and some weeks, to compare with the year before.
	maxDays = 400
	// maxFile bounds what is read: 400 days of all kinds are 100 KB.
	maxFile = 1 << 20
	// saveEvery is how long a figure is in memory only.
	saveEvery = time.Minute
)

// Kind is what is counted.
type Kind string

// The kinds. Bytes are those of the messages received and sent.
const (
	Received       Kind = "received"        // from outside, and taken
	Sent           Kind = "sent"            // other servers took it; by recipients
	Inside         Kind = "inside"          // from the office's people
	Junk           Kind = "junk"            // of Received
	Returned       Kind = "returned"        // other servers refused it for good; by recipients
	RefusedUnknown Kind = "refused_unknown" // nobody here has the address
	RefusedPolicy  Kind = "refused_policy"  // not from whom it says, or from somebody on a list
	RefusedLater   Kind = "refused_later"   // the sender was asked to come again
	RefusedOther   Kind = "refused_other"
	BytesIn        Kind = "bytes_in"
	BytesOut       Kind = "bytes_out"
)

// Kinds are all.
func Kinds() []Kind {
	return []Kind{Received, Sent, Inside, Junk, Returned, RefusedUnknown, RefusedPolicy, RefusedLater, RefusedOther, BytesIn, BytesOut}
}

// Day is what was counted on one, by the office's clocks.
type Day struct {
	Day    string         `json:"day"` // 2026-11-23
	Counts map[Kind]int64 `json:"counts"`
}

// Book is what has been counted.
type Book struct {
	files durable.FS
	log   *slog.Logger
	zone  func() *time.Location

	mu     sync.Mutex
	days   map[string]map[Kind]int64
	totals map[Kind]int64
	dirty  bool

	end, over chan struct{}
}

type content struct {
	Version int                       `json:"version"`
	Days    map[string]map[Kind]int64 `json:"days"`
}

// Open reads the days. zone says by which clocks a day begins.
func Open(files durable.FS, zone func() *time.Location, log *slog.Logger) *Book {
	b := &Book{files: files, log: log, zone: zone, days: map[string]map[Kind]int64{}, totals: map[Kind]int64{}, end: make(chan struct{}), over: make(chan struct{})}
	days, err := read(files)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("the figures of past days can't be read and begin anew", "err", err)
	}
	if days != nil {
		b.days = days
	}
	go b.run()
	return b
}

func read(files durable.FS) (map[string]map[Kind]int64, error) {
	text, err := durable.ReadFile(files, File, maxFile)
	if err != nil {
		return nil, fmt.Errorf("tally: %w", err)
	}
	return decode(text)
}

// decode reads what encode wrote, and leaves out what makes no sense.
func decode(text []byte) (map[string]map[Kind]int64, error) {
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("tally: %w", err)
	}
	if c.Version != version {
		return nil, fmt.Errorf("tally: version %d is another one's", c.Version)
	}
	days := map[string]map[Kind]int64{}
	for day, counts := range c.Days {
		if _, err := time.Parse(time.DateOnly, day); err != nil || counts == nil {
			continue
		}
		maps.DeleteFunc(counts, func(k Kind, n int64) bool { return n < 0 || !slices.Contains(Kinds(), k) })
		days[day] = counts
	}
	return days, nil
}

// Add counts n of a kind on the day of a moment.
func (b *Book) Add(at time.Time, k Kind, n int64) {
	day := at.In(b.zone()).Format(time.DateOnly)
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := b.days[day]
	if counts == nil {
		counts = map[Kind]int64{}
		b.days[day] = counts
		b.forget()
	}
	counts[k] += n
	b.totals[k] += n
	b.dirty = true
}

// forget leaves the newest days. The caller holds mu.
func (b *Book) forget() {
	all := slices.Sorted(maps.Keys(b.days))
	for _, day := range all[:max(0, len(all)-maxDays)] {
		delete(b.days, day)
	}
}

// Days are the last n up to now, those without any mail too, the newest last.
func (b *Book) Days(now time.Time, n int) []Day {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Day, 0, n)
	today := now.In(b.zone())
	for i := n - 1; i >= 0; i-- {
		day := today.AddDate(0, 0, -i).Format(time.DateOnly)
		counts := maps.Clone(b.days[day])
		if counts == nil {
			counts = map[Kind]int64{}
		}
		list = append(list, Day{day, counts})
	}
	return list
}

// Totals are what was counted since the start.
func (b *Book) Totals() map[Kind]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.totals)
}

func (b *Book) run() {
	defer close(b.over)
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.end:
			return
		case <-tick.C:
			if err := b.save(); err != nil {
				b.log.Warn("the figures of the day could not be kept", "err", err)
			}
		}
	}
}

// save keeps the days, if something was counted.
func (b *Book) save() error {
	b.mu.Lock()
	if !b.dirty {
		b.mu.Unlock()
		return nil
	}
	text, err := json.Marshal(content{version, b.days})
	b.dirty = false
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("tally: %w", err)
	}
	if err := durable.ReplaceBytes(b.files, File, 0o600, text); err != nil {
		b.mu.Lock()
		b.dirty = true
		b.mu.Unlock()
		return fmt.Errorf("tally: keep the days: %w", err)
	}
	return nil
}

// Close keeps what was counted.
func (b *Book) Close() error {
	close(b.end)
	<-b.over
	return b.save()
}
