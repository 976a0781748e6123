package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
)

// Variables are the firmware's global ones. Errors wrap fs.ErrNotExist where there is none of the name.
type Variables interface {
	Names() ([]string, error)
	Get(name string) ([]byte, error)
	Set(name string, data []byte) error
	Remove(name string) error
}

// description begins our entries' names, so that a person who looks into the firmware's menu knows them, and we do.
const description = "Sanduk"

// orderVariable has the numbers of the entries, two bytes each, in the order in which they are tried.
const orderVariable = "BootOrder"

// maxOrder bounds how many entries are believed to be a list, and not damage.
const maxOrder = 256

var entryRE = regexp.MustCompile(`^Boot([0-9A-F]{4})$`)

// Ensure has the list begin with n entries that start file on p, and removes entries of ours that start anything else: a
// disk that was flashed anew, or is gone. Others' stay, behind ours. It reports whether it wrote anything.
func Ensure(vars Variables, p Partition, file string, n int) (changed bool, err error) {
	l, err := read(vars)
	if err != nil {
		return false, err
	}
	var ours, others []uint16
	want := make([][]byte, n)
	for i := range want {
		// The number makes them differ: some firmware drops what looks like a double.
		want[i] = option(fmt.Sprintf("%s %d", description, i+1), p, file)
		number, found := l.find(want[i])
		if !found {
			if number, err = l.add(vars, want[i]); err != nil {
				return changed, err
			}
			changed = true
		}
		ours = append(ours, number)
	}
	for number, entry := range l.entries {
		if slices.Contains(ours, number) || !bytes.HasPrefix([]byte(described(entry)), []byte(description)) {
			continue
		}
		if err := vars.Remove(name(number)); err != nil {
			return changed, fmt.Errorf("firmware: %w", err)
		}
		delete(l.entries, number)
		changed = true
	}
	for _, number := range l.order {
		if _, there := l.entries[number]; there && !slices.Contains(ours, number) {
			others = append(others, number)
		}
	}
	order := slices.Concat(ours, others)
	if slices.Equal(order, l.order) {
		return changed, nil
	}
	var data []byte
	for _, number := range order {
		data = binary.LittleEndian.AppendUint16(data, number)
	}
	if err := vars.Set(orderVariable, data); err != nil {
		return changed, fmt.Errorf("firmware: %w", err)
	}
	return true, nil
}

// list is what the firmware has.
type list struct {
	entries map[uint16][]byte
	order   []uint16
}

func read(vars Variables) (*list, error) {
	names, err := vars.Names()
	if err != nil {
		return nil, fmt.Errorf("firmware: %w", err)
	}
	l := &list{entries: map[uint16][]byte{}}
	for _, n := range names {
		m := entryRE.FindStringSubmatch(n)
		if m == nil {
			continue
		}
		number, err := strconv.ParseUint(m[1], 16, 16)
		if err != nil {
			return nil, err // the expression allows only numbers
		}
		if l.entries[uint16(number)], err = vars.Get(n); err != nil {
			return nil, fmt.Errorf("firmware: %s: %w", n, err)
		}
	}
	order, err := vars.Get(orderVariable)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("firmware: %w", err)
	}
	for ; len(order) >= 2 && len(l.order) < maxOrder; order = order[2:] {
		l.order = append(l.order, binary.LittleEndian.Uint16(order))
	}
	return l, nil
}

// find returns the number of an entry.
func (l *list) find(entry []byte) (uint16, bool) {
	for number, e := range l.entries {
		if bytes.Equal(e, entry) {
			return number, true
		}
	}
	return 0, false
}

// errFull says that the firmware has no number left.
var errFull = errors.New("firmware: the list of boot entries is full")

// firstNumber: firmware makes its own entries from 0 up, and may number them anew.
const firstNumber = 0x5a00

// add writes an entry under a number that nobody uses.
func (l *list) add(vars Variables, entry []byte) (uint16, error) {
	for number := uint16(firstNumber); number < firstNumber+maxOrder; number++ {
		if _, used := l.entries[number]; used {
			continue
		}
		if err := vars.Set(name(number), entry); err != nil {
			return 0, fmt.Errorf("firmware: %w", err)
		}
		l.entries[number] = entry
		return number, nil
	}
	return 0, errFull
}

func name(number uint16) string { return fmt.Sprintf("Boot%04X", number) }
