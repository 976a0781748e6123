package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

const (
	// frameSize is how much of a body is compressed and checked as one piece. A
	// read at any offset costs at most one piece; compressing 128 KiB at a time
	// costs less than 1 % of size against compressing the whole.
	frameSize = 128 << 10
	// LargeBody is the size from which on a body is written to its own segment
	// by whoever brings it, so that it holds up nobody else's commit.
	LargeBody = 256 << 10
	// smallFrame is the largest piece that is kept as it is: compressing a letter
	// takes a third of all the work there is with it, from SMTP to the disk, and
	// letters are a small part of the bytes of mail.
	smallFrame = 8 << 10
	// minGain: a piece is kept compressed when this part of it is saved. Less
	// isn't worth the work on every read.
	minGain = 10 // one tenth
	// compressedBit marks a frame's length.
	compressedBit = 1 << 31
)

// newCodec makes the compressor and decompressor of a journal.
func newCodec(workers int) (*zstd.Encoder, *zstd.Decoder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(workers),
		zstd.WithWindowSize(frameSize), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
		// Without it base64, most of the bytes of mail, is taken for incompressible; with it a quarter is saved.
		zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		return nil, nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(workers), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(frameSize), zstd.WithDecoderMaxWindow(frameSize))
	return enc, dec, err
}

// frameWriter turns a body into frames.
type frameWriter struct {
	enc    *zstd.Encoder
	raw    []byte
	packed []byte
	table  []byte // the frames' entries
	size   int64
}

// next reads the next frame of r, which holds size bytes, and gives it as it
// goes to disk; nil at the end. The bytes are good until the next call.
func (w *frameWriter) next(r io.ReaderAt, size int64) ([]byte, error) {
	n := min(size-w.size, frameSize)
	if n == 0 {
		return nil, nil
	}
	if int64(cap(w.raw)) < n {
		w.raw = make([]byte, n)
	}
	raw := w.raw[:n]
	if m, err := r.ReadAt(raw, w.size); m < len(raw) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read body at %d: %w", w.size, err)
	}
	w.size += n
	stored, mark := raw, uint32(0)
	if n > smallFrame {
		w.packed = w.enc.EncodeAll(raw, w.packed[:0])
		if len(w.packed) <= len(raw)-len(raw)/minGain {
			stored, mark = w.packed, compressedBit
		}
	}
	w.table = binary.LittleEndian.AppendUint32(w.table, uint32(len(stored))|mark)
	w.table = binary.LittleEndian.AppendUint32(w.table, crc32.Checksum(stored, castagnoli()))
	return stored, nil
}

// appendTable ends a body part: the frames' entries and the trailer.
func appendTable(b, table []byte, size int64, h *segmentHeader, lsn LSN, ordinal uint32) []byte {
	b = append(b, table...)
	at := len(b)
	le := binary.LittleEndian
	b = le.AppendUint64(b, uint64(size))
	b = le.AppendUint32(b, uint32(len(table)/frameEntry))
	b = le.AppendUint32(b, frameSize)
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, h.sum(bodyPlace(lsn, ordinal), table, b[at:]))
}

// bodyPlace ties a body part to its record, so that what an earlier, cut off record
// left behind never passes for it.
func bodyPlace(lsn LSN, ordinal uint32) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 12), uint64(lsn))
	return binary.LittleEndian.AppendUint32(b, ordinal)
}

// frames is the table of a body part as it is read back.
type frames struct {
	size      int64   // of the body
	frameSize int64   // of body in one frame
	offsets   []int64 // in the file: where each frame begins, and where the last ends
	packed    []bool
	sums      []uint32
}

// readFrames reads the table of the record's body part, which begins at the
// offset begin of the segment.
func (h *segmentHeader) readFrames(f io.ReaderAt, r *recordHeader, begin int64) (*frames, error) {
	if r.body < trailerSize {
		return nil, fmt.Errorf("body table: %w", ErrDamaged)
	}
	var trailer [trailerSize]byte
	if _, err := f.ReadAt(trailer[:], begin+r.body-trailerSize); err != nil {
		return nil, noEOF(err)
	}
	le := binary.LittleEndian
	count := int64(le.Uint32(trailer[8:]))
	if count*frameEntry > r.body-trailerSize {
		return nil, fmt.Errorf("body table: %w", ErrDamaged)
	}
	table := make([]byte, count*frameEntry)
	if _, err := f.ReadAt(table, begin+r.body-trailerSize-int64(len(table))); err != nil {
		return nil, noEOF(err)
	}
	if le.Uint32(trailer[20:]) != h.sum(bodyPlace(r.lsn, r.ordinal), table, trailer[:20]) {
		return nil, fmt.Errorf("body table: %w", ErrDamaged)
	}
	fr := &frames{size: int64(le.Uint64(trailer[:])), frameSize: int64(le.Uint32(trailer[12:])), offsets: make([]int64, 0, count+1)}
	at := begin
	for e := range count {
		entry := table[e*frameEntry:]
		fr.offsets = append(fr.offsets, at)
		fr.packed = append(fr.packed, le.Uint32(entry)&compressedBit != 0)
		fr.sums = append(fr.sums, le.Uint32(entry[4:]))
		at += int64(le.Uint32(entry) &^ compressedBit)
	}
	fr.offsets = append(fr.offsets, at)
	if at != begin+r.body-trailerSize-int64(len(table)) || fr.frameSize <= 0 || fr.frameSize > frameSize ||
		(fr.size+fr.frameSize-1)/fr.frameSize != count {
		return nil, fmt.Errorf("body table: %w", ErrDamaged)
	}
	return fr, nil
}

// length is how much of the body the frame holds.
func (fr *frames) length(i int) int64 { return min(fr.frameSize, fr.size-int64(i)*fr.frameSize) }

// stored gives frame i as it is on disk.
func (fr *frames) stored(f io.ReaderAt, i int) ([]byte, error) { return fr.storedIn(f, i, nil) }

// storedIn does so in buf if that is large enough.
func (fr *frames) storedIn(f io.ReaderAt, i int, buf []byte) ([]byte, error) {
	// The writer never keeps a frame that is longer than what it holds.
	n := fr.offsets[i+1] - fr.offsets[i]
	if n > fr.frameSize {
		return nil, fmt.Errorf("body frame %d: %w", i, ErrDamaged)
	}
	b := slices.Grow(buf[:0], int(n))[:n]
	if _, err := f.ReadAt(b, fr.offsets[i]); err != nil {
		return nil, noEOF(err)
	}
	if crc32.Checksum(b, castagnoli()) != fr.sums[i] {
		return nil, fmt.Errorf("body frame %d: %w", i, ErrDamaged)
	}
	return b, nil
}

// read gives frame i of the body, in buf if that is large enough.
func (fr *frames) read(f io.ReaderAt, dec *zstd.Decoder, i int, buf []byte) ([]byte, error) {
	stored, err := fr.stored(f, i)
	if err != nil {
		return nil, err
	}
	if !fr.packed[i] {
		if int64(len(stored)) != fr.length(i) {
			return nil, fmt.Errorf("body frame %d: %w", i, ErrDamaged)
		}
		return stored, nil
	}
	raw, err := dec.DecodeAll(stored, buf[:0])
	if err != nil || int64(len(raw)) != fr.length(i) {
		return nil, fmt.Errorf("body frame %d: unpack: %w", i, ErrDamaged)
	}
	return raw, nil
}

// noEOF makes the end of a file, where the table says that there is more, what
// it is.
func noEOF(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: the file ends too soon", ErrDamaged)
	}
	return err
}
