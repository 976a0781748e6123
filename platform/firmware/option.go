package firmware

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"

	"github.com/sanduk-mail/sanduk/platform/disk"
)

// Partition is where the loader stands.
type Partition struct {
	Number  uint32 // from 1
	First   uint64 // sector
	Sectors uint64
	GUID    disk.GUID
}

// Values of an entry (EFI_LOAD_OPTION, §3.1.3) and of the device path in it (§10.3).
const (
	attributeActive = 1
	typeMedia       = 4
	mediaHardDrive  = 1
	mediaFile       = 4
	partitionGPT    = 2
	signatureGUID   = 2
	typeEnd         = 0x7f
	endWhole        = 0xff
)

// option is the entry that starts file, such as \EFI\BOOT\BOOTX64.EFI, of a partition.
func option(description string, p Partition, file string) []byte {
	var drive bytes.Buffer
	for _, v := range []any{p.Number, p.First, p.Sectors, p.GUID, uint8(partitionGPT), uint8(signatureGUID)} {
		_ = binary.Write(&drive, binary.LittleEndian, v) // numbers into memory
	}
	path := node(typeMedia, mediaHardDrive, drive.Bytes())
	path = append(path, node(typeMedia, mediaFile, text(file))...)
	path = append(path, node(typeEnd, endWhole, nil)...)

	out := binary.LittleEndian.AppendUint32(nil, attributeActive)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(path)))
	out = append(out, text(description)...)
	return append(out, path...)
}

// node is one element of a device path: type, subtype, length with these four bytes, data.
func node(kind, subtype byte, data []byte) []byte {
	out := []byte{kind, subtype}
	out = binary.LittleEndian.AppendUint16(out, uint16(len(data)+4))
	return append(out, data...)
}

// text is UEFI's: UTF-16, little-endian, with a zero at the end.
func text(s string) []byte {
	var out []byte
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// described is the text in an entry, "" for what is none.
func described(entry []byte) string {
	const head = 6
	var units []uint16
	for i := head; i+1 < len(entry); i += 2 {
		u := binary.LittleEndian.Uint16(entry[i:])
		if u == 0 {
			return string(utf16.Decode(units))
		}
		units = append(units, u)
	}
	return ""
}
