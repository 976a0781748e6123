package disk

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// shortEntry returns one 32-byte directory entry.
func shortEntry(name [11]byte, attr byte, cluster, size uint32) []byte {
	b := make([]byte, 32)
	le := binary.LittleEndian
	copy(b, name[:])
	b[11] = attr
	le.PutUint16(b[16:], date) // made
	le.PutUint16(b[18:], date) // read
	le.PutUint16(b[20:], uint16(cluster>>16))
	le.PutUint16(b[24:], date) // written
	le.PutUint16(b[26:], uint16(cluster))
	le.PutUint32(b[28:], size)
	return b
}

// shortName returns the 8.3 name for a file, different from those taken, and whether the file needs long entries as
// well because the short name does not say it all.
func shortName(name string, taken map[[11]byte]bool) (short [11]byte, long bool) {
	base, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		base, ext = name[:i], name[i+1:]
	}
	plainBase, plainExt := dosName(base), dosName(ext)
	fits := len(base) <= 8 && len(ext) <= 3 && plainBase == base && plainExt == ext
	if len(plainExt) > 3 {
		plainExt = plainExt[:3]
	}
	for n := 0; ; n++ {
		b := plainBase
		if n > 0 || !fits {
			tail := fmt.Sprintf("~%d", max(n, 1))
			b = b[:min(len(b), 8-len(tail))] + tail
		}
		short = [11]byte([]byte(fmt.Sprintf("%-8s%-3s", b, plainExt)))
		if !taken[short] {
			taken[short] = true
			return short, !fits || n > 0
		}
		n = max(n, 1)
	}
}

// dosName turns a name into the characters that short names have: upper case, no dots or spaces, odd ones as "_".
func dosName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == ' ':
			return -1
		case strings.ContainsRune("+,;=[]", r):
			return '_'
		}
		return r
	}, strings.ToUpper(name))
}

// longEntries returns the entries that hold a long name; they stand before the short one, last piece first.
func longEntries(name string, short [11]byte) []byte {
	const piece = 13 // characters in one entry
	units := utf16.Encode([]rune(name))
	count := (len(units) + piece - 1) / piece
	sum := checksum(short)
	var b []byte
	for i := count; i >= 1; i-- {
		e := make([]byte, 32)
		e[0] = byte(i)
		if i == count {
			e[0] |= 0x40
		}
		e[11] = attrLong
		e[13] = sum
		for j := range piece {
			at := 1 + 2*j
			switch {
			case j >= 11:
				at = 28 + 2*(j-11)
			case j >= 5:
				at = 14 + 2*(j-5)
			}
			unit := uint16(0xffff) // padding behind the final zero
			if k := (i-1)*piece + j; k < len(units) {
				unit = units[k]
			} else if k == len(units) {
				unit = 0
			}
			binary.LittleEndian.PutUint16(e[at:], unit)
		}
		b = append(b, e...)
	}
	return b
}

// checksum ties long entries to their short one.
func checksum(short [11]byte) byte {
	var sum byte
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}
