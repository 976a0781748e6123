package boot

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sanduk-mail/sanduk/platform/disk"
)

// attached knows which disks hang on the box while it runs. Its zero value hears nothing
// until begin. All methods may be called from several goroutines.
type attached struct {
	mu     sync.Mutex
	began  bool
	own    disk.Disk            // the one with the mail
	lost   bool                 // it was taken away since the start
	back   bool                 // and hangs here again
	turn   int                  // how often it has come back
	may    bool                 // the box may start again by itself when it does
	others map[string]disk.Disk // by the kernel's name
}

// begin says which disk is the own one, and which are there.
func (a *attached) begin(own disk.Disk, present []disk.Disk) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.began, a.own, a.others = true, own, make(map[string]disk.Disk)
	for _, d := range present {
		if d.Name != own.Name {
			a.others[d.Name] = d
		}
	}
}

// plugged takes note of a disk that has come, and returns what to tell about it; "" when
// that is nothing new.
func (a *attached) plugged(d disk.Disk) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.others[d.Name]
	switch {
	case !a.began || known || d.Name == a.own.Name && !a.lost:
		return "" // the kernel's word about a disk that was seen already
	case a.lost && sameDisk(d, a.own):
		// It may have got another name: the old one is held by what is still mounted.
		a.back, a.own.Name = true, d.Name
		a.turn++
		return "the disk with the mail is connected again: " + describe(d)
	}
	a.others[d.Name] = d
	return "disk connected: " + describe(d)
}

// unplugged takes note that the disk the kernel calls name has gone, and returns what to
// tell about it; "" when nobody knew it.
func (a *attached) unplugged(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.began && name == a.own.Name && (!a.lost || a.back) {
		a.lost, a.back = true, false
		return "the disk with the mail is gone: " + describe(a.own)
	}
	d, known := a.others[name]
	if !known {
		return ""
	}
	delete(a.others, name)
	return "disk disconnected: " + describe(d)
}

// problem is what a person must do about the disk with the mail; "" while it is there.
// Only a restart helps: a file system whose disk has gone stays dead when the disk comes
// back.
func (a *attached) problem() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.back && a.may:
		return "The disk with your mail is connected again. The box restarts by itself in a moment."
	case a.back:
		return "The disk with your mail is connected again. Restart the box to go on, and check the cable: it has come and gone several times."
	case a.lost:
		return "The disk with your mail is no longer connected. Check its cable, then restart the box."
	}
	return ""
}

// mayReturn says whether the box may start again by itself when its disk comes back.
func (a *attached) mayReturn(may bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.may = may
}

// returned says whether the own disk has come back, for the how manieth time, and whether
// the box may start again by itself because of it.
func (a *attached) returned() (turn int, back, may bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.turn, a.back, a.may
}

// stayed says that the own disk came back for that time and has not gone since.
func (a *attached) stayed(turn int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.back && a.turn == turn
}

// also lists the disks beside the own one, such as "Kingston DataTraveler, 31 GB"; "" when
// there is none.
func (a *attached) also() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a.others)) {
		list = append(list, describe(a.others[name]))
	}
	return strings.Join(list, "; ")
}

// sameDisk goes by what a disk says of itself: its name may be another every time.
func sameDisk(a, b disk.Disk) bool {
	return a.Model == b.Model && a.Serial == b.Serial && a.Geometry == b.Geometry
}

// describe is a disk as the person who bought it knows it.
// What it says of itself goes to terminals, so only what prints is kept.
func describe(d disk.Disk) string {
	model := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, d.Model)
	return cmp.Or(model, d.Name) + ", " + formatBytes(d.Bytes())
}

// diskCame tells that the kernel has found a disk.
func (m *Machine) diskCame(name string) {
	list, err := system().Disks()
	if err != nil {
		m.log.Warn("disks not listed", "err", err)
		return
	}
	for _, d := range list {
		if d.Name == name {
			what := m.attached.plugged(d)
			m.tellDisk(what, d.Name)
			if what != "" || m.own == nil {
				m.spawn(m.diskReturned) // it reads from disks, which may take long
			}
		}
	}
}

// tellDisk puts what has become of a disk into the log and onto the serial line.
func (m *Machine) tellDisk(what, name string) {
	if what == "" {
		return
	}
	m.log.Info(what, "device", name)
	m.say("%s", what)
}
