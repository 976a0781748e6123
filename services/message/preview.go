package message

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// source gathers the beginning of the text part in hand. The zero value gathers
// nothing.
type source struct {
	active bool
	html   bool
	bytes  []byte
}

// startSource begins to gather the body of f if a preview could come from it. A
// multipart is gathered too until its first boundary line: if there is none, it
// is shown as text.
func (s *Scanner) startSource(f *frame) {
	s.source = source{}
	p := &f.part
	plain := p.Type == "text" && p.Subtype != "html" || p.Type == "multipart"
	switch {
	case p.Disposition == "attachment", p.Type != "text" && p.Type != "multipart":
	case s.enclosed():
	case plain && s.plain == "":
		s.source.active = true
	case !plain && s.markup == "":
		s.source = source{active: true, html: true}
	}
}

// enclosed reports whether the entity in hand is inside an attached message.
func (s *Scanner) enclosed() bool {
	for i := range s.stack[1:] {
		if s.stack[i+1].envelope != nil {
			return true
		}
	}
	return false
}

func (s *Scanner) collect(p []byte) {
	if room := maxPreviewSource - len(s.source.bytes); s.source.active && room > 0 {
		if s.source.bytes == nil {
			s.source.bytes = make([]byte, 0, 4<<10) // holds most letters
		}
		s.source.bytes = append(s.source.bytes, p[:min(len(p), room)]...)
	}
}

// endSource makes the preview of what was gathered of p.
func (s *Scanner) endSource(p *Part) {
	src := s.source
	s.source = source{}
	if !src.active {
		return
	}
	preview := previewOf(src.text(p))
	if src.html {
		s.markup = preview
	} else {
		s.plain = preview
	}
}

// text is what was gathered of p as people read it. Most letters are what they
// seem, and need no decoding.
func (src *source) text(p *Part) io.RuneReader {
	if p.Type == "text" && !src.html && isIdentity(p.Encoding) && isUTF8(p.Param("charset")) && utf8.Valid(src.bytes) {
		return bytes.NewReader(src.bytes)
	}
	text := *p
	text.BodyOffset, text.BodyLen = 0, int64(len(src.bytes))
	return bufio.NewReaderSize(io.LimitReader(NewTextReader(&text, bytes.NewReader(src.bytes)), maxPreviewSource), 1<<10)
}

// previewOf folds the beginning of a text to at most PreviewLen characters on
// one line.
func previewOf(in io.RuneReader) string {
	var out strings.Builder
	count, space := 0, false
	for {
		c, _, err := in.ReadRune()
		if err != nil {
			break // the source is in memory: it is its end
		}
		if unicode.IsSpace(c) || unicode.IsControl(c) {
			space = count > 0
			continue
		}
		if invisible(c) {
			continue
		}
		if space {
			out.WriteByte(' ')
			count, space = count+1, false
		}
		if count++; count > PreviewLen {
			break
		}
		out.WriteRune(c)
	}
	return strings.TrimRight(out.String(), " ")
}

// invisible knows the characters with which newsletters fill up a preview, and
// those that turn the direction of what is shown around it. The zero width
// joiner is not among them: emoji are put together with it.
func invisible(r rune) bool {
	switch {
	case r == 0x200d:
		return false
	case r == 0x00ad, r == 0x034f, r == 0xfeff, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	}
	return false
}
