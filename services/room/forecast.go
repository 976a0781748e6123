package room

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// lookEvery is how often it is noted how much is in use.
	lookEvery = 6 * time.Hour
	// maxLooks are kept: six weeks of them. Longer ago the office was another one.
	maxLooks = 180
	// leastSpan is how long it has to be known for before anything is foretold: a
	// weekend alone says nothing of a week.
	leastSpan = 7 * 24 * time.Hour
	// farthest is how far ahead anything is foretold.
	farthest = 10 * 365 * 24 * time.Hour

	version   = 1
	headSize  = 3
	lookSize  = 16
	sumSize   = 4
	maxFile   = headSize + maxLooks*lookSize + sumSize
	fileModes = 0o600
)

// ErrDamaged is a history that can't be read.
var ErrDamaged = errors.New("room: the history of the disk's use is damaged")

// look is what was in use at a moment.
type look struct {
	at   int64 // seconds since 1970
	used int64 // bytes
}

// History is how the use of the disk went.
type History struct {
	files durable.FS
	name  string

	mu    sync.Mutex
	looks []look // rising times
}

// OpenHistory reads the file name. With an error it is still usable, and empty.
func OpenHistory(files durable.FS, name string) (*History, error) {
	h := &History{files: files, name: name}
	data, err := durable.ReadFile(files, name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		h.looks, err = decode(data)
	}
	if err != nil {
		return h, fmt.Errorf("room: read %s: %w", name, err)
	}
	return h, nil
}

// Note notes how much is in use, if the last time is long enough ago, and writes the
// file. Looks from later than now are forgotten: the clock was wrong then.
func (h *History) Note(u Usage, now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := now.Unix()
	for len(h.looks) > 0 && h.looks[len(h.looks)-1].at > at {
		h.looks = h.looks[:len(h.looks)-1]
	}
	if n := len(h.looks); n > 0 && at-h.looks[n-1].at < int64(lookEvery/time.Second) {
		return nil
	}
	h.looks = append(h.looks, look{at, u.Total - u.Free})
	if n := len(h.looks); n > maxLooks {
		h.looks = append([]look(nil), h.looks[n-maxLooks:]...)
	}
	if err := durable.ReplaceBytes(h.files, h.name, fileModes, encode(h.looks)); err != nil {
		return fmt.Errorf("room: note how much is in use: %w", err)
	}
	return nil
}

// Forecast is what is to be expected.
type Forecast struct {
	Left   time.Duration // until so few bytes are free; 0: now
	PerDay int64         // bytes that are added in a day
}

// Forecast says when no more than floor bytes will be free, if it goes on as before.
// ok is false where that can't be said: the box doesn't know it for long enough, or no
// more is used than before, or it will take more than ten years.
//
// The pace is the slope of the line through all looks that has the least squares: one
// large delivery, or one compaction, turns it little.
func (h *History) Forecast(u Usage, floor int64) (f Forecast, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.looks)
	if n < 2 || time.Duration(h.looks[n-1].at-h.looks[0].at)*time.Second < leastSpan {
		return Forecast{}, false
	}
	var t, y float64 // means, of days and bytes since the first look
	for _, l := range h.looks {
		t += h.days(l) / float64(n)
		y += float64(l.used-h.looks[0].used) / float64(n)
	}
	var above, below float64
	for _, l := range h.looks {
		d := h.days(l) - t
		above += d * (float64(l.used-h.looks[0].used) - y)
		below += d * d
	}
	slope := above / below // below is not 0: the first look and the last one differ
	if slope < 1 {
		return Forecast{}, false
	}
	days := max(0, float64(u.Free-floor)/slope)
	if days > farthest.Hours()/24 {
		return Forecast{}, false
	}
	return Forecast{Left: time.Duration(days * 24 * float64(time.Hour)), PerDay: int64(math.Round(slope))}, true
}

func (h *History) days(l look) float64 {
	return float64(l.at-h.looks[0].at) / (24 * 60 * 60)
}

func encode(looks []look) []byte {
	data := make([]byte, 0, maxFile)
	data = append(data, version)
	data = binary.LittleEndian.AppendUint16(data, uint16(len(looks)))
	for _, l := range looks {
		data = binary.LittleEndian.AppendUint64(data, uint64(l.at))
		data = binary.LittleEndian.AppendUint64(data, uint64(l.used))
	}
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// decode reads what encode wrote. Times rise and are none before 1970 or so far off
// that their difference overflows; bytes are not negative.
func decode(data []byte) ([]look, error) {
	if len(data) < headSize+sumSize {
		return nil, ErrDamaged
	}
	body, sum := data[:len(data)-sumSize], binary.LittleEndian.Uint32(data[len(data)-sumSize:])
	n := int(binary.LittleEndian.Uint16(body[1:]))
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum || body[0] != version || n > maxLooks || len(body) != headSize+n*lookSize {
		return nil, ErrDamaged
	}
	var looks []look
	for i := range n {
		at, used := binary.LittleEndian.Uint64(body[headSize+i*lookSize:]), binary.LittleEndian.Uint64(body[headSize+i*lookSize+8:])
		const most = 1 << 62
		if at > 1<<40 || used > most || i > 0 && int64(at) <= looks[i-1].at {
			return nil, ErrDamaged
		}
		looks = append(looks, look{int64(at), int64(used)})
	}
	return looks, nil
}
