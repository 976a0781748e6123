package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// errCut is what a device returns once its power is gone.
var errCut = errors.New("power cut")

// memoryDisk is a disk in memory that remembers what was not synced yet.
// Writes beyond the failing one are refused; cut applies the unsynced sectors
// that keep says.
type memoryDisk struct {
	geometry Geometry
	durable  map[uint64][]byte // sectors
	pending  []sectorWrite     // since the last sync, in order
	left     int               // sector writes until the cut; <0: never
}

type sectorWrite struct {
	sector uint64
	data   []byte
}

func newMemoryDisk(sectors uint64) *memoryDisk {
	return &memoryDisk{geometry: Geometry{SectorSize: 512, Sectors: sectors}, durable: map[uint64][]byte{}, left: -1}
}

func (d *memoryDisk) sector(n uint64) []byte {
	for _, w := range slices.Backward(d.pending) {
		if w.sector == n {
			return w.data
		}
	}
	if b := d.durable[n]; b != nil {
		return b
	}
	return make([]byte, d.geometry.SectorSize)
}

func (d *memoryDisk) ReadAt(p []byte, off int64) (int, error) {
	size := int64(d.geometry.SectorSize)
	for i := 0; i < len(p); {
		at := off + int64(i)
		if uint64(at/size) >= d.geometry.Sectors {
			return i, errors.New("read beyond the disk")
		}
		i += copy(p[i:], d.sector(uint64(at / size))[at%size:])
	}
	return len(p), nil
}

func (d *memoryDisk) WriteAt(p []byte, off int64) (int, error) {
	size := int64(d.geometry.SectorSize)
	if off%size != 0 || int64(len(p))%size != 0 {
		return 0, errors.New("write is not aligned")
	}
	for i := int64(0); i < int64(len(p)); i += size {
		if d.left == 0 {
			return int(i), errCut
		}
		d.left--
		n := uint64((off + i) / size)
		if n >= d.geometry.Sectors {
			return int(i), errors.New("write beyond the disk")
		}
		d.pending = append(d.pending, sectorWrite{n, slices.Clone(p[i : i+size])})
	}
	return len(p), nil
}

func (d *memoryDisk) Sync() error {
	if d.left == 0 {
		return errCut
	}
	for _, w := range d.pending {
		d.durable[w.sector] = w.data
	}
	d.pending = nil
	return nil
}

// cut ends the power: of what was not synced, the writes chosen by keep arrive.
func (d *memoryDisk) cut(keep func(i int) bool) {
	for i, w := range d.pending {
		if keep(i) {
			d.durable[w.sector] = w.data
		}
	}
	d.pending, d.left = nil, -1
}

// clone is an independent copy of what is durable.
func (d *memoryDisk) clone() *memoryDisk {
	c := newMemoryDisk(d.geometry.Sectors)
	for n, b := range d.durable {
		c.durable[n] = b
	}
	return c
}

// espGUID and diskGUID are the image's in the tests, made by its rule.
const (
	espGUID  = "11111111-2222-8333-8444-555555555555"
	diskGUID = "66666666-2222-8333-8444-555555555555"
)

const espSectors = 2048

// writeImage puts what flashing leaves at the disk's beginning: a protective
// MBR, a GPT made for a disk of imageSectors with one boot partition.
func (d *memoryDisk) writeImage(t *testing.T, imageSectors uint64) {
	t.Helper()
	mbr := make([]byte, 512)
	mbr[450], mbr[510], mbr[511] = 0xee, 0x55, 0xaa
	binary.LittleEndian.PutUint32(mbr[458:], uint32(imageSectors-1))
	if _, err := d.WriteAt(mbr, 0); err != nil {
		t.Fatal(err)
	}
	table := &Table{
		Geometry: Geometry{SectorSize: 512, Sectors: imageSectors}, DiskGUID: mustGUID(diskGUID),
		FirstUsable: 34, Entries: make([]Entry, 128), entrySize: 128,
	}
	table.Entries[0] = Entry{Type: typeESP(), Unique: mustGUID(espGUID), First: 2048, Last: 2048 + espSectors - 1, Name: "sanduk-esp"}
	if err := table.Write(d); err != nil {
		t.Fatalf("write image: %v", err)
	}
}

// putSuperblock writes an ext4 super block as mke2fs, or a mount, leaves it.
func (d *memoryDisk) putSuperblock(start uint64, label string, blocks uint32, mounted bool) error {
	b := make([]byte, 1024)
	le := binary.LittleEndian
	le.PutUint32(b[0x4:], blocks)
	le.PutUint32(b[0x18:], 2) // 4096
	le.PutUint16(b[0x38:], extMagic)
	copy(b[0x78:], label)
	if mounted {
		le.PutUint16(b[0x34:], 1)
		le.PutUint32(b[0x2c:], 1795000000)
	}
	_, err := d.WriteAt(b, int64(start)*512+superOffset)
	return err
}

// fakeMachine formats by writing a few sectors and a super block last, as
// mke2fs does, and refuses to format what holds data.
type fakeMachine struct {
	disk     *memoryDisk
	formats  int
	discards int
	entry    Entry
}

func (m *fakeMachine) Partition(number int, e Entry) (string, error) {
	m.entry = e
	return fmt.Sprintf("part%d", number), nil
}

func (m *fakeMachine) Format(_ context.Context, _, label string) error {
	m.formats++
	junk := make([]byte, 512)
	for i := range uint64(6) {
		if _, err := m.disk.WriteAt(junk, int64(m.entry.First+8+i)*512); err != nil {
			return err
		}
	}
	blocks := uint32((m.entry.Last - m.entry.First + 1) / 8)
	if err := m.disk.putSuperblock(m.entry.First, label, blocks, false); err != nil {
		return err
	}
	return m.disk.Sync()
}

func (m *fakeMachine) Discard(context.Context, string) error {
	m.discards++
	return errors.New("this disk doesn't forget")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// boot does what PID 1 does at each start, up to the mount.
func (d *memoryDisk) boot(m *fakeMachine) (*Data, error) {
	table, err := ReadTable(d, d.geometry)
	if err != nil {
		return nil, err
	}
	m.disk = d
	return Ensure(context.Background(), d, table, m, quiet())
}

// mount leaves the traces of a first mount.
func (d *memoryDisk) mount(t *testing.T, data *Data) {
	t.Helper()
	s, err := readSuperblock(d, int64(data.Entry.First)*512)
	if err != nil || s == nil || s.Label != dataLabel {
		t.Fatalf("nothing to mount: %+v, %v", s, err)
	}
	if err := d.putSuperblock(data.Entry.First, dataLabel, uint32(s.Blocks), true); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
}
