package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// TestMendTorn tears super blocks as a power cut does, between two states that Debian's
// tools wrote, and damages them as it does not.
func TestMendTorn(t *testing.T) {
	t.Parallel()
	tools := realTools(t)
	name := newVolume(t, tools)
	super := func() []byte {
		b := make([]byte, superSize)
		f, err := os.Open(name)
		if err == nil {
			_, err = f.ReadAt(b, superOffset)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(b []byte) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err == nil {
			_, err = f.WriteAt(b, superOffset)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// As of a file system that has been in use: mounted twelve times, with other times.
	for _, args := range [][]string{
		{"/sbin/tune2fs", "-C", "12", "-T", "20200101", "-M", "/data", name},
		{"/sbin/debugfs", "-w", "-R", "ssv mtime 20260101000000", name},
		{"/sbin/debugfs", "-w", "-R", "ssv free_blocks_count 4711", name},
		{"/sbin/debugfs", "-w", "-R", "ssv kbytes_written 123456", name},
		{"/sbin/debugfs", "-w", "-R", "ssv first_error_time 20260102000000", name},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	before := super()
	if out, err := exec.Command("/sbin/debugfs", "-w", "-R", "ssv mtime 20260203040506", name).CombinedOutput(); err != nil {
		t.Fatalf("debugfs: %v\n%s", err, out)
	}
	after := super()
	for what, torn := range map[string][]byte{
		"first half new":  append(bytes.Clone(after[:512]), before[512:]...),
		"second half new": append(bytes.Clone(before[:512]), after[512:]...),
	} {
		put(torn)
		if done, err := tools.Check(t.Context(), name); err != nil || done.Mended {
			t.Errorf("%s: the check says mended %v, %v; want no damage", what, done.Mended, err)
		}
		if mended, err := MendTorn(name); err != nil || mended {
			t.Errorf("%s: after the check it is mended %v, %v; want nothing to do", what, mended, err)
		}
	}
	put(after)
	if mended, err := MendTorn(name); err != nil || mended {
		t.Errorf("of a whole one: mended %v, %v", mended, err)
	}
	for offset := range superSum {
		if at := offset; isVariable(at) {
			continue
		}
		damaged := bytes.Clone(after)
		damaged[offset] ^= 0x10
		put(damaged)
		if mended, err := MendTorn(name); err != nil || mended || !bytes.Equal(super(), damaged) {
			t.Fatalf("byte %#x is not what it was made: mended %v, %v; want it left alone", offset, mended, err)
		}
	}
	put(after)
	if err := os.Truncate(name, backupSuper); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(after)
	binary.LittleEndian.PutUint32(damaged[superSum:], 1)
	put(damaged)
	if mended, err := MendTorn(name); err != nil || mended {
		t.Errorf("without a copy: mended %v, %v; want it left alone", mended, err)
	}
}

func isVariable(offset int) bool {
	for _, at := range variable {
		if offset >= at[0] && offset < at[0]+at[1] {
			return true
		}
	}
	return false
}
