package mailtest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Dialogue is a parsed dialogue file.
type Dialogue struct {
	Name  string // for messages: the file's name
	steps []step
}

// step is one line of a dialogue.
type step struct {
	line int    // in the file, from 1
	conn int    // which connection, from 1
	verb string // as in the package comment, without the colon
	text string // what stands behind the verb
	wait time.Duration
}

// Parse reads a dialogue as the package comment describes it. Every error names
// the line.
func Parse(name, script string) (*Dialogue, error) {
	d := &Dialogue{Name: name}
	n := 0
	for line := range strings.Lines(script) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		s.line = n
		d.steps = append(d.steps, s)
	}
	for i, s := range d.steps {
		if s.verb == "S" && s.text == "..." && (i+1 == len(d.steps) || d.steps[i+1].verb != "S" || d.steps[i+1].conn != s.conn) {
			return nil, fmt.Errorf("%s:%d: what comes after \"...\" must be an S: step of the same connection", name, s.line)
		}
	}
	return d, nil
}

var errStep = errors.New("not a step of a dialogue")

func parseStep(line string) (step, error) {
	if line == "stop" {
		return step{verb: "stop"}, nil
	}
	if text, ok := strings.CutPrefix(line, "wait "); ok {
		wait, err := time.ParseDuration(strings.TrimSpace(text))
		return step{verb: "wait", wait: wait}, err
	}
	s := step{conn: 1}
	rest := strings.TrimLeft(line, "0123456789")
	if digits := line[:len(line)-len(rest)]; digits != "" {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 {
			return s, errStep
		}
		s.conn = n
	}
	if verb := strings.TrimRight(rest, " \t"); verb == "C+" || verb == "C." || verb == "S." || verb == "S-" {
		s.verb = verb
		return s, nil
	}
	verb, text, ok := strings.Cut(rest, ":")
	if !ok {
		return s, errStep
	}
	s.verb = verb
	// One space belongs to the step, so that a line can begin with another.
	s.text, _ = strings.CutPrefix(text, " ")
	switch verb {
	case "C", "S":
	case "C8", "S8":
		s.text = text
		if _, err := parseBytes(text); err != nil {
			return s, err
		}
	default:
		return s, errStep
	}
	if pattern, ok := s.pattern(); ok {
		if _, err := regexp.Compile(expand(pattern, nil, regexp.QuoteMeta)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// pattern is the regular expression of an S: step, if it has one.
func (s step) pattern() (string, bool) {
	if s.verb != "S" || len(s.text) < 2 || s.text[0] != '/' || s.text[len(s.text)-1] != '/' {
		return "", false
	}
	return s.text[1 : len(s.text)-1], true
}

// maxRepeat bounds what one step sends, so that a slip of the pen does not eat
// the machine's memory.
const maxRepeat = 256 << 20

// parseBytes reads Go string literals, each perhaps with "*" and a number.
func parseBytes(text string) ([]byte, error) {
	var out []byte
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			return out, nil
		}
		literal, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, fmt.Errorf("bytes must be Go string literals: %q", text)
		}
		piece, err := strconv.Unquote(literal)
		if err != nil {
			return nil, fmt.Errorf("read string literal: %w", err)
		}
		text = text[len(literal):]
		times := 1
		if rest, ok := strings.CutPrefix(text, "*"); ok {
			digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
			if times, err = strconv.Atoi(digits); err != nil {
				return nil, fmt.Errorf("no number behind the \"*\": %q", text)
			}
			text = rest[len(digits):]
		}
		if times > maxRepeat/max(1, len(piece)) {
			return nil, fmt.Errorf("more than %d bytes in one step", maxRepeat)
		}
		out = append(out, strings.Repeat(piece, times)...)
	}
}

// expand puts caught values in the place of "${name}", passed through quote.
func expand(text string, caught map[string]string, quote func(string) string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	for name, value := range caught {
		text = strings.ReplaceAll(text, "${"+name+"}", quote(value))
	}
	return text
}
