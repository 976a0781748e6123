package console

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Lines writes a State on a terminal that only prints: each fact once, and again
// when it is new. What is typed into a dialogue is echoed character by character.
// It is not safe for concurrent use.
type Lines struct {
	w    io.Writer
	name string
	seen map[string]bool // facts of the last State

	page  string // of the dialogue, as it was printed
	input string // as it was echoed
}

// NewLines writes on w, with name before every line ("sanduk").
func NewLines(w io.Writer, name string) *Lines {
	return &Lines{w: w, name: name}
}

// Show prints the facts that the State before this one did not have.
func (l *Lines) Show(state State) error {
	var b bytes.Buffer
	now := make(map[string]bool)
	for _, f := range Facts(state) {
		if !l.seen[f] && !now[f] {
			fmt.Fprintf(&b, "%s: %s\n", l.name, f)
		}
		now[f] = true
	}
	asking := l.page != "" && state.Panel != nil && state.Panel.page() == l.page
	if asking && b.Len() > 0 {
		// News came between the question and its answer: it is asked again.
		l.page = ""
	}
	page, input := l.dialogue(&b, state.Panel)
	if b.Len() > 0 {
		if _, err := l.w.Write(b.Bytes()); err != nil {
			return fmt.Errorf("write console: %w", err)
		}
	}
	l.seen, l.page, l.input = now, page, input
	return nil
}

// dialogue prints a page that is new, or what was typed into it since.
func (l *Lines) dialogue(b *bytes.Buffer, p *Panel) (page, input string) {
	if p == nil {
		return "", ""
	}
	page, input = p.page(), drawable(p.Input)
	if page != l.page {
		b.WriteByte('\n')
		for _, f := range panelFacts(p) {
			fmt.Fprintf(b, "%s: %s\n", l.name, f)
		}
		if p.Field != "" {
			fmt.Fprintf(b, "%s: %s: %s", l.name, p.Field, input)
		}
		return page, input
	}
	common := 0
	for common < min(len(input), len(l.input)) && input[common] == l.input[common] {
		common++
	}
	b.WriteString(strings.Repeat("\b \b", len(l.input)-common))
	b.WriteString(input[common:])
	return page, input
}

// Refresh does nothing: what was printed stays.
func (l *Lines) Refresh(State) error { return nil }
