package disk

import (
	"errors"
	"fmt"
	"testing"
)

// usedDisk is a disk with mail on it: its super block, and the copy of that.
func usedDisk(t *testing.T) (*memoryDisk, *Data) {
	t.Helper()
	d := newMemoryDisk(testDisk)
	d.writeImage(t, testImage)
	data, err := d.boot(&fakeMachine{})
	if err != nil {
		t.Fatal(err)
	}
	d.mount(t, data)
	blocks := uint32((data.Entry.Last - data.Entry.First + 1) / 8)
	if err := d.putSuperblock(data.Entry.First+(backupSuper-superOffset)/512, dataLabel, blocks, true); err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 512)
	copy(secret, "secret")
	if _, err := d.WriteAt(secret, int64(data.Entry.First+10000)*512); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	return d, data
}

// TestReset: a disk that was marked is erased and made new by the next start, once; the
// boot partition and the identifiers stay.
func TestReset(t *testing.T) {
	t.Parallel()
	d, data := usedDisk(t)
	own := d.identifiers(t)
	if err := MarkReset(d, d.geometry); err != nil {
		t.Fatal(err)
	}
	m := &fakeMachine{}
	again, err := d.boot(m)
	if err != nil || m.formats != 1 || m.discards != 1 || !again.Created || again.Entry.First != data.Entry.First || again.Entry.Name != DataName {
		t.Fatalf("%+v, %v, %d formats, %d discards; want it made anew in its place", again, err, m.formats, m.discards)
	}
	if got := d.sector(data.Entry.First + 10000); got[0] != 0 {
		t.Errorf("what was near the beginning is still there: %q", got[:10])
	}
	if s, err := readBackupSuperblock(d, int64(data.Entry.First)*512); err != nil || s != nil {
		t.Errorf("the copy of the super block is still there: %+v, %v", s, err)
	}
	d.mount(t, again)
	used := &fakeMachine{}
	if _, err := d.boot(used); err != nil || used.formats+used.discards != 0 {
		t.Errorf("the start behind that: %v, %d formats, %d discards; want the new mail kept", err, used.formats, used.discards)
	}
	if now := d.identifiers(t); fmt.Sprint(now) != fmt.Sprint(own) {
		t.Errorf("identifiers %v, before %v", now, own)
	}
	empty := newMemoryDisk(testDisk)
	empty.writeImage(t, testImage)
	if err := MarkReset(empty, empty.geometry); err != nil {
		t.Errorf("a disk without data: %v, want nothing to do", err)
	}
}

// TestResetEveryCut cuts the power while the mark is made and while it is obeyed. Before
// MarkReset has returned the disk is as it was, or is reset; after that it is reset and
// usable, however often the power goes. What the image's boot needs is never touched.
func TestResetEveryCut(t *testing.T) {
	t.Parallel()
	used, data := usedDisk(t)
	survivors := map[string]func(i, n int) bool{
		"nothing": func(int, int) bool { return false },
		"all":     func(int, int) bool { return true },
		"even":    func(i, _ int) bool { return i%2 == 0 },
		"last":    func(i, n int) bool { return i == n-1 },
	}
	for name, keep := range survivors {
		for n := 0; ; n++ {
			d := used.clone()
			d.left = n
			err := MarkReset(d, d.geometry)
			if err != nil && !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			written := len(d.pending)
			d.cut(func(i int) bool { return keep(i, written) })
			m := &fakeMachine{}
			got, bootErr := d.boot(m)
			if bootErr != nil || got.Entry.First != data.Entry.First || err == nil && m.formats != 1 || m.formats != m.discards {
				t.Fatalf("mark cut after %d (%s): %+v, %v, %d formats", n, name, got, bootErr, m.formats)
			}
			if s, err := readSuperblock(d, int64(data.Entry.First)*512); m.formats == 0 && (err != nil || s == nil || !s.everMounted()) {
				t.Fatalf("mark cut after %d (%s): neither reset nor as before: %+v, %v", n, name, s, err)
			}
			if err == nil {
				break
			}
		}
	}
	if err := MarkReset(used, used.geometry); err != nil {
		t.Fatal(err)
	}
	// The overwriting is thousands of sectors alike: some cuts in it, and all around it.
	const zeros = (wipeHead + wipeCopy) / 512
	for name, step := range map[string]int{"nothing": 17, "all": 7, "even": 29, "last": 31} {
		for n := 0; ; n += step {
			if n > 5 && n < zeros-5 {
				n = min(n+15001, zeros-5)
			}
			d := used.clone()
			d.left = n
			_, err := d.boot(&fakeMachine{})
			if err != nil && !errors.Is(err, errCut) {
				t.Fatalf("cut after %d (%s): %v", n, name, err)
			}
			written := len(d.pending)
			d.cut(func(i int) bool { return survivors[name](i, written) })
			m := &fakeMachine{}
			got, bootErr := d.boot(m)
			if bootErr != nil || m.formats == 0 && err != nil && !got.Created && got.Entry.Name != DataName {
				t.Fatalf("cut after %d (%s): %+v, %v", n, name, got, bootErr)
			}
			s, readErr := readSuperblock(d, int64(data.Entry.First)*512)
			if readErr != nil || s == nil || s.everMounted() || got.Entry.Name != DataName {
				t.Fatalf("cut after %d (%s): %+v, %v, named %s; want a new file system", n, name, s, readErr, got.Entry.Name)
			}
			if err == nil {
				break
			}
		}
	}
}

// TestWiped: every copy that sparse_super makes is overwritten, in partitions of any size.
func TestWiped(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{minDataSize, 200 << 20, 10 << 30, 4 << 40} {
		sum, ends := int64(0), map[int64]bool{}
		for at, n := range wiped(size) {
			if n <= 0 || at+n > size {
				t.Errorf("%d bytes at %d of %d", n, at, size)
			}
			ends[at/groupBytes], sum = true, sum+n
		}
		if sum > 64<<20 {
			t.Errorf("of %d bytes %d are overwritten: that takes too long", size, sum)
		}
		for group := int64(1); group*groupBytes < size && group <= 100; group++ {
			want := false
			for _, base := range []int64{3, 5, 7} {
				for n := int64(1); n <= group; n *= base {
					want = want || n == group
				}
			}
			if ends[group] != want {
				t.Errorf("group %d of a partition of %d bytes: overwritten %v, want %v", group, size, ends[group], want)
			}
		}
	}
}
