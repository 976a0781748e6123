package inflate

import (
	"math/bits"
	"sync"
)

const (
	maxCodeLen = 15  // bits of the longest code (RFC 1951 §3.2.7)
	maxLitLen  = 286 // symbols that a block may use; 286 and 287 have a fixed code only
	maxDist    = 30  // as maxLitLen; 30 and 31
	fastBits   = 9   // codes up to here are found by one look-up
)

// huffman decodes the canonical codes of RFC 1951 §3.2.2. Short codes, which are
// nearly all that occur, are looked up; longer ones are counted through, bit by
// bit, which needs no more than the symbols in order.
type huffman struct {
	fast    [1 << fastBits]uint16  // symbol<<4 | length, by the next bits; 0 where longer
	count   [maxCodeLen + 1]uint16 // codes of each length
	symbols [288]uint16            // in the order of their codes
}

// init sets the code up from the length of each symbol's code, where 0 is a symbol
// that isn't used. It reports whether these lengths are a code: as zlib's, a set
// may be incomplete only if it is empty or one code of one bit.
func (h *huffman) init(lengths []uint8) bool {
	*h = huffman{}
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	left, used := 1, 0
	var next, offset [maxCodeLen + 2]uint16
	for n := 1; n <= maxCodeLen; n++ {
		if left = left<<1 - int(h.count[n]); left < 0 {
			return false
		}
		used += int(h.count[n])
		next[n+1] = (next[n] + h.count[n]) << 1
		offset[n+1] = offset[n] + h.count[n]
	}
	if left > 0 && used > 0 && (used != 1 || h.count[1] != 1) {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[offset[n]] = uint16(symbol)
		offset[n]++
		code := next[n]
		next[n]++
		if n > fastBits {
			continue
		}
		// Codes come with their first bit lowest.
		first := bits.Reverse16(code) >> (16 - n)
		for i := int(first); i < len(h.fast); i += 1 << n {
			h.fast[i] = uint16(symbol)<<4 | uint16(n)
		}
	}
	return true
}

// decode finds the symbol that the low bits of b begin with, and the length of
// its code; 0 if it is none, or one that is longer than the n bits that there are.
func (h *huffman) decode(b uint64, n uint) (symbol, length uint) {
	if e := uint(h.fast[b&(1<<fastBits-1)]); e != 0 {
		if length = e & 15; length > n {
			return 0, 0
		}
		return e >> 4, length
	}
	code, first, index := 0, 0, 0
	for length = 1; length <= min(n, maxCodeLen); length++ {
		code |= int(b & 1)
		b >>= 1
		count := int(h.count[length])
		if code < first+count {
			return uint(h.symbols[index+code-first]), length
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, 0
}

// codes are the two codes of a block.
type codes struct{ litLen, dist huffman }

// fixed are those of a block that brings none (RFC 1951 §3.2.6).
var fixed = sync.OnceValue(func() *codes {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	c := new(codes)
	c.litLen.init(lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	c.dist.init(lengths[:32])
	return c
})
