package console

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// Below this a frame makes no sense and lines are simply listed.
	minWidth, minHeight = 40, 10
	// A panel wider or higher than this is hard to read from two metres: on a
	// large screen it stands in the middle.
	maxWidth, maxHeight = 100, 34
	// sideMargin is the space between frame and text.
	sideMargin = 2
	// minTextColumn is what the text needs next to the square code.
	minTextColumn = 34
	// headlineMark and problemMark begin the sentences that matter.
	headlineMark = "■ "
	problemMark  = "! "
	// labelWidth is the column of "Code", "Network", …
	labelWidth = 13
)

// Render draws s for a screen of width columns and height rows: exactly height
// lines of exactly width columns each. It is pure.
func Render(s State, width, height int) []string {
	if width < minWidth || height < minHeight {
		return renderSmall(s, width, height)
	}
	w, h := min(width, maxWidth), min(height, maxHeight)
	panel := renderPanel(s, w, h)
	left := strings.Repeat(" ", (width-w)/2)
	right := strings.Repeat(" ", width-w-(width-w)/2)
	blank := strings.Repeat(" ", width)
	lines := make([]string, 0, height)
	for range (height - h) / 2 {
		lines = append(lines, blank)
	}
	for _, l := range panel {
		lines = append(lines, left+l+right)
	}
	for len(lines) < height {
		lines = append(lines, blank)
	}
	return lines
}

// renderPanel draws the frame and what is in it.
func renderPanel(s State, width, height int) []string {
	inner := width - 2
	rows := renderBody(s, inner-2*sideMargin, height-2)
	lines := []string{topBorder(s, inner)}
	for _, r := range rows {
		pad := strings.Repeat(" ", sideMargin)
		lines = append(lines, "│"+pad+r+pad+"│")
	}
	return append(lines, bottomBorder(s, inner))
}

// renderBody draws the text with the square code at its right, and below both
// what is known about the machine; exactly height rows.
func renderBody(s State, width, height int) []string {
	foot := machineBlocks(s, width)
	code := fittingCode(s.square(), width, height)
	need := essential(s, code, width)
	if need > height && code != nil {
		code = nil
		need = essential(s, nil, width)
	}
	// What stands at the foot makes room, least important first.
	for len(foot) > 0 && max(need, len(code))+len(join(foot)) > height {
		foot = dropWorst(foot)
	}
	lower := join(foot)
	if len(lower) > height/2 {
		lower = lower[:height/2] // sixteen cards: the page lists them
	}
	upper := height - len(lower)
	margin := len(lower) > 0 && upper > max(need, len(code))+1
	if margin {
		upper-- // for a blank row at the lower edge
	}
	rows := renderUpper(s, code, width, upper)
	for _, r := range lower {
		rows = append(rows, fit(r, width))
	}
	if margin {
		rows = append(rows, strings.Repeat(" ", width))
	}
	return rows
}

// renderUpper lays text and square code side by side; exactly height rows.
func renderUpper(s State, code []string, width, height int) []string {
	column := textColumn(code, width)
	text := trimRows(textBlocks(s, column, code != nil), height)
	top := min(1, height-len(code))
	rows := make([]string, 0, height)
	for y := range height {
		t := ""
		if y < len(text) {
			t = text[y]
		}
		row := fit(t, column)
		if code != nil {
			picture := strings.Repeat(" ", width-column-2)
			if i := y - top; i >= 0 && i < len(code) {
				picture = code[i]
			}
			row += "  " + picture
		}
		rows = append(rows, row)
	}
	return rows
}

// textColumn is what the code leaves of the width.
func textColumn(code []string, width int) int {
	if code == nil {
		return width
	}
	return width - utf8.RuneCountInString(code[0]) - 2
}

// essential counts the rows of text that must not be left out.
func essential(s State, code []string, width int) int {
	rows := 0
	for _, b := range textBlocks(s, textColumn(code, width), code != nil) {
		if !expendable(b) {
			rows += len(b.rows)
		}
	}
	return rows
}

// fittingCode is the square code if there is one and it leaves room for text.
func fittingCode(payload string, width, height int) []string {
	if payload == "" {
		return nil
	}
	code, err := squareCode(payload)
	if err != nil || len(code) > height || width-utf8.RuneCountInString(code[0])-2 < minTextColumn {
		return nil // the URL and the code in words stand there anyway
	}
	return code
}

// square is the text of the square code.
func (s State) square() string {
	if s.Panel != nil {
		return s.Panel.QR
	}
	return s.QR
}

// block is a few rows that belong together; when room is short the blocks with
// the highest rank go first.
type block struct {
	rank int
	rows []string
}

// textBlocks lists what is to be read, in order.
func textBlocks(s State, width int, square bool) []block {
	if s.Panel != nil {
		return panelBlocks(s.Panel, width)
	}
	blocks := []block{{0, indented(headlineMark, s.headline(), width)}}
	add := func(rank int, rows ...string) {
		if len(rows) > 0 {
			blocks = append(blocks, block{rank, rows})
		}
	}
	for i, p := range s.Problems {
		add(1+i, indented(problemMark, p, width)...)
	}
	add(3, wrap(s.Progress, width)...)
	if len(s.URLs) > 0 && (s.Health == Running || s.Health == Degraded) {
		add(2, wrap("Mail and settings, on any computer in this network:", width)...)
	}
	if len(s.URLs) > 0 && s.Health == Recovery {
		add(1, wrap("What to do, on any computer in this network:", width)...)
	}
	var urls []string
	for _, u := range s.URLs {
		urls = append(urls, indented("   ", u, width)...)
	}
	add(1, urls...)
	if s.Code != "" {
		label := labelCode
		if s.Health == Recovery {
			label = labelOwnCode
		}
		add(1, labelled(label, s.Code, width)...)
		if square {
			add(6, wrap("Or point a phone's camera at the square.", width)...)
		}
	}
	return blocks
}

// machineBlocks lists what is known about the machine, for the lower edge.
func machineBlocks(s State, width int) []block {
	var blocks []block
	if s.Fingerprint != "" {
		blocks = append(blocks, block{5, labelledHalves(labelCertificate, s.Fingerprint, width)})
	}
	var rows []string
	for i, n := range s.Network {
		label := labelNetwork
		if i > 0 {
			label = ""
		}
		rows = append(rows, labelled(label, n, width)...)
	}
	rows = append(rows, labelled(labelDisk, s.Disk, width)...)
	rows = append(rows, labelled(labelMail, s.mail(), width)...)
	if len(rows) > 0 {
		blocks = append(blocks, block{4, rows})
	}
	return blocks
}

// What stands before facts.
const (
	labelCode        = "Set-up code"
	labelOwnCode     = "Code" // of a dialogue
	labelCertificate = "Certificate"
	labelNetwork     = "Network"
	labelDisk        = "Disk"
	labelMail        = "Mail"
)

// labelled is "Network  eth0 up", with the text's further rows below its first.
func labelled(label, text string, width int) []string {
	if text == "" {
		return nil
	}
	column := max(labelWidth, utf8.RuneCountInString(label)+2)
	return indented(fit(label, column), text, width)
}

// labelledHalves is labelled for a fingerprint: where one row is too short for
// it, two of the same length are easier to compare than a long and a short one.
func labelledHalves(label, text string, width int) []string {
	pairs := strings.Split(text, ":")
	column := max(labelWidth, utf8.RuneCountInString(label)+2)
	if len(pairs) < 2 || utf8.RuneCountInString(text) <= width-column {
		return labelled(label, text, width)
	}
	half := (len(pairs) + 1) / 2
	first := strings.Join(pairs[:half], ":") + ":"
	return append(labelled(label, first, width), indented(strings.Repeat(" ", column), strings.Join(pairs[half:], ":"), width)...)
}

// indented puts lead before the first row and as much space before the others.
func indented(lead, text string, width int) []string {
	n := utf8.RuneCountInString(lead)
	rows := wrap(text, width-n)
	for i, r := range rows {
		if i == 0 {
			rows[i] = lead + r
		} else {
			rows[i] = strings.Repeat(" ", n) + r
		}
	}
	return rows
}

// trimRows joins blocks into at most height rows: airy, then without the blank
// rows, then without the least important blocks, then cut.
func trimRows(blocks []block, height int) []string {
	for {
		if rows := joinAiry(blocks); len(rows) <= height {
			return rows
		}
		if rows := join(blocks); len(rows) <= height {
			return rows
		}
		if !slices.ContainsFunc(blocks, expendable) {
			return join(blocks)[:height]
		}
		blocks = dropWorst(blocks)
	}
}

func expendable(b block) bool { return b.rank > 1 }

// dropWorst leaves out the last of the blocks with the highest rank.
func dropWorst(blocks []block) []block {
	worst := 0
	for i, b := range blocks {
		if b.rank >= blocks[worst].rank {
			worst = i
		}
	}
	return slices.Delete(slices.Clone(blocks), worst, worst+1)
}

// joinAiry puts a blank row above each block.
func joinAiry(blocks []block) []string {
	var rows []string
	for _, b := range blocks {
		rows = append(append(rows, ""), b.rows...)
	}
	return rows
}

func join(blocks []block) []string {
	var rows []string
	for _, b := range blocks {
		rows = append(rows, b.rows...)
	}
	return rows
}

// topBorder is "┌ SANDUK 1.2.0 ──── mail.example.test ┐", inner columns between
// the corners. A host name too long for its place loses its end.
func topBorder(s State, inner int) string {
	left := drawable(strings.TrimSpace(strings.ToUpper(s.Product) + " " + s.Version))
	right := drawable(s.Host)
	left = strings.TrimRight(fit(left, min(utf8.RuneCountInString(left), inner/2)), " ")
	room := inner - utf8.RuneCountInString(left) - 2*borderWidth
	if utf8.RuneCountInString(right) > room {
		right = fit(right, room)
	}
	l, r := border(left), border(right)
	return "┌" + l + strings.Repeat("─", inner-utf8.RuneCountInString(l+r)) + r + "┐"
}

// bottomBorder shows the keys, or the prompt in their place. Where the frame is too
// narrow for all, they stand closer.
func bottomBorder(s State, inner int) string {
	text := drawable(s.Prompt)
	switch {
	case text != "":
	case s.Panel != nil:
		text = drawable(s.Panel.Foot)
	default:
		var names []string
		for _, k := range s.Keys {
			if n := k.String(); n != "" {
				names = append(names, n)
			}
		}
		for gap := 3; gap > 0; gap-- {
			text = strings.Join(names, strings.Repeat(" ", gap))
			if utf8.RuneCountInString(text) <= inner-borderWidth {
				break
			}
		}
	}
	if n := inner - borderWidth; utf8.RuneCountInString(text) > n {
		text = fit(text, n)
	}
	t := border(text)
	return "└" + t + strings.Repeat("─", inner-utf8.RuneCountInString(t)) + "┘"
}

// borderWidth is what border adds around its text.
const borderWidth = 4

// border sets text into a frame's line.
func border(text string) string {
	if text == "" {
		return ""
	}
	return "─ " + text + " ─"
}

// renderSmall is for screens too small for a frame.
func renderSmall(s State, width, height int) []string {
	if width < 1 || height < 1 {
		return nil
	}
	rows := join(append(textBlocks(s, width, false), machineBlocks(s, width)...))
	for len(rows) < height {
		rows = append(rows, "")
	}
	rows = rows[:height]
	for i, r := range rows {
		rows[i] = fit(r, width)
	}
	return rows
}
