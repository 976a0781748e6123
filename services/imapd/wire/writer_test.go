package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func written(utf8 bool, write func(*Writer)) string {
	var out bytes.Buffer
	w := NewWriter(&Buffers{}, &out)
	if utf8 {
		w.AllowUTF8()
	}
	write(w)
	_ = w.Flush() // a Buffer takes everything
	return out.String()
}

func TestWriterStrings(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", longestQuoted+1)
	for _, test := range []struct {
		in   string
		utf8 bool
		want string
	}{
		{"", false, `""`},
		{`a"b\c`, false, `"a\"b\\c"`},
		{"grün", false, "{5}\r\ngrün"},
		{"grün", true, `"grün"`},
		{"\xff", true, "{1}\r\n\xff"},
		{"a\r\nb", true, "{4}\r\na\r\nb"},
		{"a\x00b", false, `"a b"`},
		{long, false, "{1025}\r\n" + long},
	} {
		if got := written(test.utf8, func(w *Writer) { w.String(test.in) }); got != test.want {
			t.Errorf("String(%q), UTF-8 %v: got %q, want %q", test.in, test.utf8, got, test.want)
		}
	}
	for in, want := range map[string]string{"INBOX": "INBOX", "NIL": `"NIL"`, "": `""`, "a b": `"a b"`, "Entwürfe": "Entw&APw-rfe", "a&b": "a&-b", "x]": "x]"} {
		if got := written(false, func(w *Writer) { w.Mailbox(in) }); got != want {
			t.Errorf("Mailbox(%q): got %q, want %q", in, got, want)
		}
	}
	at := time.Date(2026, 2, 1, 3, 4, 5, 0, time.FixedZone("", -3600))
	if got, want := written(false, func(w *Writer) { w.DateTime(at) }), `"01-Feb-2026 03:04:05 -0100"`; got != want {
		t.Errorf("DateTime: got %s, want %s", got, want)
	}
}

// TestWriterBuffer: long output comes in pieces of the buffer's size, all of it.
func TestWriterBuffer(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 10_000)
	if got := written(false, func(w *Writer) {
		w.Raw(text)
		w.LiteralHeader(int64(len(text)), true)
		if err := w.Copy(strings.NewReader(text), int64(len(text))); err != nil {
			t.Error(err)
		}
	}); got != text+"~{100000}\r\n"+text {
		t.Error("what came out is not what went in")
	}
	w := NewWriter(&Buffers{}, io.Discard)
	if err := w.Copy(strings.NewReader("abc"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Copy of too little: got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestUTF7(t *testing.T) {
	t.Parallel()
	for plain, encoded := range map[string]string{
		"":                   "",
		"INBOX":              "INBOX",
		"a&b":                "a&-b",
		"Entwürfe":           "Entw&APw-rfe",
		"~peter/mail/台北/日本語": "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"📬":                  "&2D3c7A-",
		"ü&ü":                "&APw-&-&APw-",
	} {
		if got := EncodeUTF7(plain); got != encoded {
			t.Errorf("EncodeUTF7(%q): got %q, want %q", plain, got, encoded)
		}
		if got, err := DecodeUTF7(encoded); got != plain || err != nil {
			t.Errorf("DecodeUTF7(%q): got %q, %v; want %q", encoded, got, err, plain)
		}
	}
	for _, bad := range []string{"&", "a&b", "&APw", "&APw=-", "&AGE-", "&2D0-", "&APw-&APw-", "ü", "\x00", "&AP\n-", "&APx-"} {
		if got, err := DecodeUTF7(bad); err == nil {
			t.Errorf("DecodeUTF7(%q): got %q, want an error", bad, got)
		}
	}
}

func FuzzUTF7(f *testing.F) {
	f.Add("Entw&APw-rfe")
	f.Add("&U,BTFw-/&ZeVnLIqe-&-")
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := DecodeUTF7(text)
		if err != nil {
			return
		}
		if again := EncodeUTF7(plain); again != text {
			t.Errorf("%q decodes to %q, which encodes to %q", text, plain, again)
		}
	})
}
