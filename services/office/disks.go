package office

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/web"
)

// Disk is one of the machine's.
type Disk struct {
	Device, Model, Serial string
	Bytes                 int64
	Own                   bool // the one that the box runs from
}

// disks are those that the watcher sees.
type disks struct{ *Office }

// seenDisks is nil where nobody tells of the machine.
func (o *Office) seenDisks() web.Disks {
	if o.options.Watcher == nil {
		return nil
	}
	return disks{o}
}

// Disks lists them, the box's own with how it is.
func (d disks) Disks(ctx context.Context) ([]web.Disk, error) {
	ctx, cancel := context.WithTimeout(ctx, vitalsTime)
	defer cancel()
	seen, err := d.options.Watcher.Disks(ctx)
	if err != nil {
		return nil, err
	}
	v, ok := d.vitals(ctx)
	list := make([]web.Disk, 0, len(seen))
	for _, s := range seen {
		one := web.Disk{Device: s.Device, Model: s.Model, Serial: s.Serial, Bytes: s.Bytes, Own: s.Own}
		if s.Own && ok {
			one.Total, one.Free = v.DiskTotal, v.DiskFree
			// What another disk said, in whose place this one came, counts for nothing.
			if drive := v.Drive; drive.Known && drive.Device == s.Device {
				one.Findings = drive.findings()
				one.Health = &web.DiskHealth{Failing: drive.Failing, Reallocated: drive.Reallocated, Pending: drive.Pending, Errors: drive.Errors, Worn: drive.Worn, Celsius: drive.Celsius, Hours: drive.Hours}
			}
		}
		list = append(list, one)
	}
	return list, nil
}
