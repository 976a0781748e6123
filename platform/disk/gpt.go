package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Device is a whole disk, or a file that stands for one.
type Device interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Geometry is a disk's size.
type Geometry struct {
	SectorSize int    // bytes: 512 or 4096
	Sectors    uint64 // in sectors
}

// Entry is a partition.
type Entry struct {
	Type       GUID // zero: the slot is free
	Unique     GUID
	First      uint64 // sector
	Last       uint64 // sector, inclusive
	Attributes uint64
	Name       string // at most 36 UTF-16 units
}

func (e Entry) used() bool { return e.Type != GUID{} }

// Table is a partition table. Entries has every slot; partition n is
// Entries[n-1].
type Table struct {
	Geometry    Geometry // of the disk as it is now
	DiskGUID    GUID
	FirstUsable uint64
	Entries     []Entry

	entrySize  int
	fromBackup bool // the primary was damaged
	backupBad  bool // the backup is missing, damaged or elsewhere
}

// Limits and layout of a GPT, UEFI 2.10 §5.3.2.
const (
	gptSignature   = "EFI PART"
	gptRevision    = 0x00010000
	gptHeaderSize  = 92
	minEntrySize   = 128
	maxEntrySize   = 4096
	minEntries     = 4
	maxEntries     = 1024 // 128 is what everybody writes; more would only be room for mischief
	primaryHeader  = 1
	primaryEntries = 2
	nameUnits      = 36
)

// ErrNoTable says that a disk has no usable GPT.
var ErrNoTable = errors.New("no partition table (GPT) found")

// ReadTable reads the primary table, or the backup at the end of the disk when
// the primary is damaged.
func ReadTable(dev Device, g Geometry) (*Table, error) {
	if g.SectorSize != 512 && g.SectorSize != 4096 {
		return nil, fmt.Errorf("sector size %d is not supported", g.SectorSize)
	}
	if g.Sectors < 128 {
		return nil, ErrNoTable
	}
	t, err := readHalf(dev, g, primaryHeader)
	if err == nil {
		backup, backupErr := readHalf(dev, g, g.Sectors-1)
		t.backupBad = backupErr != nil || !backup.same(t)
		return t, nil
	}
	t, backupErr := readHalf(dev, g, g.Sectors-1)
	if backupErr != nil {
		return nil, errors.Join(ErrNoTable, err, backupErr)
	}
	t.fromBackup = true
	return t, nil
}

// same says whether two halves describe the same partitions.
func (t *Table) same(o *Table) bool {
	return t.DiskGUID == o.DiskGUID && bytes.Equal(t.encodeEntries(), o.encodeEntries())
}

// readHalf reads and checks the header at sector lba and its entries.
func readHalf(dev Device, g Geometry, lba uint64) (*Table, error) {
	h := make([]byte, g.SectorSize)
	if _, err := dev.ReadAt(h, int64(lba)*int64(g.SectorSize)); err != nil {
		return nil, fmt.Errorf("gpt: read header at sector %d: %w", lba, err)
	}
	le := binary.LittleEndian
	size := le.Uint32(h[12:])
	if string(h[:8]) != gptSignature || size < gptHeaderSize || int(size) > len(h) {
		return nil, fmt.Errorf("gpt: no header at sector %d", lba)
	}
	sum := le.Uint32(h[16:])
	clear(h[16:20])
	if crc32.ChecksumIEEE(h[:size]) != sum {
		return nil, fmt.Errorf("gpt: header at sector %d: bad checksum", lba)
	}
	if le.Uint64(h[24:]) != lba {
		return nil, fmt.Errorf("gpt: header at sector %d says it is elsewhere", lba)
	}
	t := &Table{Geometry: g, DiskGUID: GUID(h[56:72]), FirstUsable: le.Uint64(h[40:])}
	count, entrySize := le.Uint32(h[80:]), le.Uint32(h[84:])
	if count < minEntries || count > maxEntries || entrySize < minEntrySize || entrySize > maxEntrySize || entrySize%8 != 0 {
		return nil, fmt.Errorf("gpt: header at sector %d: %d entries of %d bytes", lba, count, entrySize)
	}
	t.entrySize = int(entrySize)
	at := le.Uint64(h[72:])
	if at >= g.Sectors {
		return nil, fmt.Errorf("gpt: header at sector %d: entries beyond the disk", lba)
	}
	raw := make([]byte, int(count)*t.entrySize)
	if _, err := dev.ReadAt(raw, int64(at)*int64(g.SectorSize)); err != nil {
		return nil, fmt.Errorf("gpt: read entries: %w", err)
	}
	if crc32.ChecksumIEEE(raw) != le.Uint32(h[88:]) {
		return nil, fmt.Errorf("gpt: entries of header at sector %d: bad checksum", lba)
	}
	for chunk := range chunks(raw, t.entrySize) {
		e := decodeEntry(chunk)
		if e.used() && (e.First < t.FirstUsable || e.Last < e.First || e.Last >= g.Sectors) {
			return nil, fmt.Errorf("gpt: partition %d lies outside the disk", len(t.Entries)+1)
		}
		t.Entries = append(t.Entries, e)
	}
	return t, nil
}

func chunks(b []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(b) >= size; b = b[size:] {
			if !yield(b[:size]) {
				return
			}
		}
	}
}

func decodeEntry(b []byte) Entry {
	le := binary.LittleEndian
	e := Entry{
		Type: GUID(b[0:16]), Unique: GUID(b[16:32]),
		First: le.Uint64(b[32:]), Last: le.Uint64(b[40:]), Attributes: le.Uint64(b[48:]),
	}
	var units []uint16
	for i := range nameUnits {
		u := le.Uint16(b[56+2*i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	e.Name = string(utf16.Decode(units))
	return e
}

func (t *Table) encodeEntries() []byte {
	raw := make([]byte, len(t.Entries)*t.entrySize)
	le := binary.LittleEndian
	for i, e := range t.Entries {
		if !e.used() {
			continue
		}
		b := raw[i*t.entrySize:]
		copy(b[0:], e.Type[:])
		copy(b[16:], e.Unique[:])
		le.PutUint64(b[32:], e.First)
		le.PutUint64(b[40:], e.Last)
		le.PutUint64(b[48:], e.Attributes)
		for j, u := range utf16.Encode([]rune(e.Name)) {
			if j < nameUnits {
				le.PutUint16(b[56+2*j:], u)
			}
		}
	}
	return raw
}

// entrySectors is how many sectors the entries take.
func (t *Table) entrySectors() uint64 {
	bytes := uint64(len(t.Entries) * t.entrySize)
	size := uint64(t.Geometry.SectorSize)
	return (bytes + size - 1) / size
}

// lastUsable is the last sector a partition may use on the disk as it is now.
func (t *Table) lastUsable() uint64 { return t.Geometry.Sectors - 2 - t.entrySectors() }

func (t *Table) encodeHeader(self, other, entriesAt uint64, entries []byte) []byte {
	h := make([]byte, t.Geometry.SectorSize)
	le := binary.LittleEndian
	copy(h, gptSignature)
	le.PutUint32(h[8:], gptRevision)
	le.PutUint32(h[12:], gptHeaderSize)
	le.PutUint64(h[24:], self)
	le.PutUint64(h[32:], other)
	le.PutUint64(h[40:], t.FirstUsable)
	le.PutUint64(h[48:], t.lastUsable())
	copy(h[56:], t.DiskGUID[:])
	le.PutUint64(h[72:], entriesAt)
	le.PutUint32(h[80:], uint32(len(t.Entries)))
	le.PutUint32(h[84:], uint32(t.entrySize))
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:gptHeaderSize]))
	return h
}

// Write writes both halves for the disk's present size: the backup at its very
// end first, then, once that is synced, the primary. It is durable on return.
func (t *Table) Write(dev Device) error {
	size := int64(t.Geometry.SectorSize)
	backup := t.Geometry.Sectors - 1
	entries := t.encodeEntries()
	padded := make([]byte, int64(t.entrySectors())*size)
	copy(padded, entries)
	halves := []struct{ header, other, entries uint64 }{
		{backup, primaryHeader, t.lastUsable() + 1},
		{primaryHeader, backup, primaryEntries},
	}
	for _, h := range halves {
		if _, err := dev.WriteAt(padded, int64(h.entries)*size); err != nil {
			return fmt.Errorf("gpt: write entries: %w", err)
		}
		if _, err := dev.WriteAt(t.encodeHeader(h.header, h.other, h.entries, entries), int64(h.header)*size); err != nil {
			return fmt.Errorf("gpt: write header: %w", err)
		}
		if err := dev.Sync(); err != nil {
			return fmt.Errorf("gpt: sync: %w", err)
		}
	}
	t.fromBackup, t.backupBad = false, false
	return t.updateMBR(dev)
}

// updateMBR brings the protective MBR's size up to date for other people's
// tools; nothing here reads it. The backup header that the image had at its own
// end is left where it is: it may lie in what is now the data partition, and
// nobody looks for a backup anywhere but at the end of the disk.
func (t *Table) updateMBR(dev Device) error {
	mbr := make([]byte, t.Geometry.SectorSize)
	if _, err := dev.ReadAt(mbr, 0); err != nil {
		return fmt.Errorf("gpt: read protective MBR: %w", err)
	}
	const firstRecord, protective = 446, 0xee
	size := uint32(min(t.Geometry.Sectors-1, 0xffffffff))
	le := binary.LittleEndian
	if mbr[510] != 0x55 || mbr[511] != 0xaa || mbr[firstRecord+4] != protective || le.Uint32(mbr[firstRecord+12:]) == size {
		return nil
	}
	le.PutUint32(mbr[firstRecord+12:], size)
	if _, err := dev.WriteAt(mbr, 0); err != nil {
		return fmt.Errorf("gpt: write protective MBR: %w", err)
	}
	return dev.Sync()
}

// alignment of partitions in bytes, as every partitioning tool does it.
const alignment = 1 << 20

// gap returns the largest free space, aligned.
func (t *Table) gap() (first, last uint64, ok bool) {
	align := uint64(alignment / t.Geometry.SectorSize)
	starts := []uint64{t.FirstUsable}
	for _, e := range t.Entries {
		if e.used() {
			starts = append(starts, e.Last+1)
		}
	}
	for _, s := range starts {
		s = (s + align - 1) / align * align
		end := t.lastUsable()
		for _, e := range t.Entries {
			if e.used() && e.Last >= s {
				end = min(end, e.First-1)
			}
		}
		if end > s && (!ok || end-s > last-first) {
			first, last, ok = s, end, true
		}
	}
	return first, last, ok
}

// add puts e into the first free slot and returns the partition's number.
func (t *Table) add(e Entry) (number int, err error) {
	for i := range t.Entries {
		if !t.Entries[i].used() {
			t.Entries[i] = e
			return i + 1, nil
		}
	}
	return 0, errors.New("gpt: no free slot")
}
