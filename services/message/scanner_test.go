package message

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// crlf makes every line end of s CRLF.
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

func scan(t testing.TB, text string) *Digest {
	t.Helper()
	s := NewScanner(Limits{})
	if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("Write = %d, %v; want %d, nil", n, err, len(text))
	}
	d := s.Finish()
	checkDigest(t, d, int64(len(text)))
	return d
}

// checkDigest proves what the package comment promises of every digest.
func checkDigest(t testing.TB, d *Digest, size int64) {
	t.Helper()
	if d.Size != size {
		t.Errorf("Size = %d; want %d", d.Size, size)
	}
	if d.Root.HeaderOffset != 0 || d.HeaderLen != d.Root.HeaderLen || d.Root.BodyOffset+d.Root.BodyLen != size {
		t.Errorf("the root does not cover the message: %+v", d.Root)
	}
	if !d.Root.within(0, size) {
		t.Errorf("a part lies outside of its parent: %s", outline(&d.Root))
	}
	for path, p := range d.Root.All() {
		if (p.Type == "multipart") != (len(p.Children) > 0) || isMessage(p) != (p.Message != nil) {
			t.Errorf("part %v: type %s/%s with %d children, message %v", path, p.Type, p.Subtype, len(p.Children), p.Message != nil)
		}
		if p.Lines < 0 || p.BodyLen < 0 || p.HeaderLen < 0 || p.BodyOffset != p.HeaderOffset+p.HeaderLen {
			t.Errorf("part %v: impossible numbers %+v", path, p)
		}
		for _, s := range []string{p.Type, p.Subtype, p.Encoding, p.Disposition} {
			if strings.ToLower(s) != s {
				t.Errorf("part %v: %q is not lower case", path, s)
			}
		}
	}
	b := d.AppendBinary(nil)
	again, err := DecodeDigest(b)
	if err != nil {
		t.Errorf("DecodeDigest of AppendBinary: %v", err)
	} else if !bytes.Equal(again.AppendBinary(nil), b) {
		t.Errorf("a decoded digest is encoded differently:\n got %+v\nwant %+v", again, d)
	}
}

// outline draws a tree as type/subtype[header+body;lines](children).
func outline(p *Part) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s[%d:%d+%d;%d]", p.Type, p.Subtype, p.HeaderOffset, p.HeaderLen, p.BodyLen, p.Lines)
	if p.Message != nil {
		b.WriteString("{" + outline(&p.Message.Root) + "}")
	}
	if len(p.Children) > 0 {
		b.WriteString("(")
		for i := range p.Children {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(outline(&p.Children[i]))
		}
		b.WriteString(")")
	}
	return b.String()
}

// content draws the leaves' bodies, which is what a person sees of a structure.
func content(d *Digest, text string) string {
	var b strings.Builder
	for path, p := range d.Root.All() {
		if len(p.Children) == 0 && p.Message == nil {
			fmt.Fprintf(&b, "%v %s/%s %d %q\n", path, p.Type, p.Subtype, p.Lines, text[p.BodyOffset:p.BodyOffset+p.BodyLen])
		}
	}
	return b.String()
}

// structureTests are messages and what is found in them. Line ends are LF here;
// every test runs with CRLF too.
var structureTests = []struct{ name, text, want string }{
	{"empty", "", "[1] text/plain 0 \"\"\n"},
	{"header only", "Subject: x\n", "[1] text/plain 0 \"\"\n"},
	{"header without line end", "Subject: x", "[1] text/plain 0 \"\"\n"},
	{"no header", "Hello there\nfriend\n", "[1] text/plain 2 \"Hello there\\nfriend\\n\"\n"},
	{"blank first", "\nHello\n", "[1] text/plain 1 \"Hello\\n\"\n"},
	{"unterminated", "A: b\n\none\ntwo", "[1] text/plain 2 \"one\\ntwo\"\n"},
	{"junk in header", "A: b\njunk\nContent-Type: text/html\n\nx\n", "[1] text/html 1 \"x\\n\"\n"},
	{"mbox line", "From alice Mon Jan 1\nContent-Type: text/html\n\nx", "[1] text/html 1 \"x\"\n"},
	{"two parts", multipart("b", "\nfirst", "Content-Type: text/html\n\n<p>\n"),
		"[1] text/plain 1 \"first\"\n[2] text/html 1 \"<p>\\n\"\n"},
	{"last boundary missing", head("b") + "--b\n\none\n--b\n\ntwo\n", "[1] text/plain 1 \"one\"\n[2] text/plain 1 \"two\\n\"\n"},
	{"no boundary line at all", head("b") + "just text\n", "[1] text/plain 1 \"just text\\n\"\n"},
	{"only the closing line", head("b") + "pre\n--b--\npost\n", "[1] text/plain 3 \"pre\\n--b--\\npost\\n\"\n"},
	{"no boundary parameter", "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n", "[1] text/plain 4 \"--b\\n\\nx\\n--b--\\n\"\n"},
	{"boundary with spaces", head("a b c") + "--a b c  \n\nx\n--a b c--\t\n", "[1] text/plain 1 \"x\"\n"},
	{"boundary that ends in space", head("ab ") + "--ab\n\nx\n--ab--\n", "[1] text/plain 1 \"x\"\n"},
	{"boundary is a longer one's beginning", head("ab") + "--ab\nContent-Type: multipart/mixed; boundary=abc\n\n--abc\n\nin\n--abc--\n--ab\n\nout\n--ab--\n",
		"[1 1] text/plain 1 \"in\"\n[2] text/plain 1 \"out\"\n"},
	{"inner is the beginning of outer", head("abc") + "--abc\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nin\n--ab--\n--abc\n\nout\n--abc--\n",
		"[1 1] text/plain 1 \"in\"\n[2] text/plain 1 \"out\"\n"},
	{"inner not closed", head("o") + "--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nin\n--o\n\nout\n--o--\n",
		"[1 1] text/plain 1 \"in\"\n[2] text/plain 1 \"out\"\n"},
	{"same boundary twice", head("s") + "--s\nContent-Type: multipart/mixed; boundary=s\n\n--s\n\nin\n--s--\n--s--\n", "[1 1] text/plain 1 \"in\"\n"},
	{"preamble and epilogue", head("b") + "pre\n\n--b\n\nx\n--b--\n\n--b\n\nnot a part\n", "[1] text/plain 1 \"x\"\n"},
	{"part without blank line", head("b") + "--b\nContent-Type: text/html\n--b\nno header at all\n--b--",
		"[1] text/html 0 \"\"\n[2] text/plain 1 \"no header at all\"\n"},
	{"empty parts", head("b") + "--b\n--b\n\n--b\n\n\n--b\n\n\n\n--b--",
		"[1] text/plain 0 \"\"\n[2] text/plain 0 \"\"\n[3] text/plain 0 \"\"\n[4] text/plain 1 \"\\n\"\n"},
	{"boundary in a line", head("b") + "--b\n\nx --b\n --b\n--bc\n---b\n--b--", "[1] text/plain 4 \"x --b\\n --b\\n--bc\\n---b\"\n"},
	{"bad type", "Content-Type: nonsense\n\nx", "[1] text/plain 1 \"x\"\n"},
	{"no semicolon", "Content-Type: text/html charset=utf-8\n\nx", "[1] text/html 1 \"x\"\n"},
	{"message", "Content-Type: message/rfc822\n\nSubject: in\n\nbody\n", "[1 1] text/plain 1 \"body\\n\"\n"},
	{"message in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3Vi\n", "[1] application/octet-stream 1 \"U3Vi\\n\"\n"},
	{"empty message", head("b") + "--b\nContent-Type: message/rfc822\n\n--b--\n", "[1 1] text/plain 0 \"\"\n"},
	{"message with parts", head("b") + "--b\nContent-Type: message/global\n\nSubject: in\n" + head("c") + "--c\n\none\n--c\n\ntwo\n--b\n\nlast\n--b--",
		"[1 1] text/plain 1 \"one\"\n[1 2] text/plain 1 \"two\"\n[2] text/plain 1 \"last\"\n"},
	{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nbody\n--b\nno header\n--b\nContent-Type: text/plain\n\nnote\n--b--",
		"[1 1] text/plain 1 \"body\"\n[2 1] text/plain 1 \"no header\"\n[3] text/plain 1 \"note\"\n"},
	{"boundary in pieces", "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--", "[1] text/plain 1 \"x\"\n"},
	{"encoding upper case", "Content-Type: TEXT/HTML\nContent-Transfer-Encoding: BASE64 (so)\n\nx", "[1] text/html 1 \"x\"\n"},
}

func head(boundary string) string {
	return "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\n\n"
}

func multipart(boundary string, parts ...string) string {
	var b strings.Builder
	b.WriteString(head(boundary))
	for _, p := range parts {
		b.WriteString("--" + boundary + "\n" + p + "\n")
	}
	return b.String() + "--" + boundary + "--\n"
}

func TestStructure(t *testing.T) {
	t.Parallel()
	for _, test := range structureTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := content(scan(t, test.text), test.text); got != test.want {
				t.Errorf("LF:\n got %swant %s", got, test.want)
			}
			text, want := crlf(test.text), strings.ReplaceAll(test.want, `\n`, `\r\n`)
			if got := content(scan(t, text), text); got != want {
				t.Errorf("CRLF:\n got %swant %s", got, want)
			}
		})
	}
}

func TestOffsets(t *testing.T) {
	t.Parallel()
	text := crlf(multipart("b", "Content-Type: message/rfc822\n\nSubject: in\n\nbody", "\nlast"))
	const want = "multipart/mixed[0:47+78;10](message/rfc822[52:32+19;3]{text/plain[84:15+4;1]} text/plain[110:2+4;1])"
	if got := outline(&scan(t, text).Root); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestChunks: however a message is cut, its digest is the same.
func TestChunks(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, test := range structureTests {
		texts = append(texts, test.text, crlf(test.text))
	}
	texts = append(texts, longMessage(), crlf(longMessage()))
	random := rand.New(rand.NewPCG(1, 2))
	for _, text := range texts {
		want := scan(t, text)
		for range 20 {
			checkChunks(t, want, []byte(text), func() int { return 1 + random.IntN(1+random.IntN(40)) })
		}
		checkChunks(t, want, []byte(text), func() int { return 1 })
	}
}

func checkChunks(t testing.TB, want *Digest, text []byte, size func() int) {
	t.Helper()
	s := NewScanner(Limits{})
	for len(text) > 0 {
		n := min(len(text), size())
		_, _ = s.Write(text[:n]) // never fails
		text = text[n:]
	}
	if got := s.Finish(); !reflect.DeepEqual(got, want) {
		t.Errorf("cut differently:\n got %.1000s\nwant %.1000s", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
	}
}

// longMessage has everything that is longer than what a Scanner keeps.
func longMessage() string {
	return "Subject: " + strings.Repeat("long ", 5000) + "\nTo: a@b\n" +
		multipart("b", "\n"+strings.Repeat("x", 40_000), "\n--"+strings.Repeat("b", 3000)+"\n--b"+strings.Repeat(" ", 2000)+"\n",
			"Content-Type: text/html\n\n<p>"+strings.Repeat("y ", 30_000)+"</p>")
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nest := func(levels int) string {
		text := "\nbottom"
		for i := levels; i > 0; i-- {
			text = strings.TrimSuffix(multipart(fmt.Sprint("b", i), text), "\n")
		}
		return text
	}
	for _, test := range []struct {
		levels, depth int
		leaf          string
	}{{20, 20, "text/plain"}, {30, 30, "text/plain"}, {31, 30, "application/octet-stream"}, {500, 30, "application/octet-stream"}} {
		p := &scan(t, nest(test.levels)).Root
		depth := 0
		for ; len(p.Children) > 0; p = &p.Children[0] {
			depth++
		}
		if got := p.Type + "/" + p.Subtype; depth != test.depth || got != test.leaf {
			t.Errorf("%d levels: found %d and then %s; want %d and %s", test.levels, depth, got, test.depth, test.leaf)
		}
	}
}

func TestManyParts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{998, 999, 1000, 50_000} {
		text := head("b") + strings.Repeat("--b\n\nx\n", n) + "--b--\n"
		d := scan(t, text)
		if got, want := len(d.Root.Children), min(n, DefaultParts-1); got != want {
			t.Errorf("%d parts: found %d; want %d", n, got, want)
		}
		last := d.Root.Children[len(d.Root.Children)-1]
		if got, want := last.Is("application", "octet-stream"), n >= DefaultParts-1; got != want {
			t.Errorf("%d parts: the last one is opaque: %v; want %v", n, got, want)
		}
	}
	text := strings.Repeat("Content-Type: message/rfc822\n\n", 5000)
	scan(t, text)
}

func TestHeaderLimits(t *testing.T) {
	t.Parallel()
	long := "X-Long: " + strings.Repeat("x", DefaultHeader) + "\n"
	text := "Subject: one\n" + long + "To: a@b\n\nbody\n"
	d := scan(t, text)
	if d.Envelope.Subject != "one" || d.Envelope.To != nil || d.HeaderLen != int64(len(text)-len("body\n")) {
		t.Errorf("behind a field of a megabyte: %+v, HeaderLen %d", d.Envelope, d.HeaderLen)
	}
	// Each part may have its limit, all together theirs: the last is not looked at.
	part := "X-Long: " + strings.Repeat("x", DefaultPartHeader-100) + "\nContent-Type: text/html\n\nx"
	parts := make([]string, 1+DefaultPartHeaders/DefaultPartHeader)
	for i := range parts {
		parts[i] = part
	}
	d = scan(t, multipart("b", parts...))
	first, last := d.Root.Children[0], d.Root.Children[len(d.Root.Children)-1]
	if len(d.Root.Children) != len(parts) || first.Subtype != "html" || last.Subtype != "plain" || first.HeaderLen != last.HeaderLen {
		t.Errorf("%d parts, the first %s, the last %s", len(d.Root.Children), outline(&first), outline(&last))
	}
}

func TestTenThousandRecipients(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("To: ")
	for i := range 10_000 {
		fmt.Fprintf(&b, "\"Person Number %d\" <person.number.%d@department.example.org>,\r\n\t", i, i)
	}
	b.WriteString("last@example.org\r\nSubject: all of you\r\n\r\nHello\r\n")
	d := scan(t, b.String())
	if got := len(d.Envelope.To); got != 10_001 {
		t.Errorf("found %d recipients; want 10001", got)
	}
	if d.Envelope.Subject != "all of you" {
		t.Errorf("Subject = %q behind a long To", d.Envelope.Subject)
	}
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	text := crlf(`Date: Mon, 22 Nov 2026 09:15:00 +0200 (CET)
From: "Alice Å." <alice@example.org>
To: bob@example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 und mehr
Message-ID: <"one"@example.org> (really)
In-Reply-To: Your message <zero@example.org> of today
References: <a@x> <b@x>
	<zero@example.org>
to: carol@example.org
From: mallory@example.org

Text
`)
	d := scan(t, text)
	alice := []EnvelopeAddress{{Name: "Alice Å.", Mailbox: "alice", Host: "example.org"}}
	want := Envelope{
		Date:    "Mon, 22 Nov 2026 09:15:00 +0200 (CET)",
		Subject: "=?utf-8?q?Gr=C3=BC=C3=9Fe?= und mehr",
		From:    alice, Sender: alice, ReplyTo: alice,
		To:        []EnvelopeAddress{{Mailbox: "bob", Host: "example.org"}, {Mailbox: "carol", Host: "example.org"}},
		InReplyTo: "Your message <zero@example.org> of today",
		MessageID: `<"one"@example.org> (really)`,
	}
	if !reflect.DeepEqual(d.Envelope, want) {
		t.Errorf("Envelope\n got %+v\nwant %+v", d.Envelope, want)
	}
	if got, want := d.Subject(), "Grüße und mehr"; got != want {
		t.Errorf("Subject() = %q; want %q", got, want)
	}
	if d.MessageID != "one@example.org" || !reflect.DeepEqual(d.InReplyTo, []string{"zero@example.org"}) ||
		!reflect.DeepEqual(d.References, []string{"a@x", "b@x", "zero@example.org"}) {
		t.Errorf("IDs: %q, %q, %q", d.MessageID, d.InReplyTo, d.References)
	}
	if got, want := d.Date.Format("2006-01-02 15:04:05 -0700"), "2026-11-22 09:15:00 +0200"; got != want {
		t.Errorf("Date = %s; want %s", got, want)
	}
	if d.Preview != "Text" || d.Lines != 13 {
		t.Errorf("Preview, Lines = %q, %d", d.Preview, d.Lines)
	}
}

func FuzzScanner(f *testing.F) {
	for _, test := range structureTests {
		f.Add([]byte(crlf(test.text)), uint64(1))
	}
	f.Add([]byte(longMessage()), uint64(7))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		want := scan(t, string(text))
		random := rand.New(rand.NewPCG(seed, 0))
		checkChunks(t, want, text, func() int { return 1 + random.IntN(1+random.IntN(100)) })
		for _, p := range want.Root.All() {
			if _, err := Text(p, bytes.NewReader(text), 1000); err != nil {
				t.Errorf("Text: %v", err)
			}
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	line := strings.Repeat("QUJD", 19) + "\r\n"
	text := []byte(crlf("From: a@b\nTo: c@d\nSubject: x\n"+head("b")+"--b\n\nHello\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n") +
		strings.Repeat(line, 10<<20/len(line)) + "--b--\r\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(Limits{})
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 32<<10)
			_, _ = s.Write(rest[:n]) // never fails
			rest = rest[n:]
		}
		if d := s.Finish(); len(d.Root.Children) != 2 {
			b.Fatalf("found %s", outline(&d.Root))
		}
	}
}

func BenchmarkScannerSmall(b *testing.B) {
	text := []byte(crlf("Received: from x by y; Mon, 22 Nov 2026 09:15:00 +0200\nFrom: Alice <a@b>\nTo: c@d\nSubject: Re: x\nMessage-ID: <1@a>\nDate: Mon, 22 Nov 2026 09:15:00 +0200\n\n" +
		strings.Repeat("A line of a small message, as most are.\n", 50)))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(Limits{})
		_, _ = s.Write(text) // never fails
		s.Finish()
	}
}

// TestHops counts the Received fields of the message itself: not those of an
// enclosed one, nor what looks like one in the body or in a folded line.
func TestHops(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"":                          0,
		"Subject: x\r\n\r\n":        0,
		"Received: a\r\n\r\n":       1,
		"received: a\nRECEIVED : b": 2,
		"Received: a\r\n Received: folded\r\nReceived-SPF: no\r\nReceived: c\r\n\r\nReceived: body\r\n": 2,
		"Content-Type: message/rfc822\r\nReceived: a\r\n\r\nReceived: inside\r\n\r\nx":                  1,
	} {
		s := NewScanner(Limits{})
		_, _ = s.Write([]byte(text))
		s.Finish()
		if got := s.Hops(); got != want {
			t.Errorf("%q: %d hops; want %d", text, got, want)
		}
	}
}
