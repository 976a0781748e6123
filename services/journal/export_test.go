package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// SetSegmentVersion has the header of a segment say that it is of this version.
func SetSegmentVersion(b []byte, version uint16) {
	binary.LittleEndian.PutUint16(b[8:], version)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli()))
}
