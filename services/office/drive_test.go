package office

import (
	"cmp"
	"context"
	"strings"
	"testing"
)

func TestDriveFindings(t *testing.T) {
	t.Parallel()
	good := Drive{Device: "sda", Model: "WD Red", Serial: "X1", Known: true, Reallocated: 3, Pending: 0, Errors: 1, Worn: 12, Celsius: 41, Hours: 40000}
	with := func(change func(*Drive)) Drive {
		d := good
		change(&d)
		return d
	}
	for name, test := range map[string]struct {
		drive Drive
		want  []string
	}{
		"good":        {good, nil},
		"says little": {Drive{Known: true, Reallocated: -1, Pending: -1, Errors: -1, Worn: -1, Celsius: -1, Hours: -1}, nil},
		"says none":   {Drive{Failing: true, Pending: 9, Worn: 200, Celsius: 99}, nil},
		"failing":     {with(func(d *Drive) { d.Failing, d.Pending, d.Reallocated = true, 7, 700 }), []string{"WD Red, serial number X1) says of itself that it will fail soon"}},
		"pending":     {with(func(d *Drive) { d.Pending = 8 }), []string{"8 places that it can't read"}},
		"replaced":    {with(func(d *Drive) { d.Reallocated = 50 }), []string{"replace 50 places"}},
		"worn, hot":   {with(func(d *Drive) { d.Worn, d.Celsius = 95, 71 }), []string{"used 95 %", "71 °C"}},
	} {
		list := test.drive.findings()
		if len(list) != len(test.want) {
			t.Errorf("%s: %+v; want %q", name, list, test.want)
			continue
		}
		for i, f := range list {
			if !strings.Contains(f.What, test.want[i]) || f.ToDo == "" {
				t.Errorf("%s: %+v; want %q, and what to do", name, f, test.want[i])
			}
		}
	}
}

// illWatcher is a machine with a disk that fails.
type illWatcher struct {
	testWatcher
	device string // that says it; "": the own one
}

func (w *illWatcher) Vitals(ctx context.Context) (Vitals, error) {
	v, err := w.testWatcher.Vitals(ctx)
	v.Drive = Drive{Device: cmp.Or(w.device, "sda"), Known: true, Failing: true, Model: "Old", Serial: "7"}
	return v, err
}

// TestDisks: the box's own disk is told with how it is, others by name alone.
func TestDisks(t *testing.T) {
	t.Parallel()
	w := &illWatcher{}
	o := startOffice(t, t.TempDir(), func(op *Options) { op.Watcher = w })
	list, err := o.seenDisks().Disks(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v; want two disks", list, err)
	}
	if own := list[0]; !own.Own || own.Health == nil || !own.Health.Failing || len(own.Findings) != 1 || own.Total != 8<<30 || own.Free != 5<<30 {
		t.Errorf("the box's own: %+v", own)
	}
	if other := list[1]; other.Own || other.Health != nil || other.Findings != nil || other.Total != 0 {
		t.Errorf("another: %+v", other)
	}
	w.device = "sdz"
	if list, err = o.seenDisks().Disks(t.Context()); err != nil || list[0].Health != nil || list[0].Findings != nil {
		t.Errorf("with what another disk has said: %+v, %v", list, err)
	}
}

// TestDriveHealth: the administrator hears of a disk that fails.
func TestDriveHealth(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir(), func(op *Options) { op.Watcher = &illWatcher{} })
	o.setUpNow(t, 0)
	wantFinding(t, o, "The disk (Old, serial number 7) says of itself that it will fail soon.")
}
