package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// System is where the kernel shows its disks; "/sys" and "/dev" on the box.
type System struct {
	Sys, Dev string
}

// Disk is a whole disk of this machine.
type Disk struct {
	Name      string // the kernel's, "sda"
	Model     string
	Serial    string
	Removable bool
	Geometry  Geometry
}

// Bytes is the disk's size.
func (d Disk) Bytes() int64 { return int64(d.Geometry.Sectors) * int64(d.Geometry.SectorSize) }

// virtualDisks are never the box's own.
const virtualDisks = "loop ram zram sr fd dm- md nbd"

// Disks lists the disks present now, sorted by name.
func (s System) Disks() ([]Disk, error) {
	entries, err := os.ReadDir(filepath.Join(s.Sys, "block"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no block device yet
	}
	if err != nil {
		return nil, fmt.Errorf("disk: list: %w", err)
	}
	var list []Disk
	for _, e := range entries {
		if isVirtual(e.Name()) {
			continue
		}
		d, err := s.disk(e.Name())
		if err != nil || d.Geometry.Sectors == 0 {
			continue // vanished meanwhile, or a card reader without a card
		}
		list = append(list, d)
	}
	return list, nil
}

func isVirtual(name string) bool {
	for prefix := range strings.FieldsSeq(virtualDisks) {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (s System) disk(name string) (Disk, error) {
	d := Disk{Name: name}
	size, err := s.number(name, "size") // always in units of 512 bytes
	if err != nil {
		return d, err
	}
	sector, err := s.number(name, "queue/logical_block_size")
	if err != nil {
		return d, err
	}
	removable, _ := s.number(name, "removable") // absent: no
	d.Removable = removable == 1
	d.Geometry = Geometry{SectorSize: int(sector), Sectors: size * 512 / sector}
	d.Model = s.text(name, "device/model")
	d.Serial = s.text(name, "device/serial")
	if d.Serial == "" {
		d.Serial = s.text(name, "serial") // virtio
	}
	return d, nil
}

func (s System) attr(name, file string) string {
	return filepath.Join(s.Sys, "class/block", name, file)
}

func (s System) number(name, file string) (uint64, error) {
	n, err := strconv.ParseUint(s.text(name, file), 10, 63)
	if err != nil || n == 0 && file == "queue/logical_block_size" {
		return 0, fmt.Errorf("disk: %s of %s: %w", file, name, errors.Join(err, fs.ErrInvalid))
	}
	return n, nil
}

func (s System) text(name, file string) string {
	data, err := os.ReadFile(s.attr(name, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Path is the device of a disk or partition.
func (s System) Path(name string) string { return filepath.Join(s.Dev, name) }

// Open opens a whole disk for reading, or for writing its table.
func (s System) Open(d Disk, write bool) (*os.File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	return os.OpenFile(s.Path(d.Name), flag, 0)
}

// partitionName returns the kernel's name for partition number of a disk, ""
// when the kernel does not know it.
func (s System) partitionName(disk string, number int) string {
	entries, err := os.ReadDir(filepath.Join(s.Sys, "block", disk))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if n, err := s.number(e.Name(), "partition"); err == nil && strings.HasPrefix(e.Name(), disk) && int(n) == number {
			return e.Name()
		}
	}
	return ""
}

// Times of waiting for the kernel to make a device.
const (
	deviceTimeout = 5 * time.Second
	devicePoll    = 5 * time.Millisecond
)

// Announce makes the kernel know a partition as the table has it, and returns
// its device's path. BLKRRPART, the usual way, is refused while any partition
// of the disk is mounted.
func (s System) Announce(f *os.File, d Disk, number int, e Entry) (string, error) {
	sector := int64(d.Geometry.SectorSize)
	part := unix.BlkpgPartition{
		Start:  int64(e.First) * sector,
		Length: int64(e.Last-e.First+1) * sector,
		Pno:    int32(number),
	}
	op := int32(unix.BLKPG_ADD_PARTITION)
	if name := s.partitionName(d.Name, number); name != "" {
		size, _ := s.number(name, "size") // 0 when it cannot be read: then it is set
		if int64(size)*512 == part.Length {
			return s.waitDevice(name)
		}
		op = unix.BLKPG_RESIZE_PARTITION
	}
	arg := unix.BlkpgIoctlArg{Op: op, Datalen: int32(unsafe.Sizeof(part)), Data: (*byte)(unsafe.Pointer(&part))}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		return "", fmt.Errorf("disk: announce partition %d of %s: %w", number, d.Name, errno)
	}
	name := s.partitionName(d.Name, number)
	if name == "" {
		return "", fmt.Errorf("disk: partition %d of %s did not appear", number, d.Name)
	}
	return s.waitDevice(name)
}

// waitDevice waits for devtmpfs, which is a thread of its own in the kernel.
func (s System) waitDevice(name string) (string, error) {
	for deadline := time.Now().Add(deviceTimeout); ; time.Sleep(devicePoll) {
		_, err := os.Stat(s.Path(name))
		if err == nil {
			return s.Path(name), nil
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("disk: device of %s: %w", name, err)
		}
	}
}
