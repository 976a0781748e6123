package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// textOf is the text of a message that is one part.
func textOf(t *testing.T, text string) string {
	t.Helper()
	d := scan(t, text)
	got, err := Text(&d.Root, strings.NewReader(text), 1<<20)
	if err != nil {
		t.Fatalf("Text: %v", err)
	}
	return got
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ header, body, want string }{
		{"", "plain\r\n", "plain\r\n"},
		{"Content-Type: text/plain; charset=iso-8859-1", "\xe9", "é"},
		{"Content-Type: text/plain; charset=\"UTF-8\"", "é\xff", "éÿ"},
		{"Content-Type: text/plain; charset=unheard-of", "é\xff", "é\uFFFD"},
		{"Content-Type: text/plain; charset=utf-16le", "a\x00\xe9\x00", "aé"},
		{"Content-Transfer-Encoding: Base64", "R3LDvMOf\r\nZQ==\r\n", "Grüße"},
		{"Content-Transfer-Encoding: base64", "R3L!DvMOf ZQ", "Grüße"},
		{"Content-Transfer-Encoding: base64", "YQ==Yg==\r\n", "ab"},
		{"Content-Transfer-Encoding: quoted-printable", "Gr=C3=BC=C3=9F=\r\ne  \r\n=ZZ =c3=a9=", "Grüße\r\n=ZZ é"},
		{"Content-Transfer-Encoding: x-unknown", "abc", ""},
		{"Content-Type: image/png", "abc", ""},
		{"Content-Type: text/html", "<style>p{}</style><p>one <b>t</b>wo &amp; &eacute;</p><script>no</script><br>three", "\none two & é\n\nthree"},
		{"Content-Type: text/html", "<title>no</title>a<img src=\"data:" + strings.Repeat("x", 2_000_000) + "\">b", "a\nb"},
		{"Content-Type: text/html", "a <!-- no --> b < c", "a  b < c"},
		{"Content-Type: text/html", "<style>never closed", ""},
	} {
		if got := textOf(t, test.header+"\r\n\r\n"+test.body); test.header != "" && got != test.want {
			t.Errorf("%s: %.100q\n got %.200q\nwant %q", test.header, test.body, got, test.want)
		}
	}
}

func TestTextStreams(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	w := base64.NewEncoder(base64.StdEncoding, &body)
	want := strings.Repeat("häuser ", 200_000)
	fmt.Fprint(w, want)
	_ = w.Close() // into memory
	text := "Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body.String()
	if got := textOf(t, text); got != want[:len(got)] || len(got) < 1<<20-1 || !utf8.ValidString(got) {
		t.Errorf("got %d bytes of %d, %.40q", len(got), len(want), got)
	}
}

func TestQuotedPrintableRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []string{strings.Repeat("=é \t", 20_000), strings.Repeat("x", 100_000), "a \r\n\r\nb=\r\n"} {
		var body bytes.Buffer
		w := quotedprintable.NewWriter(&body)
		fmt.Fprint(w, want)
		_ = w.Close() // into memory
		for _, r := range []io.Reader{&body, iotest.OneByteReader(strings.NewReader(body.String()))} {
			got, err := io.ReadAll(&quotedPrintableReader{r: r})
			if err != nil || string(got) != want {
				t.Errorf("got %.60q, %v; want %.60q", got, err, want)
			}
		}
	}
	long := strings.Repeat("a=41", 50_000)
	got, err := io.ReadAll(&quotedPrintableReader{r: strings.NewReader(long)})
	if want := strings.Repeat("aA", 50_000); err != nil || string(got) != want {
		t.Errorf("a line of %d bytes: got %d, %v; want %d", len(long), len(got), err, len(want))
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	for _, encoding := range []string{"7bit", "base64", "quoted-printable"} {
		for _, subtype := range []string{"plain", "html"} {
			p := &Part{Type: "text", Subtype: subtype, Encoding: encoding, BodyLen: 1000}
			if _, err := Text(p, brokenReader{broken}, 1000); !errors.Is(err, broken) {
				t.Errorf("%s, %s: error %v; want that of the disk", encoding, subtype, err)
			}
		}
	}
}

type brokenReader struct{ err error }

func (b brokenReader) ReadAt([]byte, int64) (int, error) { return 0, b.err }

func TestPreview(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"A: b\n\n  Hello\n\n\tfriend  \n", "Hello friend"},
		{"A: b\n\n" + strings.Repeat("word ", 100), strings.TrimSpace(strings.Repeat("word ", 40))},
		{"A: b\n\n" + strings.Repeat("é", 300), strings.Repeat("é", 200)},
		{"Content-Type: text/html\n\n<head><title>T</title></head><p>Hi\u200b&nbsp;you</p>", "Hi you"},
		{multipart("b", "Content-Type: text/html\n\n<p>html", "\nplain"), "plain"},
		{multipart("b", "\n \n", "Content-Type: text/html\n\n<p>html"), "html"},
		{multipart("b", "\n\n", "\nsecond"), "second"},
		{multipart("b", "Content-Disposition: attachment\n\nno", "\nyes"), "yes"},
		{multipart("b", "Content-Type: message/rfc822\n\nA: b\n\nno", "\nyes"), "yes"},
		{head("b") + "degraded\n", "degraded"},
		{"Content-Type: image/png\n\nPNG", ""},
		{"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9F=\ne", "Grüße"},
	} {
		for _, text := range []string{test.text, crlf(test.text)} {
			if got := scan(t, text).Preview; got != test.want {
				t.Errorf("%.200q:\n got %q\nwant %q", text, got, test.want)
			}
		}
	}
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want bool
	}{
		{"A: b\n\nx", false},
		{multipart("b", "\nx", "Content-Type: application/pdf\n\nx"), true},
		{multipart("b", "\nx", "Content-Type: image/png\nContent-ID: <1>\n\nx"), false},
		{multipart("b", "\nx", "Content-Disposition: attachment\n\nx"), true},
		{multipart("b", "\nx", "Content-Type: text/plain; name=a.txt\n\nx"), true},
		{multipart("b", "\nx", "Content-Type: application/pgp-signature; name=s.asc\n\nx"), false},
		{multipart("b", "\nx", "Content-Type: message/rfc822\n\nA: b\n\nx"), true},
		{multipart("b", "\nx", "Content-Type: message/delivery-status\n\nx"), false},
		{"Content-Type: application/pdf\n\nx", true},
	} {
		if got := scan(t, test.text).Attachment; got != test.want {
			t.Errorf("%q: Attachment = %v; want %v", test.text, got, test.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("base64", "text/html; charset=utf-7", "PGI+", 3)
	f.Add("quoted-printable", "text/plain; charset=iso-2022-jp", "=1B$B$3$s=\r\n", 1)
	f.Add("8bit", "text/html", "<style>a</style>b<img src=\"x\">&amp;", 100)
	f.Fuzz(func(t *testing.T, encoding, typ, body string, chunk int) {
		p := &Part{Encoding: encoding, BodyLen: int64(len(body))}
		p.setType(typ)
		want, err := Text(p, strings.NewReader(body), 10_000)
		if err != nil || !utf8.ValidString(want) {
			t.Errorf("Text = %q, %v", want, err)
		}
		// In small reads the same comes out.
		r := NewTextReader(p, strings.NewReader(body))
		got, err := io.ReadAll(io.LimitReader(iotest.OneByteReader(r), 10_000))
		if err != nil || strings.ToValidUTF8(string(got), "") != want {
			t.Errorf("one byte at a time: %q, %v; want %q", got, err, want)
		}
	})
}
