package smart

import (
	"encoding/binary"
	"fmt"
	"math"
)

// nvmeSize is that of the log page SMART / Health Information.
const nvmeSize = 512

// Bits of its critical warning that mean that the disk fails: spare places are used up,
// it is no longer reliable, it takes no more writes, its memory's battery is gone. Bit 1,
// the temperature, is none of them.
const nvmeFailing = 1<<0 | 1<<2 | 1<<3 | 1<<4

// ParseNVMe reads the log page. ErrMalformed when it is not 512 bytes, or when it is
// empty as no disk that runs can be.
func ParseNVMe(data []byte) (Report, error) {
	r := unknown()
	if len(data) != nvmeSize {
		return r, fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	kelvin, spare, threshold := binary.LittleEndian.Uint16(data[1:]), data[3], data[4]
	if kelvin == 0 && spare == 0 && threshold == 0 {
		return r, fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	r.Failing = data[0]&nvmeFailing != 0 || spare < threshold
	if kelvin != 0 {
		r.Celsius = int(kelvin) - 273
	}
	r.Worn = int(data[5])
	r.Hours = wide(data[128:])
	r.Errors = wide(data[160:])
	return r, nil
}

// wide is a number of 16 bytes; what no int64 holds is the largest one.
func wide(b []byte) int64 {
	low, high := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if high != 0 || low > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(low)
}
