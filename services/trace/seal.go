package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// seal makes a segment of a file. A crash leaves the file, the file and the segment, or
// the segment; see find.
func (b *Book) seal(c *current) (*segment, error) {
	s := &segment{number: c.number, first: c.first, last: c.last}
	text, err := c.build(s)
	if err != nil {
		return nil, err
	}
	if err := durable.ReplaceBytes(b.opts.Files, segmentName(c.number), 0o600, text); err != nil {
		return nil, fmt.Errorf("trace: write segment: %w", err)
	}
	s.bytes = int64(len(text))
	if err := errors.Join(c.file.Close(), b.opts.Files.Remove(currentName(c.number))); err != nil {
		b.opts.Log.Warn("a file of the trace whose steps are in a segment is left; the next start removes it", "err", err)
	}
	return s, nil
}

// build makes the segment's bytes.
func (c *current) build(s *segment) ([]byte, error) {
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(blockBytes), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("trace: compress: %w", err)
	}
	var b, block, places []byte
	lists := map[token][]uint32{}
	first := uint32(0)
	flush := func() {
		places = binary.LittleEndian.AppendUint32(places, uint32(len(b)))
		places = binary.LittleEndian.AppendUint32(places, first)
		b = packer.EncodeAll(block, b)
		s.tables.blocks++
		block, first = block[:0], s.steps
	}
	err = c.each(func(at int64, step Step, _ int64) error {
		if at >= c.size {
			return nil
		}
		payload := step.encode()
		if len(block) > 0 && len(block)+len(payload) > blockBytes {
			flush()
		}
		block = append(binary.AppendUvarint(block, uint64(len(payload))), payload...)
		for _, t := range step.tokens() {
			lists[t] = append(lists[t], s.steps)
		}
		s.steps++
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(block) > 0 {
		flush()
	}
	s.tables.placesAt = uint32(len(b))
	b = append(b, places...)
	s.tables.tokensAt, s.tables.tokens = uint32(len(b)), uint32(len(lists))
	var packed []byte
	for _, t := range slices.Sorted(maps.Keys(lists)) {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(packed)))
		packed = appendList(packed, lists[t])
	}
	s.tables.listsAt = uint32(len(b))
	return s.appendFooter(append(b, packed...)), nil
}

// appendList is what parseList reads.
func appendList(b []byte, list []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	before := uint32(0)
	for _, n := range list {
		b = binary.AppendUvarint(b, uint64(n-before))
		before = n
	}
	return b
}
