package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
)

// Layout of the ext4 super block, continued.
const (
	superSum     = 0x3fc // of all that stands before it
	metadataCsum = 0x400 // in the features at 0x64
)

// variable is what a file system that is in use changes in its super block, or what is
// another in each copy: offset and length. All the rest stands there from the making.
var variable = [...][2]int{
	{0x0c, 8},    // free blocks, free inodes
	{0x2c, 12},   // time of mount, of the last write, number of mounts
	{0x3a, 2},    // state
	{0x40, 4},    // time of the last check
	{0x5a, 2},    // the group this copy is in
	{0x60, 1},    // of the features: the journal holds something
	{0x88, 64},   // where it was mounted
	{0xe8, 4},    // first of the inodes to be removed
	{0x158, 4},   // free blocks, the higher half
	{0x178, 8},   // how much was ever written
	{0x194, 108}, // errors that were found, and where
	{0x274, 10},  // the times' higher bytes, what the errors were
	{superSum, 4},
}

// MendTorn puts the super block of an ext4 file system together that a power cut has
// torn: its 1024 bytes are two sectors, which the kernel and e2fsck write in place, and
// of which the disk may have one as it was before. Either is right; only the checksum
// is of another. Torn it is if everything agrees with a copy but what changes in use;
// what is in use of it e2fsck counts anew in any case, and whether the journal holds
// something it asks the journal. Everything else is left to e2fsck, as is one that has
// no copy where the box's file systems have theirs.
//
// Without it e2fsck would take the copy, which is as old as the file system, and have to
// mend so much of what that says that real damage could not be told from it.
//
// The file system must not be mounted. It returns whether something was written, and
// that is durable then.
func MendTorn(path string) (mended bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, fmt.Errorf("disk: look at the super block: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	super, spare := make([]byte, superSize), make([]byte, superSize)
	if _, err := f.ReadAt(super, superOffset); err != nil {
		return false, fmt.Errorf("disk: read the super block: %w", err)
	}
	if _, err := f.ReadAt(spare, backupSuper); err != nil || !isTorn(super, spare) {
		return false, nil // what can't be read there is e2fsck's business
	}
	binary.LittleEndian.PutUint32(super[superSum:], sumOfSuper(super))
	if _, err := f.WriteAt(super[superSum:], superOffset+superSum); err != nil {
		return false, fmt.Errorf("disk: mend the super block: %w", err)
	}
	if err := f.Sync(); err != nil {
		return false, fmt.Errorf("disk: mend the super block: %w", err)
	}
	return true, nil
}

// isTorn says whether only the checksum of a super block is wrong.
func isTorn(super, spare []byte) bool {
	le := binary.LittleEndian
	whole := func(b []byte) bool {
		return le.Uint16(b[0x38:]) == extMagic && le.Uint32(b[0x64:])&metadataCsum != 0 && le.Uint32(b[superSum:]) == sumOfSuper(b)
	}
	if whole(super) || !whole(spare) {
		return false
	}
	a, b := bytes.Clone(super), bytes.Clone(spare)
	for _, at := range variable {
		clear(a[at[0] : at[0]+at[1]])
		clear(b[at[0] : at[0]+at[1]])
	}
	return bytes.Equal(a, b) && le.Uint32(super[0x60:])&^needsRecovery == le.Uint32(spare[0x60:])&^needsRecovery
}

// sumOfSuper is the checksum that belongs to a super block: CRC-32C without the last
// inversion, over what stands before it.
func sumOfSuper(b []byte) uint32 {
	return ^crc32.Checksum(b[:superSum], crc32.MakeTable(crc32.Castagnoli))
}
