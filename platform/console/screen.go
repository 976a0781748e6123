package console

import (
	"bytes"
	"fmt"
	"io"
)

const (
	// Default size, when a terminal doesn't know its own.
	defaultWidth, defaultHeight = 80, 25
	// maxSize bounds what a terminal may claim.
	maxSize = 1000
)

// Control sequences of the Linux console; a VT220 on a serial line ignores the
// ones it does not know.
const (
	seqUTF8      = "\x1b%G"
	seqNoBlank   = "\x1b[9;0]\x1b[14;0]" // never go dark: the screen is the manual
	seqNoCursor  = "\x1b[?25l"
	seqCursor    = "\x1b[?25h"
	seqPlain     = "\x1b[0m"
	seqNoWrap    = "\x1b[?7l" // the last column of the last row must not scroll
	seqWrap      = "\x1b[?7h"
	seqClear     = "\x1b[2J"
	seqHome      = "\x1b[H"
	seqLine      = "\x1b[%d;1H"
	seqClearRest = "\x1b[K"
)

// Screen draws a State on a terminal that can move its cursor. It is not safe
// for concurrent use.
type Screen struct {
	w    io.Writer
	size func() (width, height int)

	ready         bool
	width, height int // of the last picture
}

// NewScreen draws on w; size is asked before each picture (nil, or zeros: 80×25).
func NewScreen(w io.Writer, size func() (width, height int)) *Screen {
	return &Screen{w: w, size: size}
}

// Show draws the whole picture in place, in one write. Drawing it again repairs
// what kernel messages did to it.
func (s *Screen) Show(state State) error {
	width, height := s.measure()
	var b bytes.Buffer
	b.WriteString(seqUTF8 + seqNoCursor + seqNoWrap + seqPlain)
	if !s.ready || width != s.width || height != s.height {
		b.WriteString(seqNoBlank + seqClear)
	}
	b.WriteString(seqHome)
	for i, line := range paint(state, Render(state, width, height)) {
		fmt.Fprintf(&b, seqLine, i+1)
		b.WriteString(line)
		b.WriteString(seqPlain + seqClearRest)
	}
	if _, err := s.w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("draw console: %w", err)
	}
	s.ready, s.width, s.height = true, width, height
	return nil
}

// Refresh draws again.
func (s *Screen) Refresh(state State) error { return s.Show(state) }

// Close gives the terminal back: cursor and line wrapping on, screen cleared.
func (s *Screen) Close() error {
	if _, err := io.WriteString(s.w, seqPlain+seqWrap+seqCursor+seqClear+seqHome); err != nil {
		return fmt.Errorf("leave console: %w", err)
	}
	return nil
}

func (s *Screen) measure() (width, height int) {
	if s.size != nil {
		width, height = s.size()
	}
	if width <= 0 || height <= 0 || width > maxSize || height > maxSize {
		return defaultWidth, defaultHeight
	}
	return width, height
}
