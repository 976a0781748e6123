package boot

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
)

const (
	// codeLetters are those that nobody reads as others; 32 of them, five bits each.
	codeLetters = "abcdefghijkmnpqrstuvwxyz23456789"
	// codeLength of eight are 40 bits: at freeTries in freeEvery, a network that tries
	// without a pause needs hundreds of thousands of years.
	codeLength = 8
	freeTries  = 5
	freeEvery  = time.Minute
	// maxSaid bounds what of a disk check goes to the page, in bytes: its end says how it went.
	maxSaid = 16 << 10
	// seenTime lets a page that looks every few seconds show how it ended.
	seenTime = 8 * time.Second
	// rescueRoom is what the settings get that stand in memory, as tmpfs takes it.
	rescueRoom = "size=1m,mode=0755"
)

// rescue is what is done for whoever stands before a box that can't use its disk.
type rescue struct {
	code string // "" before it began; then it stays

	mu    sync.Mutex // guards all below
	tries int        // wrong ones since until
	until time.Time  // when the tries are forgotten
	said  []byte     // by the last check
	doing string     // what is under way; "" nothing
	done  string     // how the last act ended
	over  bool       // the box starts again in seenTime
}

// openRescue brings up what a person needs to get the box out of recovery: room for
// network settings, which last until the next start, and a code. What is left of the
// box's settings is used.
func (m *Machine) openRescue() error {
	m.rescue.code = newCode()
	m.rescue.said = m.problem.Said
	if err := os.MkdirAll(filepath.Dir(control.RescueFile), 0o755); err != nil {
		return err
	}
	m.updates.loadForRescue()
	if m.network != nil {
		return nil // the disk is in use, and what it holds is the trouble
	}
	settings := m.rememberSettings()
	if err := unix.Mount("tmpfs", dataDir, "tmpfs", noProgs, rescueRoom); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	account, err := lookupAccount(networkAccount, "", nil)
	if err != nil {
		return err
	}
	err = disk.MakeDirs(dataDir, []disk.Dir{{Name: "box", Mode: 0o755}, {Name: "net", UID: account.UID, GID: account.GID, Mode: 0o755}})
	if err != nil {
		return err
	}
	for name, text := range settings {
		if err := os.WriteFile(filepath.Join(boxDir, name), text, 0o644); err != nil {
			return fmt.Errorf("rescue: %w", err)
		}
	}
	return m.useNetwork()
}

// rememberSettings reads what can still be read of network, name and packet filter, and
// leaves nothing mounted at dataDir. A disk that is only write-protected is sound; of a
// damaged one nothing is mounted, but the boot partition has a copy of the network settings.
func (m *Machine) rememberSettings() map[string][]byte {
	if m.problem.Fault == disk.FaultReadOnly {
		if path, err := m.dataPartition(); err == nil {
			m.need(dataModules)
			const flags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
			if err := unix.Mount(path, dataDir, "ext4", flags, "noload"); err != nil {
				m.log.Warn("settings on the write-protected disk not read", "err", err)
			}
		}
	}
	settings := map[string][]byte{}
	for _, name := range []string{networkFile, firewallFile, hostnameFile} {
		text, err := os.ReadFile(filepath.Join(boxDir, name))
		if err == nil && len(text) <= maxNetworkFile {
			settings[name] = text
		}
	}
	if settings[networkFile] == nil && m.espDevice != "" {
		<-m.espRead
		if spare := readSpare(); spare != nil {
			settings[networkFile] = spare
		}
	}
	if err := unix.Unmount(dataDir, 0); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: nothing is mounted there
		m.log.Warn("the disk stays mounted below", "err", err)
	}
	return settings
}

// dataPartition is the device of the partition with the mail.
func (m *Machine) dataPartition() (string, error) {
	if m.own == nil {
		return "", errors.New("rescue: no disk is known")
	}
	number, ok := m.own.Table.Data()
	if !ok {
		return "", errors.New("rescue: the disk has no partition for mail")
	}
	f, err := system().Open(m.own.Disk, false)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	return system().Announce(f, m.own.Disk, number, m.own.Table.Entries[number-1])
}

// newCode makes one for the screen: "k7qm-3xvd".
func newCode() string {
	b := make([]byte, codeLength)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = codeLetters[int(b[i])%len(codeLetters)]
	}
	return string(b[:codeLength/2]) + "-" + string(b[codeLength/2:])
}

// admit says in words why a code does not count.
func (r *rescue) admit(now time.Time, typed string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.After(r.until) {
		r.tries, r.until = 0, now.Add(freeEvery)
	}
	if r.tries >= freeTries {
		return control.Invalid("Too many wrong codes. Wait a minute, then try again.")
	}
	plain := func(code string) []byte {
		return []byte(strings.Map(func(c rune) rune {
			if strings.ContainsRune(codeLetters, c) {
				return c
			}
			return -1 // spaces, hyphens, and what no code has
		}, strings.ToLower(code)))
	}
	if r.code == "" || subtle.ConstantTimeCompare(plain(typed), plain(r.code)) != 1 {
		r.tries++
		return control.Invalid("That is not the code on the box's screen. The screen is right: the code is another after each start.")
	}
	return nil
}

// begin says that something is under way; false when something else is.
func (r *rescue) begin(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doing != "" {
		return false
	}
	r.doing, r.done = what, ""
	return true
}

// tell says what is under way now.
func (r *rescue) tell(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doing = what
}

// end says how it went; said is what a tool wrote, nil where none did. over says that the
// box is about to start again.
func (r *rescue) end(how string, said []byte, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doing, r.done, r.over = "", how, over
	if said != nil {
		r.said = said
	}
}

// verbRescue tells how the box stands.
func (m *Machine) verbRescue(context.Context, json.RawMessage) (any, error) {
	m.mu.Lock()
	s := control.Rescue{Fault: string(m.problem.Fault), Problem: m.problem.Text, Ending: m.stopping}
	m.mu.Unlock()
	s.Version, s.Previous = string(m.cfg.Release.Version), m.updates.status().Previous
	if m.own != nil {
		h, err := m.physician.ask(time.Now(), m.own.Disk, readSmart)
		if err != nil {
			m.log.Warn("the disk does not say how it is", "err", err)
		}
		s.Disk = &h
	}
	r := &m.rescue
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Said = string(r.said[max(0, len(r.said)-maxSaid):])
	s.Doing, s.Done, s.Ending = r.doing, r.done, s.Ending || r.over
	s.Acts = m.rescueActs(s.Previous != "", r.doing != "" || r.over)
	return s, nil
}

// rescueActs are what can be asked for, what helps most first.
func (m *Machine) rescueActs(previous, busy bool) []control.RescueAct {
	if busy {
		return []control.RescueAct{control.RescueSupport}
	}
	fault := m.problem.Fault
	var list []control.RescueAct
	if m.own != nil && fault == disk.FaultDamaged {
		list = append(list, control.RescueCheck)
	}
	list = append(list, control.RescueRestart)
	if previous {
		list = append(list, control.RescuePrevious)
	}
	list = append(list, control.RescueSupport)
	if m.own != nil && fault != disk.FaultReadOnly && fault != disk.FaultUnclear {
		list = append(list, control.RescueErase)
	}
	return list
}

// verbRescueAct does what somebody asks for who has read the code.
func (m *Machine) verbRescueAct(ctx context.Context, raw json.RawMessage) (any, error) {
	var o control.RescueOrder
	if err := control.Strict(raw, &o); err != nil {
		return nil, err
	}
	if err := m.rescue.admit(time.Now(), o.Code); err != nil {
		m.log.Warn("rescue: wrong code", "act", o.Act)
		return nil, err
	}
	m.rescue.mu.Lock()
	busy := m.rescue.doing != "" || m.rescue.over
	m.rescue.mu.Unlock()
	if !slices.Contains(m.rescueActs(m.updates.status().Previous != "", busy), o.Act) {
		return nil, control.Invalid("The box can't do that now.")
	}
	m.log.Warn("rescue: asked for by somebody who knows the code", "act", o.Act)
	switch o.Act {
	case control.RescueCheck:
		return nil, m.repair()
	case control.RescuePrevious:
		if _, err := m.verbGoBack(ctx, nil); err != nil {
			return nil, err
		}
		m.request(Reboot, "rescue: previous version")
	case control.RescueSupport:
		return nil, m.rescueBundle(ctx)
	case control.RescueErase:
		if !strings.EqualFold(strings.TrimSpace(o.Word), control.RescueWord) {
			return nil, control.Invalid("To erase everything, type the word “%s”. Nothing has been changed.", control.RescueWord)
		}
		return nil, m.factoryReset(ctx, "rescue")
	case control.RescueRestart:
		m.request(Reboot, "rescue")
	}
	return nil, nil
}

// rescueBundle puts what PID 1 knows where the page's process can read it.
func (m *Machine) rescueBundle(ctx context.Context) error {
	text, err := m.ownBundle(ctx)
	if err != nil {
		return err
	}
	account, err := lookupAccount(mailAccount, "", nil)
	if err != nil {
		return err
	}
	temp := control.RescueFile + ".new"
	if err := os.WriteFile(temp, text, 0o640); err != nil {
		return err
	}
	return errors.Join(os.Chown(temp, 0, account.GID), os.Rename(temp, control.RescueFile))
}

// errRepairing is for who asks twice.
var errRepairing = control.Invalid("The disk is being repaired already.")

// repair begins to do all that can be done for the file system; when it has helped, the
// box starts again.
func (m *Machine) repair() error {
	if !m.rescue.begin("The disk is being checked.") {
		return errRepairing
	}
	m.say("the disk is being repaired")
	m.spawn(func() {
		said, err := m.repairNow(context.Background()) // cut short, it would have to begin anew
		how := "The disk is repaired, and the mail is on it. The box starts again."
		if err != nil {
			m.log.Error("disk not repaired", "err", err)
			how = "The disk could not be repaired. Nothing was erased. Have it copied by somebody who knows how, or start with a new disk and a backup."
			if known, ok := errors.AsType[*disk.RecoveryError](err); ok {
				how = known.Text
			}
		}
		m.rescue.end(how, said, err == nil)
		m.say("%s", how)
		if err == nil {
			time.AfterFunc(seenTime, func() { m.request(Reboot, "rescue: the disk is repaired") })
		}
	})
	return nil
}

// repairNow repairs, and looks whether the mail is there. What e2fsck said is kept where a
// later support bundle finds it.
func (m *Machine) repairNow(ctx context.Context) (said []byte, err error) {
	path, err := m.dataPartition()
	if err != nil {
		return nil, err
	}
	said, err = m.tools.Repair(ctx, path, m.rescue.tell)
	if err != nil {
		return said, err
	}
	const dir = "/run/sanduk/repaired"
	m.need(dataModules)
	if err := disk.MountData(path, dir); err != nil {
		return said, err
	}
	err = checkSkeleton(dir)
	if err == nil {
		if err := keepCheck(filepath.Join(dir, filepath.Base(logDir)), said); err != nil {
			m.log.Error("what the disk check said is not kept", "err", err)
		}
	}
	return said, errors.Join(err, unix.Unmount(dir, 0))
}
