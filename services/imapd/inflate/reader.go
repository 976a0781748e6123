package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	windowSize = 32 << 10 // how far back a match may reach (RFC 1951 §3.2.5)
	leastBlock = 256      // what the window begins with
	waitBuffer = 64       // held while nothing comes; most commands fit
	flowBuffer = 4 << 10  // used while reads are full
)

// ErrCorrupt is what errors about bytes that are no DEFLATE wrap.
var ErrCorrupt = errors.New("not DEFLATE")

// where the decoder stands.
type place uint8

const (
	atHeader place = iota // a block's first bits come next
	inStored
	inCodes
	atEnd // the final block is over
)

// Reader inflates what it reads. It is not safe for concurrent use.
type Reader struct {
	src io.Reader
	err error

	bits  uint64 // read and not used yet, the next one lowest
	nbits uint
	in    []byte // as bits, of wait or flow
	wait  [waitBuffer]byte
	flow  []byte // nil unless the last read was full
	full  bool

	place  place
	final  bool
	stored int    // bytes of the stored block to come
	codes  *codes // of the block

	window     []byte // grows to windowSize, then goes round
	next       int    // where the next byte goes in a window of full size
	copyLength int    // of a match, what is still to be given out
	copyDist   int
}

// NewReader inflates src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Read gives out at least one byte and whatever else can be decoded without
// waiting for src. Its errors are those of src, of which io.EOF before the end of
// the final block is io.ErrUnexpectedEOF, io.EOF after it, and ErrCorrupt; all of
// them come after everything before them has been given out, and stay.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	for n < len(p) && r.err == nil {
		if n > 0 && r.place == atHeader && r.copyLength == 0 {
			break // a block's tables may have to be waited for
		}
		more, wants := r.step(p[n:])
		n += more
		if wants && r.err == nil && len(r.in) == 0 {
			if n > 0 {
				break // before anything is waited for
			}
			r.fill()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// step decodes a little into p and says whether it wants more input for what comes
// next.
func (r *Reader) step(p []byte) (n int, wants bool) {
	if r.copyLength > 0 {
		return r.repeat(p), false
	}
	switch r.place {
	case atHeader:
		return 0, r.header()
	case inStored:
		return r.copyStored(p)
	case inCodes:
		return r.decode(p)
	}
	r.err = io.EOF
	return 0, false
}

// Finish reads to the end of the flush with which the last byte that Read gave out was
// sent, so that what comes next from src may be something else: to the beginning of
// the empty block that every flush is, or the end of the final block. What of it has
// come later than the beginning is in the same piece, and forgotten. Bytes that are to
// be given out before that are an error.
func (r *Reader) Finish() error {
	for r.err == nil && r.place != atEnd {
		var wants bool
		if r.place == atHeader && r.copyLength == 0 {
			if wants = r.header(); !wants {
				return r.err
			}
		} else {
			var one [1]byte
			n := 0
			if n, wants = r.step(one[:]); n > 0 {
				r.corrupt("more than was to come")
			}
		}
		if wants && r.err == nil {
			r.fill()
		}
	}
	if r.place == atEnd {
		return nil
	}
	return r.err
}

// fill reads from src, waiting if it has to. While nothing flows, the buffer is
// small and no tables are held.
func (r *Reader) fill() {
	buf := r.wait[:]
	if r.full {
		if r.flow == nil {
			r.flow = make([]byte, flowBuffer)
		}
		buf = r.flow
	} else {
		r.flow, r.in = nil, nil
	}
	for range 100 { // as bufio: a Reader that returns nothing for ever is broken
		n, err := r.src.Read(buf)
		if n > 0 {
			r.in, r.full = buf[:n], n == len(buf)
			return // an error comes again
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			r.err = err
			return
		}
	}
	r.err = io.ErrNoProgress
}

// refill takes as many bits as there is room for out of what has been read.
func (r *Reader) refill() {
	if len(r.in) >= 8 {
		r.bits |= binary.LittleEndian.Uint64(r.in) << r.nbits
		took := (63 - r.nbits) >> 3
		r.in = r.in[took:]
		r.nbits += took << 3
		// What lies above nbits is a part of the next byte, and comes again.
		r.bits &= 1<<r.nbits - 1
		return
	}
	for r.nbits <= 56 && len(r.in) > 0 {
		r.bits |= uint64(r.in[0]) << r.nbits
		r.in = r.in[1:]
		r.nbits += 8
	}
}

// has takes bits in until there are n, at most 56; false if that much has not come.
func (r *Reader) has(n uint) bool {
	if r.nbits < n {
		r.refill()
	}
	return r.nbits >= n
}

// take uses n bits, which are there.
func (r *Reader) take(n uint) uint {
	v := uint(r.bits & (1<<n - 1))
	r.bits >>= n
	r.nbits -= n
	return v
}

// must waits for n bits and uses them; 0 after an error.
func (r *Reader) must(n uint) uint {
	for r.err == nil && !r.has(n) {
		r.fill()
	}
	if r.err != nil {
		return 0
	}
	return r.take(n)
}

func (r *Reader) corrupt(what string) { r.err = fmt.Errorf("%w: %s", ErrCorrupt, what) }

// put keeps c for matches to come.
func (r *Reader) put(c byte) {
	if len(r.window) < windowSize {
		r.window = r.grown()
		r.window = append(r.window, c)
		return
	}
	r.window[r.next] = c
	r.next = (r.next + 1) & (windowSize - 1)
}

// grown is the window with room for a byte. It doubles up to its size and no
// further, which append would not promise.
func (r *Reader) grown() []byte {
	if len(r.window) < cap(r.window) {
		return r.window
	}
	larger := make([]byte, len(r.window), min(max(2*len(r.window), leastBlock), windowSize))
	copy(larger, r.window)
	return larger
}

// repeat gives out as much of the match as fits.
func (r *Reader) repeat(p []byte) int {
	n := min(r.copyLength, len(p))
	for i := range n {
		from := len(r.window) - r.copyDist
		if len(r.window) == windowSize {
			from = (r.next - r.copyDist) & (windowSize - 1)
		}
		p[i] = r.window[from]
		r.put(p[i])
	}
	r.copyLength -= n
	return n
}

// copyStored gives out bytes of a block that is not compressed.
func (r *Reader) copyStored(p []byte) (n int, wants bool) {
	for n < len(p) && r.stored > 0 {
		if !r.has(8) {
			return n, true
		}
		p[n] = byte(r.take(8))
		r.put(p[n])
		r.stored--
		n++
	}
	if r.stored == 0 {
		r.endBlock()
	}
	return n, false
}

func (r *Reader) endBlock() {
	r.codes = nil
	r.place = atHeader
	if r.final {
		r.place = atEnd
	}
}
