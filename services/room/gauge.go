package room

import (
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// share is what part of the disk each band is: the twentieth.
	share = 20
	// minBand in bytes is what deleting needs on any disk: a segment of the log that is
	// written anew, and indexes that grow.
	minBand = 64 << 20
	// maxBand in bytes: nothing that gives room back needs more, however large the disk
	// is, and a twentieth of 8 TB would be a disk's worth of mail that nobody may store.
	maxBand = 8 << 30
)

// Usage is how much there is on a disk, in bytes.
type Usage struct {
	Total int64
	Free  int64 // for a process without privileges
}

// Bounds are in free bytes.
type Bounds struct {
	Reserve int64 // below it nothing that takes room is stored
	Outside int64 // below it nothing that comes from outside is
}

// BoundsOf are those of a disk of so many bytes; 0: the least that there are.
func BoundsOf(total int64) Bounds {
	band := min(max(total/share, minBand), maxBand)
	return Bounds{Reserve: band, Outside: 2 * band}
}

// Gauge says for whom there is room.
type Gauge struct {
	ask    func() (Usage, error)
	bounds Bounds
}

// New makes one of a disk that ask tells about.
func New(ask func() (Usage, error), bounds Bounds) *Gauge {
	return &Gauge{ask, bounds}
}

// Bounds are those that it was made with.
func (g *Gauge) Bounds() Bounds { return g.bounds }

// Usage asks anew.
func (g *Gauge) Usage() (Usage, error) { return g.ask() }

// Free is the free bytes of Usage.
func (g *Gauge) Free() (int64, error) {
	u, err := g.ask()
	return u.Free, err
}

// Outside returns mail.ErrNoSpace when a message of so many bytes (0: not known) that
// comes from outside has to wait there. A disk that doesn't tell takes it: what is
// written to the disk meets the reserve in any case.
func (g *Gauge) Outside(size int64) error {
	u, err := g.ask()
	if err == nil && u.Free-size < g.bounds.Outside {
		return fmt.Errorf("%w for mail from outside (%d MB are free)", mail.ErrNoSpace, u.Free>>20)
	}
	return nil
}
