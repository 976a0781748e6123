package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/smart"
)

// smartEvery is how often the disk is asked at most: some disks stop for a moment to
// answer.
const smartEvery = 30 * time.Minute

// physician remembers what the disk said last.
type physician struct {
	asking sync.Mutex // held while the disk is asked

	mu   sync.Mutex
	last control.DiskHealth
	at   time.Time // zero: never asked
}

// verbDiskHealth says how the own disk is. While it is being asked, which a disk that
// hangs makes long, others hear what it said before.
func (m *Machine) verbDiskHealth(context.Context, json.RawMessage) (any, error) {
	if m.own == nil {
		return nil, control.Invalid("the box has no disk")
	}
	return m.physician.ask(time.Now(), m.own.Disk, readSmart)
}

func (p *physician) ask(now time.Time, d disk.Disk, read func(disk.Disk) (smart.Report, error)) (control.DiskHealth, error) {
	if p.asking.TryLock() {
		defer p.asking.Unlock()
		p.mu.Lock()
		due := p.at.IsZero() || now.Sub(p.at) >= smartEvery || now.Before(p.at)
		p.mu.Unlock()
		if due {
			h := control.DiskHealth{Device: d.Name, Model: d.Model, Serial: d.Serial}
			r, err := read(d)
			if err == nil {
				h.Known, h.Failing, h.Reallocated, h.Pending = true, r.Failing, r.Reallocated, r.Pending
				h.Errors, h.Worn, h.Celsius, h.Hours = r.Errors, r.Worn, r.Celsius, r.Hours
			} else if !errors.Is(err, smart.ErrSilent) && !errors.Is(err, smart.ErrMalformed) {
				return h, fmt.Errorf("ask the disk how it is: %w", err)
			}
			p.mu.Lock()
			p.last, p.at = h, now
			p.mu.Unlock()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() {
		return control.DiskHealth{Device: d.Name, Model: d.Model, Serial: d.Serial}, nil
	}
	return p.last, nil
}

func readSmart(d disk.Disk) (smart.Report, error) {
	f, err := system().Open(d, false)
	if err != nil {
		return smart.Report{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	return smart.Read(f, d.Name, sysText("/sys/block/"+d.Name+"/queue/rotational") == "0")
}
