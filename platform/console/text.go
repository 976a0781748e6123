package console

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds one text of a State; nothing longer fits on a screen.
const maxText = 400

// drawable replaces what the console's font lacks and what would move the
// cursor. Accents are kept where the font has them.
func drawable(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r == '…':
			b.WriteString("...")
		case r == '–' || r == '—' || r == '−':
			b.WriteByte('-')
		case r == '’' || r == '‘':
			b.WriteByte('\'')
		case r == '“' || r == '”' || r == '„':
			b.WriteByte('"')
		case r == '\u00a0' || r == '\t' || r == '\n':
			b.WriteByte(' ')
		case unicode.IsControl(r):
			// dropped: nobody but us moves the cursor
		case inFont(r):
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// fontRunes are the characters beyond ASCII that code page 437 has.
const fontRunes = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■↑↓→←•"

func inFont(r rune) bool {
	return r >= ' ' && r <= '~' || strings.ContainsRune(fontRunes, r)
}

// wrap breaks text at spaces into lines of at most width. A longer word is
// broken, behind a colon, slash, dot or hyphen if there is one: losing the end
// of an address is worse than an ugly break.
func wrap(text string, width int) []string {
	if width < 1 {
		return nil
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(drawable(text)) {
		for utf8.RuneCountInString(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			head := breakWord(word, width)
			lines = append(lines, head)
			word = word[len(head):]
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// breakWord is the head of a word longer than width.
func breakWord(word string, width int) string {
	head := string([]rune(word)[:width])
	if i := strings.LastIndexAny(head, ":/.-"); i > len(head)/2 {
		return head[:i+1]
	}
	return head
}

// fit cuts or pads text to exactly width columns; a cut ends with "~".
func fit(text string, width int) string {
	n := utf8.RuneCountInString(text)
	switch {
	case width <= 0:
		return ""
	case n > width:
		return string([]rune(text)[:width-1]) + "~"
	default:
		return text + strings.Repeat(" ", width-n)
	}
}
