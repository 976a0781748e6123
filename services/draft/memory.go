package draft

import (
	"io"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// blockSize is what the memory of drafts is taken in. It fits most messages, and
// is used again for the next one without being cleared.
const blockSize = 16 << 10

// smallDraft is up to where a draft may use all of the budget. Beyond it only
// half: a few large ones must not send all small ones to files.
const smallDraft = 256 << 10

// memory is the bytes of a draft, in blocks that belong to the spool.
type memory []*[blockSize]byte

// grow makes room for size bytes, or says that there is none.
func (s *Spool) grow(m *memory, size int64) bool {
	blocks := int((size + blockSize - 1) / blockSize)
	more := int64(blocks-len(*m)) * blockSize
	if more == 0 {
		return true
	}
	budget := int64(MemoryBudget)
	if size > smallDraft {
		budget /= 2
	}
	if size > MemoryLimit {
		return false
	}
	if s.memory.Add(more) > budget {
		s.memory.Add(-more)
		return false
	}
	for len(*m) < blocks {
		b, ok := s.blocks.Get().(*[blockSize]byte)
		if !ok {
			b = new([blockSize]byte)
		}
		*m = append(*m, b)
	}
	return true
}

// scanShare is what looking at a message may take in any case: ordinary ones take
// less, and a thousand of them side by side still fit.
const scanShare = 16 << 10

// errScanning is told to who sends a message with an enormous header while many
// others do.
var errScanning = &mail.Refusal{Status: mail.Status4_3_1SystemFull, Text: "The server's memory is used up just now, try again later"}

// scan counts what looking at one message takes up: now, where it was held. It
// refuses the message if that is much and all together take more than ScanBudget.
func (s *Spool) scan(held *int64, now int64) error {
	if now == *held {
		return nil
	}
	sum := s.scanning.Add(now - *held)
	*held = now
	if now > scanShare && sum > ScanBudget {
		return errScanning
	}
	return nil
}

// unscan gives back what scan has counted.
func (s *Spool) unscan(held *int64) {
	s.scanning.Add(-*held)
	*held = 0
}

// release gives all blocks back. Nobody reads them any more.
func (s *Spool) release(m *memory) {
	s.memory.Add(-int64(len(*m)) * blockSize)
	for _, b := range *m {
		s.blocks.Put(b)
	}
	*m = nil
}

// writeAt puts p at an offset for which there is room.
func (m memory) writeAt(p []byte, at int64) {
	for len(p) > 0 {
		n := copy(m[at/blockSize][at%blockSize:], p)
		p, at = p[n:], at+int64(n)
	}
}

// ReadAt reads what grow made room for.
func (m memory) ReadAt(p []byte, at int64) (int, error) {
	done := 0
	for done < len(p) {
		if at/blockSize >= int64(len(m)) {
			return done, io.EOF
		}
		n := copy(p[done:], m[at/blockSize][at%blockSize:])
		done, at = done+n, at+int64(n)
	}
	return done, nil
}
