package boot

import (
	"errors"
	"io/fs"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
)

// The settings of these tests.
const (
	oldNetwork   = `{"mode":"dhcp"}`
	newNetwork   = `{"mode":"static","address":"192.0.2.20/24"}`
	otherNetwork = `{"mode":"static","address":"192.0.2.30/24"}`
)

var errCut = errors.New("the power is out")

// cutDisk loses its power before the operation of that number; what came before is there.
type cutDisk struct {
	durable.FS
	left *int // operations; negative: no end
}

func (d cutDisk) cut() error {
	if *d.left == 0 {
		return errCut
	}
	*d.left--
	return nil
}

func (d cutDisk) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	if err := d.cut(); err != nil {
		return nil, err
	}
	f, err := d.FS.OpenFile(name, flag, perm)
	return cutOpenFile{f, d}, err
}

func (d cutDisk) Rename(from, to string) error {
	if err := d.cut(); err != nil {
		return err
	}
	return d.FS.Rename(from, to)
}

func (d cutDisk) Remove(name string) error {
	if err := d.cut(); err != nil {
		return err
	}
	return d.FS.Remove(name)
}

func (d cutDisk) SyncDir(name string) error {
	if err := d.cut(); err != nil {
		return err
	}
	return d.FS.SyncDir(name)
}

type cutOpenFile struct {
	durable.File
	d cutDisk
}

func (f cutOpenFile) Write(p []byte) (int, error) {
	if err := f.d.cut(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f cutOpenFile) Sync() error {
	if err := f.d.cut(); err != nil {
		return err
	}
	return f.File.Sync()
}

// networkDisk is a data disk with settings on it.
func networkDisk(t *testing.T) (disk durable.FS, left *int) {
	t.Helper()
	below, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = below.Close() })
	if err := durable.ReplaceBytes(below, networkFile, 0o644, []byte(oldNetwork)); err != nil {
		t.Fatal(err)
	}
	left = new(int)
	*left = -1
	return cutDisk{below, left}, left
}

// openTested opens the settings as a start does; *reloads counts.
func openTested(t *testing.T, disk durable.FS, reloads *int) *network {
	t.Helper()
	n, err := openNetwork(disk, func() error { *reloads++; return nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *network) want(t *testing.T, settings string, trial, wentBack bool) {
	t.Helper()
	s, err := n.state()
	if err != nil || string(s.Network) != settings || s.TrialMS > 0 != trial || s.WentBack != wentBack {
		t.Errorf("state %s, trial %d ms, went back %v, %v; want %s, %v, %v", s.Network, s.TrialMS, s.WentBack, err, settings, trial, wentBack)
	}
}

func TestNetworkTrial(t *testing.T) {
	t.Parallel()
	disk, _ := networkDisk(t)
	synctest.Test(t, func(t *testing.T) {
		reloads := 0
		n := openTested(t, disk, &reloads)
		// Not confirmed.
		must(t, n.try([]byte(newNetwork)))
		n.want(t, newNetwork, true, false)
		time.Sleep(trialTime - time.Second)
		synctest.Wait()
		n.want(t, newNetwork, true, false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		n.want(t, oldNetwork, false, true)
		if reloads != 2 {
			t.Errorf("the network was told %d times; want 2", reloads)
		}
		if refused, ok := errors.AsType[*control.Error](n.keep()); !ok || refused.Code != control.CodeInvalid {
			t.Error("settings that are gone can be confirmed")
		}
		// Tried twice, then confirmed: the second time counts anew.
		must(t, n.try([]byte(otherNetwork)))
		time.Sleep(trialTime - time.Second)
		must(t, n.try([]byte(newNetwork)))
		time.Sleep(trialTime - time.Second)
		synctest.Wait()
		n.want(t, newNetwork, true, false)
		must(t, n.keep())
		time.Sleep(2 * trialTime)
		synctest.Wait()
		n.want(t, newNetwork, false, false)
		must(t, n.keep())
		openTested(t, disk, &reloads).want(t, newNetwork, false, false)
		// A power cut during the trial: the start goes back.
		must(t, n.try([]byte(otherNetwork)))
		openTested(t, disk, &reloads).want(t, newNetwork, false, true)
		// Settings for good end a trial.
		n = openTested(t, disk, &reloads)
		must(t, n.try([]byte(otherNetwork)))
		must(t, n.set([]byte(oldNetwork)))
		time.Sleep(2 * trialTime)
		synctest.Wait()
		n.want(t, oldNetwork, false, false)
	})
}

// TestNetworkCuts takes the power away before every operation: a start finds settings that
// were confirmed, whole, and never those that nobody has confirmed.
func TestNetworkCuts(t *testing.T) {
	t.Parallel()
	cuts := 0
	for left := 0; ; left++ {
		disk, limit := networkDisk(t)
		reloads := 0
		n := openTested(t, disk, &reloads)
		*limit = left
		tried, kept := n.try([]byte(newNetwork)), errCut
		if tried == nil {
			kept = n.keep()
		}
		uncut := *limit != 0
		*limit = -1
		n.mu.Lock()
		n.stopTrial()
		n.mu.Unlock()
		s, err := openTested(t, disk, &reloads).state()
		switch got := string(s.Network); {
		case err != nil:
			t.Errorf("cut %d: %v", left, err)
		case kept == nil && got != newNetwork:
			t.Errorf("cut %d: %s was confirmed; the start finds %s", left, newNetwork, got)
		case got != oldNetwork && got != newNetwork:
			t.Errorf("cut %d: the start finds %s", left, got)
		case tried != nil && got != oldNetwork:
			t.Errorf("cut %d: %s was not taken (%v); the start finds it", left, got, tried)
		}
		if uncut {
			break
		}
		cuts++
	}
	if cuts < 8 {
		t.Errorf("%d cuts; there are more operations than that", cuts)
	}
	t.Logf("%d cuts", cuts)
}

// TestNetworkRestoreIsCut: going back is done again by the next start.
func TestNetworkRestoreIsCut(t *testing.T) {
	t.Parallel()
	for left := 0; ; left++ {
		disk, limit := networkDisk(t)
		reloads := 0
		n := openTested(t, disk, &reloads)
		must(t, n.try([]byte(newNetwork)))
		*limit = left
		n.mu.Lock()
		err := n.restore()
		n.stopTrial()
		n.mu.Unlock()
		*limit = -1
		s, e := openTested(t, disk, &reloads).state()
		if e != nil || string(s.Network) != oldNetwork {
			t.Errorf("cut %d: the start finds %s, %v; want %s", left, s.Network, e, oldNetwork)
		}
		if err == nil {
			break
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestNetworkLater: settings for later are on the disk, and the network is not told.
func TestNetworkLater(t *testing.T) {
	t.Parallel()
	disk, _ := networkDisk(t)
	reloads, stays := 0, 0
	n := openTested(t, disk, &reloads)
	n.stays = func() { stays++ }
	must(t, n.setLater([]byte(newNetwork)))
	n.want(t, newNetwork, false, false)
	openTested(t, disk, &reloads).want(t, newNetwork, false, false)
	if reloads != 0 || stays != 1 {
		t.Errorf("the network was told %d times, whoever keeps copies %d; want 0 and 1", reloads, stays)
	}
	must(t, n.set([]byte(newNetwork)))
	if reloads != 1 {
		t.Errorf("the network was told %d times; want 1", reloads)
	}
}
