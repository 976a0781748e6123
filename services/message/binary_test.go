package message_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/message"
)

func digestOf(text string) *message.Digest {
	s := message.NewScanner(message.Limits{})
	_, _ = s.Write([]byte(text)) // it never fails
	return s.Finish()
}

func encoded(text string) (string, error) {
	var out bytes.Buffer
	err := message.EncodeBinary(&out, strings.NewReader(text), digestOf(text))
	return out.String(), err
}

// odd is what no text may hold.
const odd = "\x00\r\x01\n\xff--x\r"

func TestEncodeBinary(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(odd, 30)
	for name, c := range map[string]struct{ in, want string }{
		"nothing binary": {
			"Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nhellö\r\n",
			"Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nhellö\r\n",
		},
		"the message itself": {
			"Subject: x\r\ncontent-transfer-encoding:\r\n binary\r\nMIME-Version: 1.0\r\n\r\n" + odd,
			"Subject: x\r\nContent-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\nAA0BCv8tLXgN\r\n",
		},
		"an empty one": {
			"Content-Transfer-Encoding: binary\r\n\r\n",
			"Content-Transfer-Encoding: base64\r\n\r\n",
		},
		"a part": {
			"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\npre\r\n--b\r\n\r\ntext\r\n" +
				"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: BINARY\r\nContent-Disposition: attachment\r\n\r\n" + odd + "\r\n--b--\r\nend\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npre\r\n--b\r\n\r\ntext\r\n" +
				"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\nAA0BCv8tLXgN\r\n--b--\r\nend\r\n",
		},
		"a part of an enclosed message": {
			"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nSubject: in\r\nContent-Transfer-Encoding: binary\r\n\r\n" + odd,
			"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0BCv8tLXgN\r\n",
		},
		"a signature beside binary": {
			"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n" +
				"--a\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\r\n--a--\r\n",
			"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n" +
				"--a\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n--a--\r\n",
		},
	} {
		if got, err := encoded(c.in); err != nil || got != c.want {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, got, c.want)
		}
	}
	got, err := encoded("Content-Transfer-Encoding: binary\r\n\r\n" + long)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got) {
		if len(line) > 78 || !strings.HasSuffix(line, "\r\n") {
			t.Errorf("line %q: want at most 76 characters and CRLF", line)
		}
	}
	wantBody(t, got, long)
}

// wantBody wants the only part of a message to be these bytes.
func wantBody(t *testing.T, text, want string) {
	t.Helper()
	d := digestOf(text)
	body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, d.Root.Body(strings.NewReader(text))))
	if err != nil || string(body) != want {
		t.Errorf("decoded %q, %v, want %q", body, err, want)
	}
}

func TestEncodeBinaryRefuses(t *testing.T) {
	t.Parallel()
	if _, err := encoded("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\r\n--b--\r\n"); !errors.Is(err, message.ErrSignedBinary) {
		t.Errorf("a signed part: %v, want ErrSignedBinary", err)
	}
	if _, err := encoded("Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: binary\r\n\r\nno boundary\r\n"); !errors.Is(err, message.ErrBinaryContainer) {
		t.Errorf("a multipart without a boundary: %v, want ErrBinaryContainer", err)
	}
	deep := "x\r\n"
	for range 200 {
		deep = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\n" + deep
	}
	if _, err := encoded(deep); !errors.Is(err, message.ErrBinaryContainer) {
		t.Errorf("messages in messages without end: %v, want ErrBinaryContainer", err)
	}
}

// TestEncodeBinaryHeader: a header is not what is in binary; what may not stand in one is not made good.
func TestEncodeBinaryHeader(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"LF":            "Subject: a\nFrom: b@c.test\r\nContent-Transfer-Encoding: binary\r\n\r\nx",
		"LF at its end": "Subject: a\r\nContent-Transfer-Encoding: binary\n\nx",
	} {
		got, err := encoded(in)
		if err == nil && !strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") {
			t.Errorf("%s: became %q, want an error or the lone LF kept", name, got)
		}
	}
	for name, in := range map[string]string{
		"folded":  "Content-Type:\r\n multipart/mixed\r\nContent-Transfer-Encoding: binary\r\n\r\nx",
		"comment": "Content-Type: (c) multipart/mixed\r\nContent-Transfer-Encoding: binary\r\n\r\nx",
	} {
		if got, err := encoded(in); !errors.Is(err, message.ErrBinaryContainer) {
			t.Errorf("%s: %q, %v, want ErrBinaryContainer", name, got, err)
		}
	}
}

// FuzzEncodeBinary: whatever comes in, what comes out has no binary part left, and as many parts.
func FuzzEncodeBinary(f *testing.F) {
	f.Add("Content-Transfer-Encoding: binary\r\n\r\n" + odd)
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n" + odd + "\r\n--b--\r\n")
	f.Add("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n--b--\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		out, err := encoded(text)
		if err != nil {
			return
		}
		if !message.HasBinary(digestOf(text)) && out != text {
			t.Errorf("nothing was in binary, and it changed:\n%q\n%q", text, out)
		}
	})
}
