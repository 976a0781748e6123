package boot

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
)

// A box whose disk was pulled out and put back starts again by itself: the file system
// that was mounted stays dead, and only a restart brings mail back. A cable that comes and
// goes must not make of this a box that starts for ever, so
//
//   - the disk has to stay connected for a while first;
//   - a box that serves mail does it a few times at most, one short run behind the other:
//     how many there were stands on the disk, written while it was there;
//   - a box in recovery, which may have no disk to write that to, lets time pass instead.
const (
	// steadyTime is longer than a loose plug, or a disk that starts up, keeps still.
	steadyTime = 20 * time.Second
	// rescueTime is the least between two starts of a box in recovery.
	rescueTime = 2 * time.Minute
	// maxShortRuns is how many runs in a row may have been short for the next restart.
	maxShortRuns = 3
	// longRun is a run that was not short: whatever made the disk go has not done so for long.
	longRun = time.Hour
	// runsFile, in boxDir, has the number of short runs in a row, this one included.
	runsFile = "short-runs"
	// maxRuns bounds that file, in bytes.
	maxRuns = 16
)

// countRun notes that a run has begun, and after a long time that it was not short. The
// box may start again by itself only when the former is durable.
func (m *Machine) countRun(ctx context.Context) {
	if m.boxFS == nil {
		return
	}
	before := readRuns(m.boxFS)
	if err := writeRuns(m.boxFS, before+1); err != nil {
		m.log.Warn("this run is not counted; the box would not start again by itself when its disk is put back", "err", err)
		return
	}
	m.attached.mayReturn(before < maxShortRuns)
	select {
	case <-ctx.Done():
		return
	case <-time.After(longRun):
	}
	if m.attached.problem() == "" && writeRuns(m.boxFS, 0) == nil {
		m.attached.mayReturn(true)
	}
}

// readRuns is 0 where nothing, or nothing sensible, is known.
func readRuns(box durable.FS) int {
	text, err := durable.ReadFile(box, runsFile, maxRuns)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func writeRuns(box durable.FS, n int) error {
	if n == 0 {
		err := box.Remove(runsFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return errors.Join(err, box.SyncDir("."))
	}
	return durable.ReplaceBytes(box, runsFile, 0o644, []byte(strconv.Itoa(n)+"\n"))
}

// diskReturned is called for each disk that comes, and has the box start again if it is the
// own one and stays.
func (m *Machine) diskReturned() {
	wait, still := steadyTime, func() bool { return false }
	turn, back, may := m.attached.returned()
	switch {
	case m.recovering():
		wait = max(wait, rescueTime-m.uptime())
		if m.own == nil && m.problem.Fault == disk.FaultMissing {
			still = m.findable
		} else if back {
			still = func() bool { return m.attached.stayed(turn) }
		}
	case back && may:
		still = func() bool { return m.attached.stayed(turn) }
	}
	if !still() {
		return
	}
	m.say("the box starts again in %.0f s, if the disk stays connected", wait.Seconds())
	time.AfterFunc(wait, func() {
		defer m.crashed()
		if still() {
			m.request(Reboot, "the disk with the mail is connected again")
		}
	})
}

// findable says that a box that found no disk of its own would find one now.
func (m *Machine) findable() bool {
	loader, err := loaderPartition(loaderVariable)
	return err == nil && disk.Findable(system(), loader)
}
