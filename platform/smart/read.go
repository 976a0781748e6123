package smart

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// timeout of one command in milliseconds: a disk that has to wake up takes ten seconds.
const timeout = 20_000

// Read asks a whole disk, opened for reading. name is the kernel's ("sda", "nvme0n1"),
// solid that it has no platters. ErrSilent when it does not answer such questions. It
// needs the right to send commands to disks (CAP_SYS_RAWIO, CAP_SYS_ADMIN).
func Read(f *os.File, name string, solid bool) (Report, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return unknown(), fmt.Errorf("smart: ask %s: %w", name, err)
	}
	var r Report
	ask := func(fd uintptr) {
		if strings.HasPrefix(name, "nvme") {
			r, err = readNVMe(fd)
		} else {
			r, err = readATA(fd, solid)
		}
	}
	if failed := conn.Control(ask); failed != nil {
		err = failed
	}
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, errRefused):
		return unknown(), fmt.Errorf("%w: %s: %w", ErrSilent, name, err)
	}
	return unknown(), fmt.Errorf("smart: ask %s: %w", name, err)
}

// errRefused: the disk, or what stands between, does not know the command.
var errRefused = errors.New("the command was refused")

// nvmeCommand is struct nvme_admin_cmd of the kernel.
type nvmeCommand struct {
	opcode, flags                            uint8
	_                                        uint16
	nsid, cdw2, cdw3                         uint32
	metadata, addr                           uint64
	metadataLen, dataLen                     uint32
	cdw10, cdw11, cdw12, cdw13, cdw14, cdw15 uint32
	timeout, result                          uint32
}

const (
	nvmeAdmin      = 0xc0484e41 // NVME_IOCTL_ADMIN_CMD, _IOWR('N', 0x41, 72 bytes)
	nvmeGetLogPage = 0x02
	nvmeHealthPage = 0x02
	nvmeAllSpaces  = 0xffffffff
)

func readNVMe(fd uintptr) (Report, error) {
	data := make([]byte, nvmeSize)
	var pin runtime.Pinner
	pin.Pin(&data[0])
	defer pin.Unpin()
	c := nvmeCommand{
		opcode: nvmeGetLogPage, nsid: nvmeAllSpaces, addr: uint64(uintptr(unsafe.Pointer(&data[0]))), dataLen: nvmeSize,
		cdw10: nvmeHealthPage | (nvmeSize/4-1)<<16, timeout: timeout,
	}
	status, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, nvmeAdmin, uintptr(unsafe.Pointer(&c)))
	if errno != 0 {
		return unknown(), errno
	}
	if status != 0 { // the disk's own
		return unknown(), fmt.Errorf("%w: status %#x", errRefused, status)
	}
	return ParseNVMe(data)
}

// scsiCommand is struct sg_io_hdr of the kernel.
type scsiCommand struct {
	interfaceID, direction          int32
	cmdLen, maxSense                uint8
	_                               uint16
	dataLen                         uint32
	data, cmd, sense                uintptr
	timeout, flags                  uint32
	packID                          int32
	_                               uintptr
	status, masked, message, sensed uint8
	host, driver                    uint16
	resid                           int32
	duration, info                  uint32
}

const (
	sgIO       = 0x2285
	sgNone     = -1 // no data
	sgFrom     = -3 // data from the disk
	senseSize  = 64
	statusSent = 0x02 // CHECK CONDITION: with the status that was asked for, too
)

// ATA PASS-THROUGH (16), SAT-3 §12.2.2, around a SMART command.
const (
	passThrough16 = 0x85
	protocolNone  = 3 << 1
	protocolPIOIn = 4 << 1
	wantStatus    = 0x20 // CK_COND: give the registers back
	fromDisk      = 0x08 // T_DIR
	inBlocks      = 0x04 // BYT_BLOK
	lengthInCount = 0x02 // T_LENGTH
	smartCommand  = 0xb0
	smartReadData = 0xd0
	smartStatus   = 0xda
)

func readATA(fd uintptr, solid bool) (Report, error) {
	data := make([]byte, ataSize)
	sense, status, err := passATA(fd, smartReadData, data)
	if err != nil {
		return unknown(), err
	}
	if status != 0 {
		return unknown(), fmt.Errorf("%w: status %#x, sense % x", errRefused, status, sense[:8])
	}
	r, err := ParseATA(data, solid)
	if err != nil {
		return r, err
	}
	sense, _, err = passATA(fd, smartStatus, nil)
	if err != nil {
		return r, err
	}
	// A bridge that gives no registers back leaves the numbers, which say enough.
	if passed, err := Passed(sense); err == nil {
		r.Failing = !passed
	}
	return r, nil
}

// passATA sends one SMART command; with data it reads them.
func passATA(fd uintptr, feature byte, data []byte) (sense []byte, status uint8, err error) {
	cmd := make([]byte, 16)
	cmd[0], cmd[4], cmd[10], cmd[12], cmd[14] = passThrough16, feature, markLow, markHigh, smartCommand
	sense = make([]byte, senseSize)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&cmd[0])
	pin.Pin(&sense[0])
	c := scsiCommand{
		interfaceID: 'S', direction: sgNone, cmdLen: uint8(len(cmd)), maxSense: senseSize, timeout: timeout,
		cmd: uintptr(unsafe.Pointer(&cmd[0])), sense: uintptr(unsafe.Pointer(&sense[0])),
	}
	cmd[1], cmd[2] = protocolNone, wantStatus
	if data != nil {
		pin.Pin(&data[0])
		cmd[1], cmd[2], cmd[6] = protocolPIOIn, fromDisk|inBlocks|lengthInCount, byte(len(data)/512)
		c.direction, c.dataLen, c.data = sgFrom, uint32(len(data)), uintptr(unsafe.Pointer(&data[0]))
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, sgIO, uintptr(unsafe.Pointer(&c))); errno != 0 {
		return nil, 0, errno
	}
	if c.host != 0 || c.status != 0 && c.status != statusSent {
		return nil, 0, fmt.Errorf("%w: host %#x, status %#x", errRefused, c.host, c.status)
	}
	return sense, c.status, nil
}
