package journal

import (
	"errors"
	"io"
	"syscall"
)

// sieveBlock is what a disk gives or doesn't give in one piece.
const sieveBlock = 4096

// sieve reads a file of which the disk does not give every block: such a block
// reads as zeros, for which no CRC stands up. So one bad block costs what is in
// it, and not the 64 MiB around it.
type sieve struct {
	f      io.ReaderAt
	missed bool    // a block
	blocks []int64 // offsets of those
}

func (s *sieve) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.f.ReadAt(p, off)
	if !errors.Is(err, syscall.EIO) {
		return n, err
	}
	for n = 0; n < len(p); {
		at := off + int64(n)
		piece := p[n:min(len(p), n+int(sieveBlock-at%sieveBlock))]
		m, err := s.f.ReadAt(piece, at)
		switch {
		case errors.Is(err, syscall.EIO):
			clear(piece)
			s.missed = true
			s.blocks = append(s.blocks, at-at%sieveBlock)
			m = len(piece)
		case err != nil:
			return n + m, err
		}
		n += m
	}
	return n, nil
}
