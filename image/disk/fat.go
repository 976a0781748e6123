package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// File is a file on the EFI system partition.
type File struct {
	Path string // with slashes, without a leading one: EFI/Linux/sanduk_1.0.efi
	Data []byte
}

// Volume says what a FAT32 file system looks like.
type Volume struct {
	Size   int64  // bytes
	Label  string // at most 11 upper-case characters
	Serial uint32
	Hidden uint32 // sectors before the file system on the disk
}

const (
	sectorSize  = 512
	clusterSize = 4096
	perCluster  = clusterSize / sectorSize
	// reserved sectors in front of the first FAT: boot sector, information sector, and copies of both at 6.
	reserved   = 32
	backupBoot = 6
	fats       = 2
	rootStart  = 2          // the first cluster there is
	endOfChain = 0x0fffffff // also the marker in entry 1
	media      = 0xf8       // "fixed disk"
	// minClusters and maxClusters bound FAT32: with fewer, readers take it for FAT16.
	minClusters = 65525
	maxClusters = 0x0ffffff5
	// date is 1 January 1980, the earliest that FAT knows: times in an image would only vary.
	date = 1<<5 | 1

	attrLabel   = 0x08
	attrDir     = 0x10
	attrArchive = 0x20
	attrLong    = 0x0f
)

// WriteFAT writes a new FAT32 file system with the files to w, which must be all zero there.
func WriteFAT(w io.WriterAt, v Volume, files []File) error {
	fw, err := newFAT(w, v)
	if err != nil {
		return fmt.Errorf("FAT file system: %w", err)
	}
	root, err := tree(files)
	if err != nil {
		return fmt.Errorf("FAT file system: %w", err)
	}
	if err := fw.writeDir(root, rootStart, 0, v.Label); err != nil {
		return fmt.Errorf("FAT file system: %w", err)
	}
	if err := fw.finish(v); err != nil {
		return fmt.Errorf("FAT file system: %w", err)
	}
	return nil
}

// node is a file, or a directory when children is not nil.
type node struct {
	name     string
	data     []byte
	children map[string]*node // by upper-case name: FAT does not tell cases apart
}

// tree sorts files into directories.
func tree(files []File) (*node, error) {
	root := &node{children: make(map[string]*node)}
	for _, f := range files {
		dir := root
		parts := strings.Split(f.Path, "/")
		for i, name := range parts {
			if err := checkName(name); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Path, err)
			}
			key := strings.ToUpper(name)
			next := dir.children[key]
			last := i == len(parts)-1
			switch {
			case next == nil && last:
				next = &node{name: name, data: f.Data}
				dir.children[key] = next
			case next == nil:
				next = &node{name: name, children: make(map[string]*node)}
				dir.children[key] = next
			case last || next.children == nil:
				return nil, fmt.Errorf("%s: the name is taken", f.Path)
			}
			dir = next
		}
	}
	return root, nil
}

// checkName allows the characters that our own file names have; nothing here needs more.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 255 {
		return fmt.Errorf("bad name %q", name)
	}
	for _, r := range name {
		if r > 0x7e || r <= ' ' || strings.ContainsRune(`"*/:<>?\|`, r) {
			return fmt.Errorf("bad character %q in the name %q", r, name)
		}
	}
	return nil
}

// fat writes one file system.
type fat struct {
	w         io.WriterAt
	table     []uint32 // in memory until finish
	fatSize   uint32   // sectors of one FAT
	firstData int64    // byte offset of cluster 2
	next      uint32   // next free cluster
	sectors   uint32
}

func newFAT(w io.WriterAt, v Volume) (*fat, error) {
	if v.Size%sectorSize != 0 {
		return nil, fmt.Errorf("size %d is not a multiple of %d", v.Size, sectorSize)
	}
	if v.Label == "" || len(v.Label) > 11 || v.Label != strings.ToUpper(v.Label) {
		return nil, fmt.Errorf("label %q: 1 to 11 upper-case characters", v.Label)
	}
	sectors := v.Size / sectorSize
	// Each cluster costs eight sectors and four bytes in each FAT; rounding up wastes at most a sector. The FAT is
	// rounded to whole clusters so that clusters lie on 4 KiB boundaries of the disk, as flash memory likes.
	fatSize := (sectors/perCluster*4 + sectorSize - 1) / sectorSize
	fatSize = (fatSize + perCluster - 1) / perCluster * perCluster
	clusters := (sectors - reserved - fats*fatSize) / perCluster
	if clusters < minClusters || clusters > maxClusters {
		return nil, fmt.Errorf("%d bytes make %d clusters, not possible with FAT32", v.Size, clusters)
	}
	f := &fat{
		w:         w,
		table:     make([]uint32, clusters+2),
		fatSize:   uint32(fatSize),
		firstData: (reserved + fats*fatSize) * sectorSize,
		next:      rootStart,
		sectors:   uint32(sectors),
	}
	f.table[0] = 0x0fffff00 | media
	f.table[1] = endOfChain
	if _, err := f.allocate(0); err != nil { // the root's first cluster
		return nil, err
	}
	return f, nil
}

var errFull = errors.New("the files do not fit")

// allocate takes clusters in a row for size bytes, at least one.
func (f *fat) allocate(size int) (uint32, error) {
	n := max(1, (size+clusterSize-1)/clusterSize)
	if int(f.next)+n > len(f.table) {
		return 0, errFull
	}
	first := f.next
	for i := range n - 1 {
		f.table[int(first)+i] = first + uint32(i) + 1
	}
	f.table[int(first)+n-1] = endOfChain
	f.next += uint32(n)
	return first, nil
}

func (f *fat) offset(cluster uint32) int64 {
	return f.firstData + int64(cluster-rootStart)*clusterSize
}

// writeDir writes a directory into the cluster self, and everything below it. parent is the cluster of the directory
// above; 0 stands for the root, as the format wants it. label is given for the root.
func (f *fat) writeDir(dir *node, self, parent uint32, label string) error {
	var b bytes.Buffer
	if label != "" {
		b.Write(shortEntry([11]byte([]byte(fmt.Sprintf("%-11s", label))), attrLabel, 0, 0))
	} else {
		b.Write(shortEntry([11]byte([]byte(".          ")), attrDir, self, 0))
		b.Write(shortEntry([11]byte([]byte("..         ")), attrDir, parent, 0))
	}
	names := make([]string, 0, len(dir.children))
	for key := range dir.children {
		names = append(names, key)
	}
	slices.Sort(names)
	taken := make(map[[11]byte]bool)
	for _, key := range names {
		child := dir.children[key]
		entry, err := f.writeChild(child, self, label != "", taken)
		if err != nil {
			return err
		}
		b.Write(entry)
	}
	if b.Len() > clusterSize {
		return fmt.Errorf("directory %q has too many entries for one cluster", dir.name)
	}
	_, err := f.w.WriteAt(b.Bytes(), f.offset(self))
	return err
}

// writeChild writes a file or a directory and returns its entry in the directory above, whose cluster is self.
func (f *fat) writeChild(child *node, self uint32, inRoot bool, taken map[[11]byte]bool) ([]byte, error) {
	short, long := shortName(child.name, taken)
	var entry []byte
	if long {
		entry = longEntries(child.name, short)
	}
	if child.children != nil {
		cluster, err := f.allocate(0)
		if err != nil {
			return nil, err
		}
		parent := self
		if inRoot {
			parent = 0
		}
		if err := f.writeDir(child, cluster, parent, ""); err != nil {
			return nil, err
		}
		return append(entry, shortEntry(short, attrDir, cluster, 0)...), nil
	}
	if len(child.data) == 0 { // an empty file has no cluster
		return append(entry, shortEntry(short, attrArchive, 0, 0)...), nil
	}
	if int64(len(child.data)) > 0xffffffff {
		return nil, fmt.Errorf("%s is too large for FAT", child.name)
	}
	cluster, err := f.allocate(len(child.data))
	if err != nil {
		return nil, err
	}
	if _, err := f.w.WriteAt(child.data, f.offset(cluster)); err != nil {
		return nil, err
	}
	return append(entry, shortEntry(short, attrArchive, cluster, uint32(len(child.data)))...), nil
}

// finish writes both FATs, the boot sector, the information sector, and the copies of these two.
func (f *fat) finish(v Volume) error {
	raw := make([]byte, 4*len(f.table))
	for i, next := range f.table {
		binary.LittleEndian.PutUint32(raw[4*i:], next)
	}
	// What is free is zero and stays a hole in the file.
	used := raw[:4*f.next]
	for i := range int64(fats) {
		if _, err := f.w.WriteAt(used, (reserved+i*int64(f.fatSize))*sectorSize); err != nil {
			return err
		}
	}
	boot, info := f.bootSector(v), f.infoSector()
	for _, at := range []int64{0, backupBoot} {
		if _, err := f.w.WriteAt(boot, at*sectorSize); err != nil {
			return err
		}
		if _, err := f.w.WriteAt(info, (at+1)*sectorSize); err != nil {
			return err
		}
	}
	return nil
}

func (f *fat) bootSector(v Volume) []byte {
	b := make([]byte, sectorSize)
	le := binary.LittleEndian
	copy(b, []byte{0xeb, 0x58, 0x90}) // a jump over the fields, which readers look for
	copy(b[3:], "SANDUK  ")
	le.PutUint16(b[11:], sectorSize)
	b[13] = perCluster
	le.PutUint16(b[14:], reserved)
	b[16] = fats
	b[21] = media
	le.PutUint16(b[24:], 63)  // sectors per track, for BIOS readers
	le.PutUint16(b[26:], 255) // heads
	le.PutUint32(b[28:], v.Hidden)
	le.PutUint32(b[32:], f.sectors)
	le.PutUint32(b[36:], f.fatSize)
	le.PutUint32(b[44:], rootStart)
	le.PutUint16(b[48:], 1) // the information sector
	le.PutUint16(b[50:], backupBoot)
	b[64] = 0x80 // drive number
	b[66] = 0x29 // serial, label and type follow
	le.PutUint32(b[67:], v.Serial)
	copy(b[71:], fmt.Sprintf("%-11s", v.Label))
	copy(b[82:], "FAT32   ")
	// On a machine that starts in BIOS mode: stop, instead of running into zeros.
	copy(b[90:], []byte{0xfa, 0xf4, 0xeb, 0xfd}) // cli; hlt; jmp back to hlt
	copy(b[510:], []byte{0x55, 0xaa})
	return b
}

func (f *fat) infoSector() []byte {
	b := make([]byte, sectorSize)
	le := binary.LittleEndian
	copy(b, "RRaA")
	copy(b[484:], "rrAa")
	le.PutUint32(b[488:], uint32(len(f.table))-f.next) // free clusters
	le.PutUint32(b[492:], f.next)                      // where to look for a free one
	copy(b[510:], []byte{0x55, 0xaa})
	return b
}

// free returns how many bytes are left on a new file system with the files.
func (v Volume) free(files []File) (int64, error) {
	f, err := newFAT(discard{}, v)
	if err != nil {
		return 0, err
	}
	root, err := tree(files)
	if err != nil {
		return 0, err
	}
	if err := f.writeDir(root, rootStart, 0, v.Label); err != nil {
		return 0, err
	}
	return int64(len(f.table)-int(f.next)) * clusterSize, nil
}

type discard struct{}

func (discard) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
