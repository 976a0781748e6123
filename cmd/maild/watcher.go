package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/office"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// watcher is what PID 1 tells of the machine.
type watcher struct{ pid1 *control.Client }

// watcher returns it, nil on a developer's machine. Its connection is one of its own:
// who installs an update must not wait for the log.
func (m *machine) watcher() office.Watcher {
	if m.pid1 == nil {
		return nil
	}
	return watcher{control.NewClient(control.SocketPath)}
}

// Log reads the box's log.
func (w watcher) Log(ctx context.Context, after logbook.Position, back int64) (syslog.Page, error) {
	p, err := w.pid1.Log(ctx, control.LogArgs{After: after, Back: back})
	return syslog.Page{Lines: p.Lines, Next: p.Next, Lost: p.Lost}, err
}

// LogBack reads it towards its beginning.
func (w watcher) LogBack(ctx context.Context, before logbook.Position) (syslog.Page, error) {
	p, err := w.pid1.Log(ctx, control.LogArgs{Backward: true, Before: before})
	return syslog.Page{Lines: p.Lines, Next: p.Next, Lost: p.Lost}, err
}

// Vitals asks how the machine is.
func (w watcher) Vitals(ctx context.Context) (v office.Vitals, err error) {
	s, err := w.pid1.Status(ctx)
	if err != nil {
		return v, err
	}
	t, err := w.pid1.Time(ctx)
	if err != nil {
		return v, err
	}
	sensors, err := w.pid1.Sensors(ctx)
	if err != nil {
		return v, err
	}
	drive, err := w.pid1.DiskHealth(ctx)
	if err != nil {
		drive = control.DiskHealth{} // the rest is worth having all the more
	}
	v = office.Vitals{Drive: office.Drive(drive), Uptime: time.Duration(s.UptimeMS) * time.Millisecond, MemoryTotal: s.Memory.Total, MemoryAvailable: s.Memory.Available, Clock: t.Source}
	if s.Data != nil {
		v.DiskTotal, v.DiskFree = s.Data.Total, s.Data.Free
	}
	for _, x := range sensors {
		v.Sensors = append(v.Sensors, office.Sensor(x))
	}
	for _, u := range s.Units {
		v.Services = append(v.Services, office.Service{Name: u.Name, Ready: u.State == "ready", Degraded: u.Degraded, Starts: u.Starts, Memory: u.Memory})
	}
	v.Status, err = json.Marshal(s)
	return v, err
}

// Disks lists the machine's disks.
func (w watcher) Disks(ctx context.Context) (list []office.Disk, err error) {
	seen, err := w.pid1.Disks(ctx)
	for _, d := range seen {
		list = append(list, office.Disk(d))
	}
	return list, err
}
