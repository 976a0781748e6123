package fetched

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	todayName  = "today"
	todayMagic = "skdtodayv"
	todaySize  = len(todayMagic) + 1 + 8 + 8 + 4
	maxToday   = 4 << 10 // of any version
	// trustedGap is how much of the time in which the box was off is believed, for each
	// start. It is only the clock's word.
	trustedGap = 24 * time.Hour
	// countEvery is how often it is written down what time it is.
	countEvery = time.Hour
)

// calendar is the time that leaves go by, in seconds since 1970. It begins with what
// the clock says and then goes on by itself.
type calendar struct {
	begun   bool
	counted int64         // the time
	wall    int64         // the highest that the clock has shown
	saved   int64         // counted as it is on disk
	seen    time.Duration // uptime when counted was last brought on
}

// Today is the day by which leaves are counted. uptime is for how long the process has
// run, by a clock that nobody sets: that is how the days pass. wall, the clock's word,
// is believed for the first day there is, and for up to a day of the time before the
// start of a process, beyond what it has shown before. So a clock that leaps makes
// nobody's days end; one that is wrong, or a box that is mostly off, only keeps mail
// longer. How far it has come is written down each hour. Errors: mail.ErrNewer, the
// disk's: then nobody knows.
func (b *Book) Today(wall time.Time, uptime time.Duration) (Day, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, now := b.calendar, max(0, wall.Unix())
	if !c.begun {
		if err := b.loadCalendar(&c); err != nil {
			return 0, fmt.Errorf("fetched: read what day it is: %w", err)
		}
		if c.wall == 0 {
			c.counted = now
		} else {
			c.counted += max(seconds(uptime), min(now-c.wall, seconds(trustedGap+uptime)))
		}
		c.begun, c.seen = true, uptime
	}
	passed := seconds(uptime - c.seen)
	c.counted += passed
	c.seen += time.Duration(passed) * time.Second
	c.wall = max(c.wall, now, 1)
	if c.counted-c.saved >= seconds(countEvery) {
		if err := b.saveCalendar(&c); err != nil {
			return 0, fmt.Errorf("fetched: write down what day it is: %w", err)
		}
	}
	b.calendar = c
	return DayOf(time.Unix(c.counted, 0)), nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// loadCalendar reads what is on disk. A file that is none leaves c as it is.
func (b *Book) loadCalendar(c *calendar) error {
	text, err := durable.ReadFile(b.files, path.Join(b.dir, todayName), maxToday)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(text) <= len(todayMagic) || string(text[:len(todayMagic)]) != todayMagic:
		return nil
	case text[len(todayMagic)] != version:
		return mail.ErrNewer
	}
	sum := len(text) - 4
	if len(text) != todaySize || binary.BigEndian.Uint32(text[sum:]) != crc32.Checksum(text[:sum], castagnoli()) {
		return nil
	}
	numbers := text[len(todayMagic)+1:]
	c.counted, c.wall = int64(binary.BigEndian.Uint64(numbers)), int64(binary.BigEndian.Uint64(numbers[8:]))
	c.saved = c.counted
	return nil
}

func (b *Book) saveCalendar(c *calendar) error {
	if err := durable.MkdirAllSync(b.files, b.dir, 0o700); err != nil {
		return err
	}
	text := append([]byte(todayMagic), version)
	text = binary.BigEndian.AppendUint64(text, uint64(c.counted))
	text = binary.BigEndian.AppendUint64(text, uint64(c.wall))
	text = binary.BigEndian.AppendUint32(text, crc32.Checksum(text, castagnoli()))
	if err := durable.ReplaceBytes(b.files, path.Join(b.dir, todayName), 0o600, text); err != nil {
		return err
	}
	c.saved = c.counted
	return nil
}
