package corpus

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"mime"
	"strings"
	"time"
)

// epoch is the date of the first message; one comes every ten minutes.
func epoch() time.Time { return time.Date(2024, 1, 8, 7, 30, 0, 0, time.UTC) }

// note is what is decided of a message before it is written.
type note struct {
	n        int
	r        *rand.Rand
	language *language
	parent   int // -1: it begins a thread
	from, to person
	subject  string
	body     []string // lines of its own
}

// note makes the nth message's own text.
func (c *Corpus) note(n int) note {
	r := rand.New(rand.NewPCG(c.seed^0x9e3779b97f4a7c15, uint64(n)))
	m := note{n: n, r: r, parent: -1}
	if n > 0 && r.IntN(3) > 0 {
		m.parent = max(0, n-1-int(r.ExpFloat64()*40))
	}
	m.language = &c.languages[[...]int{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4}[r.IntN(20)]]
	m.from, m.to = c.someone(r), c.someone(r)
	m.subject = m.sentence(2 + r.IntN(6))
	words := int(math.Exp(4.6 + r.NormFloat64()*0.9)) // 100 in the middle, some with thousands
	m.body = m.text(min(max(words, 5), 6000))
	return m
}

func (c *Corpus) someone(r *rand.Rand) person {
	return c.people[int(float64(len(c.people))*math.Pow(r.Float64(), 2.5))]
}

func (m *note) sentence(words int) string {
	var s strings.Builder
	for i := range words {
		if i > 0 {
			s.WriteString(m.language.space)
		}
		s.WriteString(m.language.word(m.r))
	}
	return s.String()
}

// text is the lines of a text, with what stands between words in mail.
func (m *note) text(words int) []string {
	var lines []string
	var line strings.Builder
	for i := range words {
		switch m.r.IntN(60) {
		case 0:
			fmt.Fprintf(&line, "%d,%02d ", m.r.IntN(5000), m.r.IntN(100))
		case 1:
			fmt.Fprintf(&line, "%02d.%02d.%d ", 1+m.r.IntN(28), 1+m.r.IntN(12), 2020+m.r.IntN(7))
		case 2:
			if m.r.IntN(8) == 0 {
				fmt.Fprintf(&line, "https://www.example.com/%s?id=%s ", ascii(m.language.word(m.r)), m.random(8+m.r.IntN(30)))
			}
		}
		line.WriteString(m.language.word(m.r))
		switch {
		case m.r.IntN(11) == 0:
			line.WriteString(".")
		case m.r.IntN(13) == 0:
			line.WriteString(",")
		}
		if line.Len() > 68 || i == words-1 {
			lines = append(lines, line.String())
			line.Reset()
			if m.r.IntN(6) == 0 {
				lines = append(lines, "")
			}
			continue
		}
		line.WriteString(m.language.space)
	}
	return lines
}

func (m *note) random(n int) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[m.r.IntN(len(letters))]
	}
	return string(b)
}

// quoted is the message's text with what it answers under it, at most depth
// levels and 60 lines down.
func (c *Corpus) quoted(m note, depth int) []string {
	lines := append([]string(nil), m.body...)
	if m.parent < 0 || depth == 0 {
		return lines
	}
	parent := c.note(m.parent)
	lines = append(lines, "", fmt.Sprintf("%s wrote:", parent.from.name))
	for i, line := range c.quoted(parent, depth-1) {
		if i == 60 {
			break
		}
		lines = append(lines, "> "+line)
	}
	return lines
}

// Message is the nth message, from 0, as it stands on disk.
func (c *Corpus) Message(n int) []byte {
	m := c.note(n)
	lines := c.quoted(m, 2)
	subject := m.subject
	var refs string
	if m.parent >= 0 {
		parent := c.note(m.parent)
		subject = "Re: " + parent.subject
		refs = fmt.Sprintf("In-Reply-To: <%s>\r\nReferences: <%s>\r\n", c.messageID(m.parent), c.messageID(m.parent))
	}
	when := epoch().Add(time.Duration(n) * 10 * time.Minute)
	date := when.Format("Mon, 02 Jan 2006 15:04:05 -0700")
	var b strings.Builder
	host := m.from.address[strings.IndexByte(m.from.address, '@')+1:]
	for range 2 {
		fmt.Fprintf(&b, "Received: from mail%d.%s (mail%d.%s [192.0.2.%d])\r\n\tby mx.example.com with ESMTPS id %s\r\n\tfor <%s>; %s\r\n",
			m.r.IntN(9), host, m.r.IntN(9), host, m.r.IntN(255), m.random(14), m.to.address, date)
	}
	if m.r.IntN(10) < 7 {
		fmt.Fprintf(&b, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=mail; t=%d;\r\n\th=from:to:subject:date:message-id; bh=%s;\r\n\tb=%s\r\n",
			host, when.Unix(), m.base64(32, ""), m.base64(256, "\r\n\t "))
	}
	fmt.Fprintf(&b, "From: %s <%s>\r\nTo: %s <%s>\r\n", mime.QEncoding.Encode("utf-8", m.from.name), m.from.address, mime.QEncoding.Encode("utf-8", m.to.name), m.to.address)
	if m.r.IntN(3) == 0 {
		cc := c.someone(m.r)
		fmt.Fprintf(&b, "Cc: %s <%s>\r\n", mime.QEncoding.Encode("utf-8", cc.name), cc.address)
	}
	fmt.Fprintf(&b, "Subject: %s\r\nDate: %s\r\nMessage-ID: <%s>\r\n%sX-Mailer: Example Mail %d.0\r\nMIME-Version: 1.0\r\n",
		mime.QEncoding.Encode("utf-8", subject), date, c.messageID(n), refs, 10+m.r.IntN(6))
	m.writeBody(&b, lines)
	return []byte(b.String())
}

func (c *Corpus) messageID(n int) string {
	r := rand.New(rand.NewPCG(c.seed+7, uint64(n)))
	return fmt.Sprintf("%08x-%04x-%04x-%012x@mail.example", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xffff, r.Uint64()&0xffffffffffff)
}

func (m *note) base64(n int, fold string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.r.Uint32())
	}
	s := base64.StdEncoding.EncodeToString(b)
	var out []string
	for ; fold != "" && len(s) > 70; s = s[70:] {
		out = append(out, s[:70])
	}
	return strings.Join(append(out, s), fold)
}

func (m *note) writeBody(b *strings.Builder, lines []string) {
	plain := strings.Join(lines, "\r\n") + "\r\n"
	switch m.r.IntN(10) {
	case 0, 1, 2, 3:
		fmt.Fprintf(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s", plain)
	case 4:
		boundary := m.random(24)
		fmt.Fprintf(b, "Content-Type: multipart/mixed; boundary=%q\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s--%s\r\n"+
			"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"%s-%d.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--%s--\r\n",
			boundary, boundary, plain, boundary, ascii(m.language.word(m.r)), m.r.IntN(1000), m.base64(3000, "\r\n"), boundary)
	case 5, 6:
		fmt.Fprintf(b, "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s", markup(lines))
	default:
		boundary := m.random(24)
		fmt.Fprintf(b, "Content-Type: multipart/alternative; boundary=%q\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s--%s\r\n"+
			"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s--%s--\r\n",
			boundary, boundary, plain, boundary, markup(lines), boundary)
	}
}

// markup is the lines as a mail program makes HTML of them.
func markup(lines []string) string {
	var b strings.Builder
	b.WriteString("<html><head><style>p { margin: 0; font-family: sans-serif }</style></head><body>\r\n")
	quote := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "ë", "&euml;", "ü", "&uuml;")
	for _, line := range lines {
		b.WriteString(`<p class="MsoNormal"><span style="font-size:11.0pt">` + quote.Replace(line) + "</span></p>\r\n")
	}
	b.WriteString("</body></html>\r\n")
	return b.String()
}
