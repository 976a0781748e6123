package relay

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestReadReply(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"250 2.1.0 fine\r\n": "250 2.1.0 fine",
		"250\n":              "250 ",
		"550-5.1.1 no\r\n550-5.1.1 \r\n550 5.1.1 such\r\n": "550 5.1.1 no such",
		"550 4.1.1 odd\r\n":                "550 4.1.1 odd",
		"550 5.1.1.1 x\r\n":                "550 5.1.1.1 x",
		"550 5.999.1 x\r\n":                "550 5.999.1 x",
		"451 a\x1b[31m\u202eb\x00\xff\r\n": "451 a [31m?b ?",
	} {
		r, _, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxReplyLine))
		if err != nil || r.String() != want {
			t.Errorf("%q: got %q, %v; want %q", in, r, err, want)
		}
	}
	for _, in := range []string{
		"", "250", "25\r\n", "2500 x\r\n", "abc\r\n", "250-a\r\n", "250-a\r\n251 b\r\n", "650 x\r\n", "\r\n",
		strings.Repeat("250-x\r\n", maxReplyLines) + "250 x\r\n", "250 " + strings.Repeat("x", maxReplyLine) + "\r\n",
		strings.Repeat("250-"+strings.Repeat("x", 4000)+"\r\n", 17) + "250 x\r\n",
	} {
		if r, _, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxReplyLine)); err == nil {
			t.Errorf("%.60q: got %q, want an error", in, r)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250-a\r\n250 2.0.0 b\r\n", "550 5.1.1 x\n", "220 x", "421-\r\n421\r\n", "250-SIZE 99999999999999999999\r\n250 LIMITS RCPTMAX=-1\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, lines, err := readReply(bufio.NewReaderSize(bytes.NewReader(b), maxReplyLine))
		if err != nil {
			return
		}
		if r.Code < 200 || r.Code > 599 || len(lines) == 0 || len(lines) > maxReplyLines || len(r.Text) > 2*maxReplyText || !utf8.ValidString(r.Text) {
			t.Errorf("%q: got %+v", b, r)
		}
		if strings.ContainsFunc(r.Text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("control characters in %q", r.Text)
		}
		if s := statusOf(r).Class(); s != 2 && s != 4 && s != 5 {
			t.Errorf("%q: status %s", b, statusOf(r))
		}
		e := readExtensions(lines)
		if e.size < 0 || e.leastBy < 0 || e.rcptMax < 0 || e.mailMax < 0 {
			t.Errorf("%q: got %+v", b, e)
		}
	})
}

// encode runs an encoder over pieces.
func encode(stuff bool, pieces ...string) string {
	e := encoder{stuff: stuff}
	var out []byte
	for _, p := range pieces {
		out = e.append(out, []byte(p))
	}
	return string(e.end(out))
}

func TestEncoder(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                "",
		"a":               "a\r\n",
		".":               "..\r\n",
		"a\r\n.b\r\n":     "a\r\n..b\r\n",
		"a\n.b\nc":        "a\r\n..b\r\nc\r\n",
		"a\n.\r\nMAIL":    "a\r\n..\r\nMAIL\r\n", // the smuggling of CVE-2023-51764
		"a\r.\r\nb":       "a .\r\nb\r\n",
		"a\r\r\n.\r\r\n":  "a \r\n.. \r\n",
		"a\r":             "a \r\n",
		"\r\n.\r\n":       "\r\n..\r\n",
		"\n\r.\n":         "\r\n .\r\n",
		"no end\r\n.last": "no end\r\n..last\r\n",
	} {
		if got := encode(true, in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzEncoder holds that a message comes out the same however it is cut, without a
// bare CR or LF, and without anything that ends it early.
func FuzzEncoder(f *testing.F) {
	f.Add("a\r\n.\r\nb\n.\nc\r.\r", 3, true)
	f.Add("\r\r\n.\n.", 1, true)
	f.Fuzz(func(t *testing.T, text string, cut int, stuff bool) {
		cut = max(0, min(cut, len(text)))
		got := encode(stuff, text)
		if parts := encode(stuff, text[:cut], text[cut:]); parts != got {
			t.Errorf("%q cut at %d: got %q, whole %q", text, cut, parts, got)
		}
		lines := strings.Split(got, "\r\n")
		for i, line := range lines {
			if strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q: bare CR or LF in %q", text, got)
			}
			if stuff && strings.HasPrefix(line, ".") {
				if !strings.HasPrefix(line, "..") {
					t.Errorf("%q: the line %q could end it", text, line)
				}
				lines[i] = line[1:]
			}
		}
		if again := encode(false, strings.Join(lines, "\r\n")); again != encode(false, text) {
			t.Errorf("%q: decoded %q", text, again)
		}
	})
}

func TestParameters(t *testing.T) {
	t.Parallel()
	all := readExtensions(append([]string{"mx"}, everything()...))
	none := extensions{}
	j := job("b.test", "x", "one")
	j.Wishes = mail.Wishes{Return: mail.ReturnHeaders, EnvelopeID: "a b+=", Priority: -3}
	j.To[0].Notify = mail.NotifyNever
	j.To[0].Original = "rfc822;x y@b.test"
	for _, test := range []struct {
		ext        *extensions
		mail, rcpt string
	}{
		{&all, "MAIL FROM:<a@example.test> SIZE=1 RET=HDRS ENVID=a+20b+2B+3D MT-PRIORITY=-3", "RCPT TO:<one@b.test> NOTIFY=NEVER ORCPT=rfc822;x+20y@b.test"},
		{&none, "MAIL FROM:<a@example.test>", "RCPT TO:<one@b.test>"},
	} {
		e := &envelope{job: j, ext: test.ext}
		m, p1 := e.mailCommand()
		r, p2 := e.rcptCommand(j.To[0])
		if p1 != nil || p2 != nil || m != test.mail || r != test.rcpt {
			t.Errorf("got  %q %q\nwant %q %q", m, r, test.mail, test.rcpt)
		}
	}
	e := &envelope{job: j, ext: &none}
	for a, want := range map[mail.Address]string{
		{}:                                     "<>",
		{Local: "a b", Domain: "b.test"}:       `<"a b"@b.test>`,
		{Local: "a", Domain: "b\u00fc.test"}:   "<a@xn--b-eha.test>",
		{Local: "\u00fc", Domain: "b.test"}:    "",
		{Local: "a\r\nDATA", Domain: "b.test"}: "",
		{Local: "a", Domain: "b.test> X<"}:     "",
	} {
		got, p := e.path(a)
		if got != want || (p == nil) != (want != "") {
			t.Errorf("%+v: got %q, %v; want %q", a, got, p, want)
		}
	}
	if got := batchSizes(250, 0, 0); !slices.Equal(got, []int{100, 100, 50}) {
		t.Errorf("batches of 250: got %v", got)
	}
}

// batchSizes is how many recipients each transaction has.
func batchSizes(n, rcptMax, domains int) []int {
	s := &session{ext: extensions{rcptMax: rcptMax, rcptDomainMax: domains}}
	d := &delivery{job: job("b.test", "x", make([]string, n)...)}
	var pending, sizes []int
	for i := range n {
		pending = append(pending, i)
	}
	for len(pending) > 0 {
		var batch []int
		batch, pending = d.batch(s, pending)
		sizes = append(sizes, len(batch))
	}
	return sizes
}
