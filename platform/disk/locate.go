package disk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Own is the disk the box runs from.
type Own struct {
	Disk  Disk
	Table *Table
	ESP   int // number of the partition the loader came from
}

// ESPName begins the GPT name of a Sanduk boot partition.
const ESPName = "sanduk"

// Times of looking for the own disk. A USB stick behind a hub takes some
// seconds to appear; a box that runs has its disk long before.
const (
	locateTimeout = 30 * time.Second
	locatePoll    = 10 * time.Millisecond
)

// errNotYet says that the disk may still appear.
var errNotYet = errors.New("no boot disk yet")

// Locate waits for the own disk: the one with the partition that the loader
// was read from (LoaderDevicePartUUID), or, when the loader did not say (loader
// is zero), the only disk with a Sanduk boot partition. Two that fit are never
// chosen between. settle waits until the drivers loaded so far have looked at
// their devices; it is called only where another disk could fit as well.
func Locate(ctx context.Context, s System, loader GUID, settle func()) (*Own, error) {
	ctx, cancel := context.WithTimeout(ctx, locateTimeout)
	defer cancel()
	settled := false
	for {
		own, err := locateNow(s, loader)
		if err == nil && !settled && !own.distinct(loader) {
			settle()
			settled = true
			continue
		}
		if !errors.Is(err, errNotYet) {
			return own, err
		}
		select {
		case <-ctx.Done():
			return nil, &RecoveryError{Fault: FaultMissing, Text: "The disk that the box was started from does not appear. If it is on a USB adapter or an unusual controller, try another port.", Err: ctx.Err()}
		case <-time.After(locatePoll):
		}
	}
}

// Findable says whether Locate would find the own disk at once.
func Findable(s System, loader GUID) bool {
	own, err := locateNow(s, loader)
	return err == nil && own != nil
}

// distinct says that no other disk can fit: the loader named the partition by
// an identifier that no other has.
func (o *Own) distinct(loader GUID) bool {
	return loader != (GUID{}) && !o.Table.Entries[o.ESP-1].Unique.factory()
}

func locateNow(s System, loader GUID) (*Own, error) {
	disks, err := s.Disks()
	if err != nil {
		return nil, err
	}
	var found []*Own
	for _, d := range disks {
		own := examine(s, d, loader)
		if own != nil {
			found = append(found, own)
		}
	}
	switch len(found) {
	case 0:
		return nil, errNotYet
	case 1:
		return found[0], nil
	}
	var names []string
	for _, o := range found {
		names = append(names, strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Disk.Name, o.Disk.Model, o.Disk.Serial)))
	}
	return nil, &RecoveryError{Fault: FaultUnclear, Text: "There are two Sanduk disks in this machine (" + strings.Join(names, "; ") +
		"), and the box will not guess which one holds your mail. Switch off, take one out, and start again."}
}

// examine returns d as the own disk when it can be.
func examine(s System, d Disk, loader GUID) *Own {
	f, err := s.Open(d, false)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read from
	t, err := ReadTable(f, d.Geometry)
	if err != nil {
		return nil
	}
	for i, e := range t.Entries {
		if !e.used() {
			continue
		}
		if loader != (GUID{}) && e.Unique == loader ||
			loader == (GUID{}) && e.Type == typeESP() && strings.HasPrefix(e.Name, ESPName) {
			return &Own{Disk: d, Table: t, ESP: i + 1}
		}
	}
	return nil
}
