package transfer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

type read struct {
	message *mboxMessage
	body    string
}

func bodies(t testing.TB, text string, at io.ReaderAt) []read {
	t.Helper()
	var all []read
	r := newMboxReader(strings.NewReader(text), at, int64(len(text)))
	for {
		m, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("message %d: %v", len(all)+1, err)
		}
		body, err := io.ReadAll(m)
		if err != nil {
			t.Fatalf("message %d: %v", len(all)+1, err)
		}
		all = append(all, read{m, string(body)})
	}
}

func TestMbox(t *testing.T) {
	t.Parallel()
	const from = "From a@b.test Tue Nov 14 22:13:20 2023\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"two":                   {from + "A: 1\n\nx\n\n" + from + "A: 2\n\ny\n\n", []string{"A: 1\n\nx\n", "A: 2\n\ny\n"}},
		"no last blank line":    {from + "A: 1\n\nx", []string{"A: 1\n\nx"}},
		"no blank line between": {from + "A: 1\n\nx\n" + from + "A: 2\n\ny\n", []string{"A: 1\n\nx\n", "A: 2\n\ny\n"}},
		"CR LF":                 {strings.ReplaceAll(from+"A: 1\n\nx\n\n"+from+"A: 2\n\ny\n", "\n", "\r\n"), []string{"A: 1\r\n\r\nx\r\n", "A: 2\r\n\r\ny\r\n"}},
		"quoted":                {from + "A: 1\n\n>From x\n>>From y\n> From z\n\n", []string{"A: 1\n\nFrom x\n>From y\n> From z\n"}},
		"text, not a boundary":  {from + "A: 1\n\nHello\n\nFrom what I hear: yes\nNote: no\n\nFrom Monday on\n\n", []string{"A: 1\n\nHello\n\nFrom what I hear: yes\nNote: no\n\nFrom Monday on\n"}},
		"bad From lines":        {"From \nA: 1\n\nx\n\nFrom -\nA: 2\n\ny\n\nFrom nobody\nA: 3\n\nz\n", []string{"A: 1\n\nx\n", "A: 2\n\ny\n", "A: 3\n\nz\n"}},
		"blank lines first":     {"\n\n" + from + "A: 1\n\nx\n", []string{"A: 1\n\nx\n"}},
		"blank lines kept":      {from + "A: 1\n\nx\n\n\n\n" + from + "A: 2\n\n", []string{"A: 1\n\nx\n\n\n", "A: 2\n"}},
		"old From in header":    {from + ">From c@d Tue Nov 14 22:13:20 2023\nA: 1\n\nx\n", []string{">From c@d Tue Nov 14 22:13:20 2023\nA: 1\n\nx\n"}},
		"nothing":               {from, []string{""}},
		"folded status":         {from + "X-Keywords: a\n b\nA: 1\n\nx\n", []string{"A: 1\n\nx\n"}},
		"length":                {from + "Content-Length: 40\nA: 1\n\n" + from + "\n" + from + "A: 2\n\ny\n", []string{"A: 1\n\n" + from + "\n", "A: 2\n\ny\n"}},
		"length, more lines":    {from + "A: 1\nContent-Length: 4\n\n>Fx\n\n" + from + "A: 2\n\ny\n", []string{"A: 1\n\n>Fx\n", "A: 2\n\ny\n"}},
		"wrong length":          {from + "Content-Length: 2\nA: 1\n\nlong text\n\n" + from + "A: 2\n\ny\n", []string{"A: 1\n\nlong text\n", "A: 2\n\ny\n"}},
		"length at the end":     {from + "Content-Length: 44\nA: 1\n\n" + from + "A: 2\n", []string{"A: 1\n\n" + from + "A: 2\n"}},
	} {
		got := bodies(t, test.text, strings.NewReader(test.text))
		if len(got) != len(test.want) {
			t.Errorf("%s: %d messages; want %d", name, len(got), len(test.want))
			continue
		}
		for i := range got {
			if got[i].body != test.want[i] {
				t.Errorf("%s: message %d is %q; want %q", name, i+1, got[i].body, test.want[i])
			}
		}
	}
	if _, err := newMboxReader(strings.NewReader("Subject: x\n\n"), nil, 0).Next(); err != errNotMbox {
		t.Errorf("a message by itself: %v; want errNotMbox", err)
	}
}

func TestFromDate(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"From a@b Tue Nov 14 22:13:20 2023":                     "2023-11-14T22:13:20Z",
		"From a@b  Tue Nov  4 22:13 2023":                       "2023-11-04T22:13:00Z",
		"From - Tue Nov 14 22:13:20 2023 +0130":                 "2023-11-14T20:43:20Z",
		"From \"a b\"@c Tue Nov 14 22:13:20 CET 2023":           "2023-11-14T22:13:20Z",
		"From a@b Tue Nov 14 22:13:20 +0100 2023 remote from x": "2023-11-14T21:13:20Z",
		"From May Nov 14 22:13:20 2023":                         "",
		"From a@b":                                              "",
		"From a Tue Feb 31 22:13:20 2023":                       "",
	} {
		got := fromDate(line)
		if text := got.UTC().Format(time.RFC3339); got.IsZero() != (want == "") || want != "" && text != want {
			t.Errorf("fromDate(%q) = %s; want %q", line, text, want)
		}
	}
}

func TestParseMaildirName(t *testing.T) {
	t.Parallel()
	n := parseMaildirName("1700000000.M123P45.host,S=9:2,RSa")
	if n.own || n.letters != "RSa" || n.received.Unix() != 1700000000 || n.base != "1700000000.M123P45.host,S=9" {
		t.Errorf("got %+v", n)
	}
	row := mail.Row{UID: 7, Size: 5, Internal: time.Date(2026, 7, 1, 2, 3, 4, 5e6, time.FixedZone("", -9*3600-1800))}
	_, name := ownMaildirName(row, true, true, "S")
	if n = parseMaildirName(name); !n.own || !n.raw || !n.keys || n.number != 7 || !n.received.Equal(row.Internal) || n.received.Format("-0700") != "-0930" {
		t.Errorf("%s: got %+v", name, n)
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]string{
		"Kunden": "Kunden", "a.b": "a%2Eb", "100%": "100%25", "%2E": "%252E", " x ": "%20x%20", "a:b": "a%3Ab", "cur": "%63ur", "Müller": "Müller", "current": "current",
	} {
		if got := escape(level); got != want || unescape(got) != level {
			t.Errorf("escape(%q) = %q, back %q; want %q", level, got, unescape(got), want)
		}
	}
	if got := unescape("100%zz %41 50%"); got != "100%zz %41 50%" {
		t.Errorf("unescape touches what escape never writes: %q", got)
	}
}

// FuzzMboxRead reads anything: it ends, and loses no more than separators,
// quoting and notes.
func FuzzMboxRead(f *testing.F) {
	const from = "From a@b.test Tue Nov 14 22:13:20 2023\n"
	f.Add(from + "A: 1\nStatus: RO\n\nx\n\n" + from + "Content-Length: 3\n\n>From\n")
	f.Add(from + "Status: O\nX-Sanduk-Mbox: 1; date=2023-11-14T22:13:20.000Z; eol=crlf; end=open\nx\n\n")
	f.Add("From \n\nFrom -\nX-IMAP: 1\n\r\n\r\n>>From ")
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.HasPrefix(strings.TrimLeft(text, "\r\n"), "From ") {
			return
		}
		total := 0
		for _, m := range bodies(t, text, strings.NewReader(text)) {
			total += len(m.body)
			if m.message.offset < 0 || m.message.offset > int64(len(text)) {
				t.Errorf("offset %d of %d", m.message.offset, len(text))
			}
		}
		if total > 2*len(text) { // CR LF for LF
			t.Errorf("%d bytes became %d", len(text), total)
		}
	})
}

// FuzzMboxWrite writes any two messages and reads them back.
func FuzzMboxWrite(f *testing.F) {
	f.Add("Subject: x\r\n\r\nFrom y\r\n", "no end", `\Seen $x`, int64(1700000000123))
	f.Add("", "\n\n", "", int64(0))
	f.Fuzz(func(t *testing.T, first, second, flags string, milli int64) {
		at := time.UnixMilli(min(max(milli, 0), 1<<41)).UTC()
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		set := mail.NewFlags(strings.Fields(flags)...)
		set.Keywords = mail.NewFlags(keywords(set.Keywords)...).Keywords
		for _, text := range []string{first, second} {
			s, err := look(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := writeMbox(w, mail.Row{Flags: set, Internal: at}, s, strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		got := bodies(t, b.String(), nil)
		if len(got) != 2 || got[0].body != first || got[1].body != second {
			t.Fatalf("%q and %q came back as %d messages: %+v", first, second, len(got), got)
		}
		for _, m := range got {
			if !m.message.status.flags.Equal(set) || !m.message.Internal().Equal(at) {
				t.Errorf("flags %v, date %s; want %v, %s", m.message.status.flags, m.message.Internal(), set, at)
			}
		}
	})
}

// FuzzMaildir reads a tar with a file of any name and content, and a keywords
// file of any content.
func FuzzMaildir(f *testing.F) {
	f.Add(".A.B/cur/1700000000.M1P2.sanduk+0100-raw,S=3:2,Sa", "x\n", "0 a\n", `{"version":1,"name":"A/B","role":"\\Sent"}`)
	f.Add("new/1700000000.x", "x", "99 y\n", `{}`)
	f.Add("cur/1700000000.x:2,S", "x", "red\n\n1700000000.x:0 0 1\n", `{}`)
	f.Add("../../x.mbox", "From a\nA: b\n\n", "", "")
	f.Fuzz(func(t *testing.T, name, text, letters, note string) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		dir := filepath.Dir(filepath.Dir(name))
		for _, e := range [][2]string{{dir + "/" + folderFile, note}, {dir + "/" + keywordsFile, letters}, {dir + "/" + courierDir + "/" + courierFile, letters}, {name, text}} {
			if w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e[0], Size: int64(len(e[1])), Format: tar.FormatPAX}) != nil {
				return
			}
			if _, err := io.WriteString(w, e[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		a, err := OpenStream(&b, "upload")
		if err != nil {
			return
		}
		for m, err := range a.Messages(context.Background()) {
			if err != nil {
				continue
			}
			if name, err := mail.MailboxName(m.Folder.Name); m.Folder.Name != "" && (err != nil || name != m.Folder.Name) {
				t.Errorf("folder %q is no mailbox name", m.Folder.Name)
			}
			if m.Body == nil {
				continue
			}
			if _, err := io.Copy(io.Discard, m.Body); err != nil {
				t.Errorf("read: %v", err)
			}
			if m.Flags.Check() != nil && len(m.Flags.Keywords) <= mail.MaxKeywords {
				t.Errorf("flags %v", m.Flags)
			}
		}
	})
}
