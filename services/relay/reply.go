package relay

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// errReply: what the server said is not a reply of SMTP. Nothing after it can be
// believed either.
var errReply = errors.New("the server's answer is not one that SMTP knows")

// readReply reads one reply (RFC 5321 §4.2.1): its lines without codes, and what
// they mean together. Lines may end in LF alone, as some do.
func readReply(in *bufio.Reader) (mail.Reply, []string, error) {
	var code int
	var lines []string
	total := 0
	for {
		line, err := readLine(in)
		if err != nil {
			return mail.Reply{}, nil, err
		}
		if total += len(line); total > maxReplyBytes || len(lines) == maxReplyLines {
			return mail.Reply{}, nil, fmt.Errorf("%w: it has no end", errReply)
		}
		lineCode, last, text, ok := cutReply(line)
		if !ok || code != 0 && code != lineCode {
			return mail.Reply{}, nil, fmt.Errorf("%w: %.100q", errReply, line)
		}
		code = lineCode
		lines = append(lines, text)
		if last {
			return meaning(code, lines), lines, nil
		}
	}
}

// readLine reads a line without its end. It is valid until the next read.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull): // the buffer has maxReplyLine bytes
		return "", fmt.Errorf("%w: a line has no end", errReply)
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// cutReply takes a line of a reply apart.
func cutReply(line string) (code int, last bool, text string, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, false, "", false
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, false, "", false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) == 3 { // RFC 5321 §4.2: to be accepted
		return code, true, "", true
	}
	return code, line[3] == ' ', line[4:], line[3] == ' ' || line[3] == '-'
}

// meaning is a reply for people: its enhanced status told apart, its text joined,
// without anything that a terminal or a header field would trip over.
func meaning(code int, lines []string) mail.Reply {
	r := mail.Reply{Code: code}
	var text strings.Builder
	for _, line := range lines {
		if status, rest, ok := cutStatus(code, line); ok && (r.Status == 0 || r.Status == status) {
			r.Status, line = status, rest
		}
		if text.Len() > 0 && line != "" {
			text.WriteByte(' ')
		}
		text.WriteString(line)
		if text.Len() > maxReplyText {
			break
		}
	}
	r.Text = clean(text.String())
	return r
}

// clean makes foreign text fit for logs, pages and reports.
func clean(s string) string {
	if len(s) > maxReplyText {
		s = s[:maxReplyText]
	}
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			return ' '
		case r == utf8.RuneError, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // text that runs backwards deceives
			return '?'
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// cutStatus takes the enhanced status off a line (RFC 2034 §4). One of another
// class than the code's is none: the code decides.
func cutStatus(code int, line string) (mail.Status, string, bool) {
	word, rest, _ := strings.Cut(line, " ")
	status, ok := parseStatus(word)
	if !ok || status.Class() != code/100 || code/100 == 3 {
		return 0, line, false
	}
	return status, strings.TrimLeft(rest, " "), true
}

func parseStatus(word string) (mail.Status, bool) {
	parts := strings.Split(word, ".")
	if len(parts) != 3 || len(parts[0]) != 1 {
		return 0, false
	}
	var status mail.Status
	for _, part := range parts {
		if part == "" || len(part) > 3 {
			return 0, false
		}
		n := 0
		for _, c := range []byte(part) {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int(c-'0')
		}
		if n > 255 { // none such is registered, and Status has no room for it
			return 0, false
		}
		status = status<<8 | mail.Status(n)
	}
	return status, true
}
