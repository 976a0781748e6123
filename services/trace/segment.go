package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	blockBytes   = 64 << 10
	footerBytes  = 56
	segmentMagic = "SNDKTRC\x01"
	maxList      = 1 << 20 // steps of a segment: they are at least 34 bytes long
)

// segment is one that never changes. What is in memory of it is this.
type segment struct {
	number      uint32
	bytes       int64
	steps       uint32
	first, last time.Time
	tables      tables

	reader *reader // while somebody searches; nil else
}

// tables is where the parts of a segment stand.
type tables struct {
	blocks, tokens              uint32
	placesAt, tokensAt, listsAt uint32
}

// reader is an open segment.
type reader struct {
	file    durable.File
	decoder *zstd.Decoder // the book's
	places  []place
	block   int // of which text is; -1: none
	text    []byte
	ends    []int // in text, of each step
}

// place is where a block stands.
type place struct{ at, first uint32 }

func segmentName(number uint32) string { return fmt.Sprintf("%08d.trace", number) }

var errSegment = errors.New("trace: not a segment")

// findSegment reads the footer.
func findSegment(files durable.FS, number uint32) (*segment, error) {
	f, err := files.Open(segmentName(number))
	if err != nil {
		return nil, fmt.Errorf("trace: open segment: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("trace: open segment: %w", err)
	}
	footer := make([]byte, footerBytes)
	if info.Size() < footerBytes || info.Size() > 1<<31 {
		return nil, errSegment
	}
	if _, err := f.ReadAt(footer, info.Size()-footerBytes); err != nil {
		return nil, fmt.Errorf("trace: read segment: %w", err)
	}
	s := &segment{number: number, bytes: info.Size()}
	return s, s.parse(footer)
}

// parse reads a footer, and believes nothing that reaches beyond the file.
func (s *segment) parse(footer []byte) error {
	le := binary.LittleEndian
	if string(footer[:8]) != segmentMagic || le.Uint32(footer[48:]) != crc32.Checksum(footer[:48], castagnoli) {
		return errSegment
	}
	t := &s.tables
	s.steps, t.blocks, t.tokens = le.Uint32(footer[8:]), le.Uint32(footer[12:]), le.Uint32(footer[16:])
	t.placesAt, t.tokensAt, t.listsAt = le.Uint32(footer[20:]), le.Uint32(footer[24:]), le.Uint32(footer[28:])
	s.first, s.last = time.Unix(0, int64(le.Uint64(footer[32:]))), time.Unix(0, int64(le.Uint64(footer[40:])))
	ok := s.steps <= maxList && int64(t.placesAt)+8*int64(t.blocks) <= int64(t.tokensAt) &&
		int64(t.tokensAt)+8*int64(t.tokens) <= int64(t.listsAt) && int64(t.listsAt) <= s.bytes-footerBytes
	if !ok {
		return errSegment
	}
	return nil
}

// appendFooter is what parse reads.
func (s *segment) appendFooter(b []byte) []byte {
	le, from, t := binary.LittleEndian, len(b), s.tables
	b = append(b, segmentMagic...)
	for _, n := range []uint32{s.steps, t.blocks, t.tokens, t.placesAt, t.tokensAt, t.listsAt} {
		b = le.AppendUint32(b, n)
	}
	b = le.AppendUint64(le.AppendUint64(b, uint64(s.first.UnixNano())), uint64(s.last.UnixNano()))
	b = le.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
	return le.AppendUint32(b, 0)
}

func (s *segment) span() (a, b time.Time) { return s.first, s.last }

// open makes it ready for list and step, until close.
func (s *segment) open(b *Book) error {
	if s.reader != nil {
		return nil
	}
	decoder, err := b.unpacker()
	if err != nil {
		return err
	}
	f, err := b.opts.Files.Open(segmentName(s.number))
	if err != nil {
		return fmt.Errorf("trace: open segment: %w", err)
	}
	s.reader = &reader{file: f, decoder: decoder, block: -1}
	table := make([]byte, 8*s.tables.blocks)
	if _, err := f.ReadAt(table, int64(s.tables.placesAt)); err != nil {
		return errors.Join(fmt.Errorf("trace: read segment: %w", err), s.close())
	}
	for ; len(table) > 0; table = table[8:] {
		s.reader.places = append(s.reader.places, place{binary.LittleEndian.Uint32(table), binary.LittleEndian.Uint32(table[4:])})
	}
	return nil
}

func (s *segment) close() error {
	r := s.reader
	s.reader = nil
	if r == nil {
		return nil
	}
	return r.file.Close()
}

// nearby is how many tokens are read at once: hashes are spread evenly, so the place of
// one among n is known to within the root of n.
const nearby = 512

// list are the steps that a token names, in their order.
func (s *segment) list(t token) ([]uint32, error) {
	lo, hi := uint32(0), s.tables.tokens // where it stands if it is there
	buf := make([]byte, 8*nearby)
	for lo < hi {
		guess := uint32(uint64(t) * uint64(s.tables.tokens) >> 32)
		from := min(max(lo, guess-min(guess, nearby/2)), hi-1)
		if guess >= hi || guess < lo {
			from = lo + (hi-lo)/2
		}
		p := buf[:8*min(nearby, hi-from)]
		if _, err := s.reader.file.ReadAt(p, int64(s.tables.tokensAt)+8*int64(from)); err != nil {
			return nil, fmt.Errorf("trace: read tokens: %w", err)
		}
		n := uint32(len(p) / 8)
		at := func(i uint32) token { return token(binary.LittleEndian.Uint32(p[8*i:])) }
		switch {
		case t < at(0):
			hi = from
		case t > at(n-1):
			lo = from + n
		default:
			for i := range n {
				if at(i) == t {
					return s.readList(binary.LittleEndian.Uint32(p[8*i+4:]))
				}
			}
			return nil, nil
		}
	}
	return nil, nil
}

// readList reads a list at an offset of the lists.
func (s *segment) readList(offset uint32) ([]uint32, error) {
	begin := int64(s.tables.listsAt) + int64(offset)
	rest := s.bytes - footerBytes - begin
	size := int64(4 << 10) // most lists are shorter by far
	for {
		buf := make([]byte, min(size, max(rest, 0)))
		if _, err := s.reader.file.ReadAt(buf, begin); err != nil {
			return nil, fmt.Errorf("trace: read lists: %w", err)
		}
		list, whole := parseList(buf, s.steps)
		if whole || size >= rest {
			return list, nil
		}
		size *= 8
	}
}

// parseList reads a list as far as it makes sense; whole says whether b has all of it.
func parseList(b []byte, steps uint32) (list []uint32, whole bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(steps) {
		return nil, size < 0 || n > uint64(steps) // that is no list, and more bytes make it none
	}
	b = b[size:]
	list = make([]uint32, 0, min(n, uint64(len(b))))
	number := uint64(0)
	for i := range n {
		d, size := binary.Uvarint(b)
		if size <= 0 {
			return list, false
		}
		if number += d; number >= uint64(steps) || i > 0 && d == 0 {
			return list, true
		}
		list, b = append(list, uint32(number)), b[size:]
	}
	return list, true
}

// step reads one; steps that stand side by side cost one reading.
func (s *segment) step(number uint32) (Step, error) {
	b, err := s.raw(number)
	if err != nil {
		return Step{}, err
	}
	return decode(b)
}

// when is the time of a step, false if that can't be read.
func (s *segment) when(number uint32) (time.Time, bool) {
	b, err := s.raw(number)
	if err != nil {
		return time.Time{}, false
	}
	return timeOf(b)
}

// raw is a step as it is kept, until another is asked for.
func (s *segment) raw(number uint32) ([]byte, error) {
	r := s.reader
	lo, hi := 0, len(r.places) // the last block that begins at or before it
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; r.places[mid].first <= number {
			lo = mid
		} else {
			hi = mid
		}
	}
	if hi == 0 || r.places[lo].first > number {
		return nil, errSegment
	}
	if err := s.readBlock(lo); err != nil {
		return nil, err
	}
	i := int(number - r.places[lo].first)
	if i >= len(r.ends) {
		return nil, errSegment
	}
	begin := 0
	if i > 0 {
		begin = r.ends[i-1]
	}
	_, size := binary.Uvarint(r.text[begin:])
	return r.text[begin+size : r.ends[i]], nil
}

// cutBlock finds the steps in a block, as far as they make sense.
func (r *reader) cutBlock() {
	r.ends = r.ends[:0]
	for at := 0; at < len(r.text); {
		n, size := binary.Uvarint(r.text[at:])
		if size <= 0 || n > uint64(len(r.text)-at-size) {
			return
		}
		at += size + int(n)
		r.ends = append(r.ends, at)
	}
}

func (s *segment) readBlock(block int) error {
	r := s.reader
	if r.block == block {
		return nil
	}
	end := s.tables.placesAt
	if block+1 < len(r.places) {
		end = r.places[block+1].at
	}
	begin := r.places[block].at
	if begin > end || end > s.tables.placesAt || end-begin > 2*(blockBytes+maxStep) {
		return errSegment
	}
	packed := make([]byte, end-begin)
	if _, err := r.file.ReadAt(packed, int64(begin)); err != nil {
		return fmt.Errorf("trace: read block: %w", err)
	}
	text, err := r.decoder.DecodeAll(packed, r.text[:0])
	if err != nil {
		r.block = -1 // text may be half of it
		return fmt.Errorf("trace: block %d of segment %d is damaged: %w", block, s.number, err)
	}
	r.block, r.text = block, text
	r.cutBlock()
	return nil
}
