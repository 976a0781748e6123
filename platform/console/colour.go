package console

import "strings"

// Colours only underline what the words say: a monochrome screen, and eyes that
// do not tell red from green, lose nothing.
const (
	colourFrame   = "\x1b[0;36m"
	colourTitle   = "\x1b[0;1;37m"
	colourLabel   = "\x1b[0;36m"
	colourText    = "\x1b[0;37m"
	colourStrong  = "\x1b[0;1;37m"
	colourGood    = "\x1b[0;1;32m"
	colourWarning = "\x1b[0;1;33m"
	colourBad     = "\x1b[0;1;31m"
)

// squareRunes are what a square code is drawn with; nothing else uses them.
const squareRunes = "█▀▄"

// labels begin the rows that labelled made.
func labels() []string {
	return []string{labelCode, labelOwnCode, labelCertificate, labelNetwork, labelDisk, labelMail}
}

// paint adds colours to a picture that Render made. The characters and their
// places stay as they are.
func paint(s State, lines []string) []string {
	painted := make([]string, len(lines))
	b := brush{health: s.Health, last: colourText}
	for i, line := range lines {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "┌"), strings.HasPrefix(trimmed, "└"):
			painted[i] = paintBorder(line)
		case strings.HasPrefix(trimmed, "│"):
			left, right := strings.Index(line, "│"), strings.LastIndex(line, "│")
			inside := line[left+len("│") : right]
			painted[i] = colourFrame + line[:left] + "│" + b.paintRow(inside) + colourFrame + line[right:]
		default:
			painted[i] = b.paintRow(line)
		}
	}
	return painted
}

// paintBorder makes the words in the frame stand out.
func paintBorder(line string) string {
	var b strings.Builder
	inFrame := false
	for i, r := range line {
		frame := strings.ContainsRune("┌┐└┘─", r)
		if i == 0 || frame != inFrame {
			inFrame = frame
			if frame {
				b.WriteString(colourFrame)
			} else {
				b.WriteString(colourTitle)
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// brush colours row after row: a sentence keeps its colour over several.
type brush struct {
	health Health
	last   string // colour of the row before
}

// paintRow colours what stands inside the frame.
func (b *brush) paintRow(row string) string {
	text, square := row, ""
	if i := strings.IndexAny(row, squareRunes); i >= 0 {
		text, square = row[:i], row[i:]
	}
	painted := b.paintText(text)
	if square == "" {
		return painted
	}
	return painted + colourStrong + square // as white as the screen can: phones want contrast
}

func (b *brush) paintText(text string) string {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		b.last = colourText
		return text
	case strings.HasPrefix(trimmed, headlineMark):
		b.last = healthColour(b.health)
		return b.last + text
	case strings.HasPrefix(trimmed, problemMark):
		b.last = colourWarning
		if b.health == Recovery {
			b.last = colourBad
		}
		return b.last + text
	case strings.HasPrefix(trimmed, "https://"):
		b.last = colourText
		return colourStrong + text
	}
	for _, label := range labels() {
		if strings.HasPrefix(trimmed, label+"  ") {
			at := strings.Index(text, label) + len(label)
			value := colourText
			b.last = colourText
			if label == labelCode || label == labelOwnCode {
				value = colourStrong
			}
			return colourLabel + text[:at] + value + text[at:]
		}
	}
	return b.last + text
}

func healthColour(h Health) string {
	switch h {
	case Running:
		return colourGood
	case SetUp, Starting, Stopping:
		return colourStrong
	case Degraded:
		return colourWarning
	}
	return colourBad
}
