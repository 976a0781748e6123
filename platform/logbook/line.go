package logbook

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// ServiceHandler is what a service logs through: JSON lines on w, its standard
// error, in the form that the keeper of the log takes over unchanged.
func ServiceHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
}

// Handler returns an slog.Handler that writes to the Book as unit.
func (b *Book) Handler(unit string, level slog.Leveler) slog.Handler {
	return ServiceHandler(b.Writer(unit), level)
}

// Writer returns a writer for the output of unit. It takes bytes in any
// portions and keeps whole lines; Close keeps a last line without an end.
// Writing never fails and never blocks on a disk that is gone.
func (b *Book) Writer(unit string) io.WriteCloser {
	return &lineWriter{book: b, unit: unit, tokens: burstLines, last: time.Now()}
}

// lineWriter cuts a byte stream into lines and bounds their rate.
type lineWriter struct {
	book *Book
	unit string

	mu      sync.Mutex // guards all below
	partial []byte
	cut     bool // the rest of the current line is thrown away
	tokens  float64
	last    time.Time
	skipped int
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := len(p)
	for len(p) > 0 {
		chunk, rest, found := bytes.Cut(p, []byte("\n"))
		p = rest
		if room := MaxLine - len(w.partial); !w.cut {
			w.partial = append(w.partial, chunk[:min(len(chunk), room)]...)
			w.cut = len(chunk) > room
		}
		if found {
			w.endLine()
		}
	}
	return size, nil
}

func (w *lineWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLine()
	return nil
}

// endLine keeps the collected line, if its unit has not been too talkative.
func (w *lineWriter) endLine() {
	line := w.partial
	w.partial, w.cut = nil, false
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	now := time.Now()
	w.tokens = min(w.tokens+now.Sub(w.last).Seconds()*LinesPerSecond, burstLines)
	w.last = now
	if w.tokens < 1 {
		w.skipped++
		return
	}
	w.tokens--
	if w.skipped > 0 {
		w.book.add(note("lines of "+w.unit+" were skipped: too many at once", w.skipped))
		w.skipped = 0
	}
	w.book.add(frame(w.unit, line, now))
}

// frame makes a log line of unit's raw line. A JSON object gets the unit as its
// last member, because readers of JSON take the last of two with one name; so a
// service cannot speak as another. Anything else becomes the message.
func frame(unit string, line []byte, now time.Time) []byte {
	line = bytes.TrimSpace(line)
	var out bytes.Buffer
	if isObject(line) {
		line = redactObject(line)
		// No line holds a raw line end: JSON forbids them inside strings, and
		// between tokens the reader has cut there.
		members := bytes.TrimSpace(line[:len(line)-1])
		out.Write(members)
		if len(members) > 1 {
			out.WriteByte(',')
		}
	} else {
		out.WriteString(`{"time":`)
		out.Write(quote(now.UTC().Format(time.RFC3339Nano)))
		out.WriteString(`,"level":"INFO","msg":"output","line":`)
		out.Write(quote(redactText(string(line))))
		out.WriteByte(',')
	}
	out.WriteString(`"unit":`)
	out.Write(quote(unit))
	out.WriteString("}\n")
	return out.Bytes()
}

// isObject says whether line is one whole JSON object.
func isObject(line []byte) bool {
	return len(line) >= 2 && line[0] == '{' && utf8.Valid(line) && json.Valid(line)
}

// quote is a JSON string; invalid UTF-8 is replaced.
func quote(s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // cannot happen for a string
	}
	return q
}

// note is a line of the log about itself.
func note(msg string, lines int) []byte {
	return []byte(`{"time":` + string(quote(time.Now().UTC().Format(time.RFC3339Nano))) +
		`,"level":"WARN","unit":"logbook","msg":` + string(quote(msg)) + `,"lines":` + strconv.Itoa(lines) + "}\n")
}
