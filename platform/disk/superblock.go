package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// superblock is what the box needs to know of an ext4 super block.
type superblock struct {
	Label     string
	Blocks    uint64
	BlockSize uint32
	Mounts    uint16 // since the last check
	MountTime uint32 // 0: never
	replay    bool   // the journal holds something
}

// Layout of the ext4 super block, linux/fs/ext4/ext4.h.
const (
	superOffset   = 1024
	superSize     = 1024
	extMagic      = 0xef53
	needsRecovery = 0x4
	has64bit      = 0x80
	maxLogBlock   = 6 // 64 KiB
)

// backupSuper is where mke2fs puts the first copy with the block size in use
// here (group 1 begins at block 32768): read when the first kilobytes of a
// partition are gone.
const backupSuper = 32768 * 4096

// readSuperblock looks for an ext4 file system at byte offset start. It returns
// nil without an error when there is none.
func readSuperblock(dev Device, start int64) (*superblock, error) {
	return superblockAt(dev, start+superOffset)
}

// readBackupSuperblock looks for the first copy.
func readBackupSuperblock(dev Device, start int64) (*superblock, error) {
	return superblockAt(dev, start+backupSuper)
}

func superblockAt(dev Device, offset int64) (*superblock, error) {
	b := make([]byte, superSize)
	if _, err := dev.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("read super block: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint16(b[0x38:]) != extMagic || le.Uint32(b[0x18:]) > maxLogBlock {
		return nil, nil
	}
	s := &superblock{
		Label:     string(bytes.TrimRight(b[0x78:0x88], "\x00")),
		Blocks:    uint64(le.Uint32(b[0x4:])),
		BlockSize: 1024 << le.Uint32(b[0x18:]),
		Mounts:    le.Uint16(b[0x34:]),
		MountTime: le.Uint32(b[0x2c:]),
		replay:    le.Uint32(b[0x60:])&needsRecovery != 0,
	}
	if le.Uint32(b[0x60:])&has64bit != 0 {
		s.Blocks |= uint64(le.Uint32(b[0x150:])) << 32
	}
	return s, nil
}

// everMounted says whether the file system shows any trace of use. mke2fs
// leaves all of these at zero; the kernel sets them with the first mount.
func (s *superblock) everMounted() bool {
	return s.Mounts > 0 || s.MountTime > 0 || s.replay
}

// bytes is the file system's size.
func (s *superblock) bytes() uint64 { return s.Blocks * uint64(s.BlockSize) }
