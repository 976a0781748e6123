package boot

import (
	"testing"

	"github.com/sanduk-mail/sanduk/platform/disk"
)

func testDisk(name, serial string) disk.Disk {
	return disk.Disk{Name: name, Model: "Model " + serial, Serial: serial, Geometry: disk.Geometry{SectorSize: 512, Sectors: 62500000}}
}

func TestDescribeKeepsOnlyWhatPrints(t *testing.T) {
	t.Parallel()
	d := testDisk("sdb", "B")
	d.Model = "\x1b[2JStick\r\n\u202e"
	if got, want := describe(d), "[2JStick, 32 GB"; got != want {
		t.Errorf("describe = %q, want %q", got, want)
	}
	if d.Model = "\x00"; describe(d) != "sdb, 32 GB" {
		t.Errorf("describe = %q, want the kernel's name", describe(d))
	}
}

func TestDisksComeAndGo(t *testing.T) {
	t.Parallel()
	var a attached
	if got := a.plugged(testDisk("sdz", "Z")) + a.unplugged("sdz") + a.problem() + a.also(); got != "" {
		t.Errorf("before the own disk is known: %q, want nothing", got)
	}
	own := testDisk("sda", "A")
	a.begin(own, []disk.Disk{own, testDisk("sdb", "B")})
	a.mayReturn(true)
	const (
		gone  = "The disk with your mail is no longer connected. Check its cable, then restart the box."
		back  = "The disk with your mail is connected again. The box restarts by itself in a moment."
		loose = "The disk with your mail is connected again. Restart the box to go on, and check the cable: it has come and gone several times."
	)
	steps := []struct {
		in                 func() string
		tell, also, advice string
	}{
		{func() string { return a.plugged(own) }, "", "Model B, 32 GB", ""},
		{func() string { return a.plugged(testDisk("sdb", "B")) }, "", "Model B, 32 GB", ""},
		{func() string { return a.plugged(testDisk("sdc", "C")) }, "disk connected: Model C, 32 GB", "Model B, 32 GB; Model C, 32 GB", ""},
		{func() string { return a.unplugged("sdb") }, "disk disconnected: Model B, 32 GB", "Model C, 32 GB", ""},
		{func() string { return a.unplugged("sdb") }, "", "Model C, 32 GB", ""},
		{func() string { return a.unplugged("sda") }, "the disk with the mail is gone: Model A, 32 GB", "Model C, 32 GB", gone},
		{func() string { return a.unplugged("sda") }, "", "Model C, 32 GB", gone},
		// Another disk under the old name is not the one with the mail.
		{func() string { return a.plugged(testDisk("sda", "D")) }, "disk connected: Model D, 32 GB", "Model D, 32 GB; Model C, 32 GB", gone},
		{func() string { return a.plugged(testDisk("sde", "A")) }, "the disk with the mail is connected again: Model A, 32 GB", "Model D, 32 GB; Model C, 32 GB", back},
		{func() string { return a.unplugged("sda") }, "disk disconnected: Model D, 32 GB", "Model C, 32 GB", back},
		{func() string { return a.unplugged("sde") }, "the disk with the mail is gone: Model A, 32 GB", "Model C, 32 GB", gone},
	}
	for i, s := range steps {
		if got := s.in(); got != s.tell {
			t.Errorf("step %d tells %q, want %q", i, got, s.tell)
		}
		if got := a.also(); got != s.also {
			t.Errorf("step %d: others %q, want %q", i, got, s.also)
		}
		if got := a.problem(); got != s.advice {
			t.Errorf("step %d: advice %q, want %q", i, got, s.advice)
		}
	}
	if a.plugged(testDisk("sdf", "A")); !a.stayed(2) || a.stayed(1) {
		t.Error("back for the second time, and that counts as the first")
	}
	a.mayReturn(false)
	if turn, back, may := a.returned(); turn != 2 || !back || may || a.problem() != loose {
		t.Errorf("returned %d %v %v, advice %q; want the second time, and a person to look", turn, back, may, a.problem())
	}
	if a.unplugged("sdf"); a.stayed(2) {
		t.Error("gone again, and that counts as stayed")
	}
}
