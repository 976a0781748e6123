package console

import (
	"context"
	"io"
	"time"
)

// Key is a key that does something. Other keys are never shown.
type Key int

const (
	KeyRestart  Key = iota + 1 // F2
	KeyPowerOff                // F3
)

// String is how the key stands on the screen.
func (k Key) String() string {
	switch k {
	case KeyRestart:
		return "F2 Restart"
	case KeyPowerOff:
		return "F3 Power off"
	}
	return ""
}

const (
	// maxSequence is longer than any function key's escape sequence; what goes on
	// longer is noise from the line.
	maxSequence = 8
	// confirmWithin is how long the first press counts.
	confirmWithin = 5 * time.Second
)

// keyReader finds function keys in what a terminal sends. Feed it byte by byte;
// it holds at most maxSequence of them.
type keyReader struct {
	seq []byte
}

// feed takes the next byte and returns the key that it completes, or 0.
func (r *keyReader) feed(b byte) Key {
	const escape = 0x1B
	if b == escape {
		r.seq = append(r.seq[:0], b)
		return 0
	}
	if len(r.seq) == 0 {
		return 0 // letters do nothing
	}
	r.seq = append(r.seq, b)
	switch string(r.seq[1:]) {
	case "[[B", "OQ", "[12~": // Linux console, xterm, VT220
		r.seq = r.seq[:0]
		return KeyRestart
	case "[[C", "OR", "[13~":
		r.seq = r.seq[:0]
		return KeyPowerOff
	}
	if len(r.seq) >= maxSequence || ended(r.seq) {
		r.seq = r.seq[:0]
	}
	return 0
}

// ended reports whether seq is a complete sequence of another key: "ESC x",
// "ESC O x", "ESC [ … x" with a final byte, "ESC [ [ x".
func ended(seq []byte) bool {
	last := seq[len(seq)-1]
	switch {
	case len(seq) == 2:
		return last != '[' && last != 'O'
	case seq[1] == 'O':
		return true
	case seq[2] == '[':
		return len(seq) == 4
	default:
		return last >= '@' && last <= '~'
	}
}

// Keys reads function keys from a terminal until ctx ends or the terminal does;
// then the channel is closed. Keys that nobody takes are dropped. When ctx ends
// while a read is under way, the goroutine stays in it until the terminal yields
// or is closed.
func Keys(ctx context.Context, tty io.Reader) <-chan Key {
	keys := make(chan Key, 1)
	go func() {
		defer close(keys)
		var r keyReader
		buf := make([]byte, 64)
		for ctx.Err() == nil {
			n, err := tty.Read(buf)
			for _, b := range buf[:n] {
				if k := r.feed(b); k != 0 {
					select {
					case keys <- k:
					default:
					}
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

// Confirm asks for every key twice: what the keys do stops everybody's mail.
// The zero value is ready. It is not safe for concurrent use.
type Confirm struct {
	key   Key
	since time.Time
}

// Press takes a key. do is true at the second press within five seconds; else
// prompt is what to show ([State.Prompt]) until [Confirm.Waiting] is over.
func (c *Confirm) Press(k Key, now time.Time) (do bool, prompt string) {
	if k == c.key && now.Sub(c.since) < confirmWithin {
		*c = Confirm{}
		return true, ""
	}
	*c = Confirm{k, now}
	switch k {
	case KeyRestart:
		return false, "Press F2 again to restart the box."
	case KeyPowerOff:
		return false, "Press F3 again to switch the box off."
	}
	*c = Confirm{}
	return false, ""
}

// Waiting is how long the prompt still counts at now; 0: it is over.
func (c *Confirm) Waiting(now time.Time) time.Duration {
	if c.key == 0 {
		return 0
	}
	return max(0, confirmWithin-now.Sub(c.since))
}
