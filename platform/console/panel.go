package console

import "strings"

// Panel is a page of a dialogue. It stands where else the box's state does.
type Panel struct {
	Title   string   // "Network"
	Text    []string // paragraphs
	Choices []string // numbered from 1
	Problem string   // what was wrong with the last answer

	// Field names what is asked for, Input is what was typed so far. Field "":
	// nothing is asked.
	Field, Input string

	// Code is a word to copy from the screen, QR the text of a square code with it.
	Code, QR string
	// Foot says what the keys do: "Enter: go on   Esc: leave".
	Foot string
}

// View is what one terminal shows beside the State that all of them do.
type View struct {
	// Prompt replaces the keys for a moment: "Press F2 again to restart the box."
	Prompt string
	Panel  *Panel // nil: no dialogue is open
}

// cursor stands behind what is being typed.
const cursor = "_"

// panelBlocks lists what is to be read, in order. Nothing of it can be left out.
func panelBlocks(p *Panel, width int) []block {
	blocks := []block{{0, indented(headlineMark, p.Title, width)}}
	add := func(rows []string) {
		if len(rows) > 0 {
			blocks = append(blocks, block{1, rows})
		}
	}
	for _, t := range p.Text {
		add(wrap(t, width))
	}
	var choices []string
	for i, c := range p.Choices {
		choices = append(choices, indented("  "+digit(i)+"  ", c, width)...)
	}
	add(choices)
	add(labelled(labelOwnCode, p.Code, width))
	add(indented(problemMark, p.Problem, width))
	if p.Field != "" {
		add(indented("", p.Field+": "+drawable(p.Input)+cursor, width))
	}
	return blocks
}

// digit is the number of the choice with that index.
func digit(i int) string { return string(rune('1' + i)) }

// panelFacts says the same in lines, without the field.
func panelFacts(p *Panel) []string {
	facts := []string{p.Title}
	for _, t := range p.Text {
		facts = append(facts, drawable(t))
	}
	for i, c := range p.Choices {
		facts = append(facts, digit(i)+"  "+drawable(c))
	}
	if p.Code != "" {
		facts = append(facts, "code "+drawable(p.Code))
	}
	if p.Problem != "" {
		facts = append(facts, "! "+drawable(p.Problem))
	}
	return append(facts, "("+drawable(p.Foot)+")")
}

// page is what tells one page from another, whatever was typed.
func (p *Panel) page() string {
	if p == nil {
		return ""
	}
	return strings.Join(append(panelFacts(p), p.Field), "\n")
}
