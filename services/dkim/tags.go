package dkim

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
)

// ErrTags says that a text is not a list of tags as RFC 6376 §3.2 writes it.
var ErrTags = errors.New("not a list of tags")

// Tags is a list of tags: "v=1; a=…".
type Tags map[string]string

// ParseTags reads a tag list. Each tag may stand once; space around names and
// values is dropped. The error is ErrTags.
func ParseTags(s string) (Tags, error) {
	tags := make(Tags)
	s = strings.TrimRight(s, " \t\r\n")
	for piece := range strings.SplitSeq(strings.TrimSuffix(s, ";"), ";") {
		name, value, found := strings.Cut(piece, "=")
		name = strings.Trim(name, " \t\r\n")
		if !found || !isTagName(name) || len(tags) >= maxTags {
			return nil, ErrTags
		}
		if _, twice := tags[name]; twice {
			return nil, ErrTags
		}
		tags[name] = strings.Trim(value, " \t\r\n")
	}
	return tags, nil
}

func isTagName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'; !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// list is a value that is a list with colons.
func (t Tags) list(name string) []string {
	value, ok := t[name]
	if !ok {
		return nil
	}
	list := strings.Split(value, ":")
	for i := range list {
		list[i] = strings.Trim(list[i], " \t\r\n")
	}
	return list
}

// bytes is a value in base64, which may be folded anywhere.
func (t Tags) bytes(name string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(packed(t[name]))
}

// packed is a value without any white space.
func packed(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s)
}

// withoutB is a signature's field with the value of b= taken out, as it is
// signed (RFC 6376 §3.5). There is one b=, as the tags have been read.
func withoutB(raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte{':'})
	out := append(bytes.Clone(name), ':')
	for i, piece := range bytes.Split(value, []byte{';'}) {
		if i > 0 {
			out = append(out, ';')
		}
		if tag, _, found := bytes.Cut(piece, []byte{'='}); found && string(bytes.Trim(tag, " \t\r\n")) == "b" {
			piece = piece[:len(tag)+1]
		}
		out = append(out, piece...)
	}
	return out
}
