package console

import (
	"context"
	"io"
	"time"
)

// Key is a key that does something. Other keys are never shown.
type Key int

// The keys: those that the frame shows, then those within a dialogue.
const (
	KeyNetwork  Key = iota + 1 // F1
	KeyRestart                 // F2
	KeyPowerOff                // F3
	KeyPrevious                // F4
	KeySupport                 // F5
	KeyInstall                 // F8
	KeyReset                   // F9
	KeyEnter
	KeyBack  // Esc, or Ctrl-C
	KeyErase // Backspace
)

// String is how the key stands in the frame; "" for those that do not.
func (k Key) String() string {
	switch k {
	case KeyNetwork:
		return "F1 Network"
	case KeyRestart:
		return "F2 Restart"
	case KeyPowerOff:
		return "F3 Power off"
	case KeyPrevious:
		return "F4 Previous"
	case KeySupport:
		return "F5 Support"
	case KeyInstall:
		return "F8 Install"
	case KeyReset:
		return "F9 Reset"
	}
	return ""
}

// Event is what somebody typed: a key, or, where Key is 0, a character.
type Event struct {
	Key  Key
	Rune rune // printable ASCII
}

const (
	// maxSequence is longer than any function key's escape sequence; what goes on
	// longer is noise from the line.
	maxSequence = 8
	// confirmWithin is how long the first press counts.
	confirmWithin = 5 * time.Second
	// escapeWait tells Esc from the beginning of another key: at 9600 bits a second
	// those follow within 5 ms.
	escapeWait = 200 * time.Millisecond
	// maxTyped is how many events wait to be looked at; what comes quicker than a
	// person types is lost.
	maxTyped = 64
)

// sequences are what terminals send for function keys, behind the escape: Linux
// console, xterm, VT220, and, as firmware on serial lines has it, the digit.
func sequence(s string) Key {
	switch s {
	case "[[A", "OP", "[11~", "1":
		return KeyNetwork
	case "[[B", "OQ", "[12~", "2":
		return KeyRestart
	case "[[C", "OR", "[13~", "3":
		return KeyPowerOff
	case "[[D", "OS", "[14~", "4":
		return KeyPrevious
	case "[[E", "[15~", "5":
		return KeySupport
	case "[19~", "8":
		return KeyInstall
	case "[20~", "9":
		return KeyReset
	}
	return 0
}

// keyReader finds keys in what a terminal sends. Feed it byte by byte; it holds at
// most maxSequence of them.
type keyReader struct {
	seq []byte
}

// feed takes the next byte and returns the event that it completes, if any.
func (r *keyReader) feed(b byte) (Event, bool) {
	const escape = 0x1B
	if b == escape {
		r.seq = append(r.seq[:0], b)
		return Event{}, false
	}
	if len(r.seq) == 0 {
		return plain(b)
	}
	r.seq = append(r.seq, b)
	if k := sequence(string(r.seq[1:])); k != 0 {
		r.seq = r.seq[:0]
		return Event{Key: k}, true
	}
	if len(r.seq) >= maxSequence || ended(r.seq) {
		r.seq = r.seq[:0]
	}
	return Event{}, false
}

// alone takes that nothing came behind an escape for a while.
func (r *keyReader) alone() (Event, bool) {
	was := len(r.seq)
	r.seq = r.seq[:0]
	return Event{Key: KeyBack}, was == 1
}

// plain is a byte outside of sequences.
func plain(b byte) (Event, bool) {
	const ctrlC, backspace, del = 0x03, 0x08, 0x7F
	switch {
	case b == '\r' || b == '\n':
		return Event{Key: KeyEnter}, true
	case b == ctrlC:
		return Event{Key: KeyBack}, true
	case b == backspace || b == del:
		return Event{Key: KeyErase}, true
	case b >= ' ' && b <= '~':
		return Event{Rune: rune(b)}, true
	}
	return Event{}, false
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

// Events reads what is typed at a terminal until ctx ends or the terminal does; then
// the channel is closed. Events that nobody takes are dropped. When ctx ends while a
// read is under way, a goroutine stays in it until the terminal yields or is closed.
func Events(ctx context.Context, tty io.Reader) <-chan Event {
	chunks := make(chan []byte)
	go func() {
		defer close(chunks)
		for {
			buf := make([]byte, 64)
			n, err := tty.Read(buf)
			select {
			case chunks <- buf[:n]:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	events := make(chan Event, maxTyped)
	go collect(ctx, chunks, events)
	return events
}

// collect makes events of bytes.
func collect(ctx context.Context, chunks <-chan []byte, events chan<- Event) {
	defer close(events)
	give := func(e Event, ok bool) {
		if !ok {
			return
		}
		select {
		case events <- e:
		default:
		}
	}
	var r keyReader
	for {
		var alone <-chan time.Time
		if len(r.seq) > 0 {
			alone = time.After(escapeWait)
		}
		select {
		case <-ctx.Done():
			return
		case <-alone:
			give(r.alone())
		case chunk, ok := <-chunks:
			if !ok {
				return
			}
			for _, b := range chunk {
				give(r.feed(b))
			}
		}
	}
}

// Confirm asks for every key twice: what the keys do stops everybody's mail.
// The zero value is ready. It is not safe for concurrent use.
type Confirm struct {
	key   Key
	since time.Time
}

// Press takes a key. do is true at the second press within five seconds; else
// prompt is what to show ([View.Prompt]) until [Confirm.Waiting] is over.
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
	case KeyPrevious:
		return false, "Press F4 again to restart with the version before this one. Mail stays."
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
