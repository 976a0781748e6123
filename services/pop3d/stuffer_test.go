package pop3d

import (
	"bufio"
	"bytes"
	"io"
	"net/textproto"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/message"
)

// stuffed is what goes over the wire for text, written n bytes at a time.
func stuffed(text string, n int) string {
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	s := (&wire{out: out}).lines()
	for text != "" {
		piece := text[:min(n, len(text))]
		_, _ = s.Write([]byte(piece)) // into memory
		text = text[len(piece):]
	}
	_ = s.close() // into memory
	_ = out.Flush()
	return b.String()
}

func TestStuffer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", ".\r\n"},
		{"a", "a\r\n.\r\n"},
		{"a\r\n", "a\r\n.\r\n"},
		{"a\n\nb\r\n", "a\r\n\r\nb\r\n.\r\n"},
		{".\n..\r\n.a\nb.\n", "..\r\n...\r\n..a\r\nb.\r\n.\r\n"},
		{"a\rb\r\r\n\r", "a\rb\r\r\n\r\r\n.\r\n"},
	} {
		for n := 1; n < 8; n++ {
			if got := stuffed(test.text, n); got != test.want {
				t.Errorf("%q, %d at a time: got %q; want %q", test.text, n, got, test.want)
			}
		}
	}
}

// FuzzStuffer: however the text is cut, the same lines arrive, and a client
// reads the text back with one kind of line end.
func FuzzStuffer(f *testing.F) {
	f.Add("a\r\n.\r\n.b\n\r.c", 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		whole := stuffed(text, max(1, len(text)))
		if got := stuffed(text, max(1, n)); got != whole {
			t.Errorf("%q, %d at a time: %q; at once: %q", text, n, got, whole)
		}
		if strings.ContainsRune(text, '\r') {
			return // a lone CR is nothing that a reader of lines keeps
		}
		r := textproto.NewReader(bufio.NewReader(strings.NewReader(whole)))
		got, err := io.ReadAll(r.DotReader())
		want := text
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if err != nil || string(got) != want {
			t.Errorf("a client reads %q, %v; want %q", got, err, want)
		}
	})
}

// FuzzSize: what LIST says of a message is what RETR sends of it, but for the
// dots that are doubled (RFC 1939 §11).
func FuzzSize(f *testing.F) {
	for _, text := range []string{"", "a", "\r", "\n", "\r\n", "a\r", "a\n.\n..\r\n\r\r\n\x00\xff", ".\n", "\n\r\n\r"} {
		f.Add(text, 1)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		var size message.Canonical
		for rest := text; rest != ""; {
			piece := rest[:min(max(1, n), len(rest))]
			_, _ = io.WriteString(&size, piece) // it never fails
			rest = rest[len(piece):]
		}
		sent := strings.TrimSuffix(stuffed(text, max(1, n)), ".\r\n")
		doubled := int64(strings.Count("\r\n"+sent, "\r\n.")) // each line that begins with a dot has one more
		if got := int64(len(sent)) - doubled; size.Size() != got {
			t.Errorf("%q: counted %d octets; %d are sent", text, size.Size(), got)
		}
	})
}
