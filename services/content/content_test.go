package content

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

func digest(text string) *message.Digest {
	s := message.NewScanner(message.Limits{})
	_, _ = io.WriteString(s, text) // it never fails
	return s.Finish()
}

func set(t testing.TB, rules ...mail.ContentRule) *Set {
	t.Helper()
	s, err := Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everywhere is a rule for all mail.
func everywhere(action mail.ContentAction, ready ...string) mail.ContentRule {
	return mail.ContentRule{Name: "private data", Out: true, Internal: true, Ready: ready, Action: action}
}

func (s *Set) mustLook(t testing.TB, way Way, text string) Finding {
	t.Helper()
	f, err := s.Look(context.Background(), way, digest(text), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestReady: the ready-made patterns find what people write, and no other numbers.
func TestReady(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ready, text string
		want        []string
	}{
		{"card", "pay 4111 1111 1111 1111 please", []string{"4111 1111 1111 1111"}},
		{"card", "4111-1111-1111-1111 12/26, 5555555555554444.", []string{"4111-1111-1111-1111", "5555555555554444"}},
		{"card", "4111 1111 1111 1111 12 26", []string{"4111 1111 1111 1111"}},
		{"card", "23 4111 1111 1111 1111", []string{"4111 1111 1111 1111"}},
		{"card", "3782 822463 10005 and 6011111111111117", []string{"3782 822463 10005", "6011111111111117"}},
		{"card", "4111 1111 1111 1112", nil},   // the check digit
		{"card", "94111111111111111", nil},     // one digit more
		{"card", "234111111111111111189", nil}, // many more
		{"card", "0000 0000 0000 0000 2222222222222222", nil},
		{"card", "order x4111111111111111", nil}, // a part number
		{"card", "1792 6301 4412 0000 1111 2222", nil},
		{"iban", "IBAN: AL47 2121 1009 0000 0002 3569 8741 thanks", []string{"AL47 2121 1009 0000 0002 3569 8741"}},
		{"iban", "DE89370400440532013000", []string{"DE89370400440532013000"}},
		{"iban", "de89 3704 0044 0532 0130 00 and GB29 NWBK 6016 1331 9268 19", []string{"de89 3704 0044 0532 0130 00", "GB29 NWBK 6016 1331 9268 19"}},
		{"iban", "DE89370400440532013001 XX89370400440532013000 DE8937040044053201300", nil},
		{"iban", "DE893704004405320130000", nil},
	} {
		m, ok := readyMade(test.ready)
		if !ok {
			t.Fatal(test.ready)
		}
		var got []string
		for _, p := range m.find(test.text, 100) {
			got = append(got, test.text[p[0]:p[1]])
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s in %q: %q; want %q", test.ready, test.text, got, test.want)
		}
	}
}

// TestWords: whole words and phrases in any case; next to each other too.
func TestWords(t *testing.T) {
	t.Parallel()
	r := mail.ContentRule{Name: "x", In: true, Words: []string{"secret", "top  secret", "a.b", "Çelës"}, Action: mail.ContentHold}
	m := set(t, r).rules[0].matchers[0]
	for text, want := range map[string]int{
		"secret": 1, "Secret secret,SECRET": 3, "secrets": 0, "xsecret": 0, "top\r\n secret": 1, "aXb": 0, "(a.b)": 1, "çelËS": 1, "ÇELËSA": 0, "": 0,
	} {
		if got := len(m.find(text, 100)); got != want {
			t.Errorf("%q: %d; want %d", text, got, want)
		}
	}
}

// TestCompile: rules that can't be meant are refused in words.
func TestCompile(t *testing.T) {
	t.Parallel()
	good := mail.ContentRule{Name: "x", Out: true, Words: []string{"a"}, Action: mail.ContentHold}
	for want, change := range map[string]func(*mail.ContentRule){
		"":                    func(*mail.ContentRule) {},
		"it needs a name":     func(r *mail.ContentRule) { r.Name = " " },
		"comes in, goes out":  func(r *mail.ContentRule) { r.Out = false },
		"is not changed":      func(r *mail.ContentRule) { r.In, r.Action = true, mail.ContentRedact },
		"say what is done":    func(r *mail.ContentRule) { r.Action = "eat" },
		"least number":        func(r *mail.ContentRule) { r.Least = -1 },
		"no ready-made":       func(r *mail.ContentRule) { r.Ready = []string{"shoe"} },
		"no regular":          func(r *mail.ContentRule) { r.Pattern = "(" },
		"in every text":       func(r *mail.ContentRule) { r.Pattern = "x*" },
		"longer than 1000":    func(r *mail.ContentRule) { r.Pattern = strings.Repeat("x", maxPattern+1) },
		"no word":             func(r *mail.ContentRule) { r.Words = []string{" "} },
		"more than 500 words": func(r *mail.ContentRule) { r.Words = make([]string, maxWords+1) },
		"what it looks for":   func(r *mail.ContentRule) { r.Words = nil },
	} {
		r := good
		change(&r)
		_, err := Compile([]mail.ContentRule{r})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v; want %q", err, want)
		}
		if _, ok := errors.AsType[*mail.RuleError](err); err != nil && !ok {
			t.Errorf("%v is no RuleError", err)
		}
	}
	if _, err := Compile([]mail.ContentRule{good, good}); err == nil || !strings.Contains(err.Error(), "same name") {
		t.Errorf("two of a name: %v", err)
	}
	if _, err := Compile(make([]mail.ContentRule, MaxRules+1)); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("too many: %v", err)
	}
}

const letter = "From: Alice <alice@example.test>\r\nSubject: =?utf-8?q?Invoice?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"Gr=FC=DFe, my card is 4111 1111=\r\n 1111 1111.\r\nBye\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>none</p>\r\n" +
	"--b\r\nContent-Type: application/pdf; name=\"list.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nNDExMTExMTExMTExMTExMQ==\r\n--b--\r\n"

// TestLook: decoded text, header and names are looked at, each by the rules for it.
func TestLook(t *testing.T) {
	t.Parallel()
	card := everywhere(mail.ContentRefuse, "card")
	s := set(t, card)
	f := s.mustLook(t, Out, letter)
	if len(f.Matches) != 1 || f.Matches[0].Count != 1 || f.Matches[0].Sample != "4111•••••••••••1111" || f.Matches[0].Places[0] != InText || f.Partial != "" {
		t.Errorf("found %+v", f)
	}
	if f := s.mustLook(t, In, letter); f.Matches != nil || !s.Empty(In) || s.Empty(Out|In) {
		t.Errorf("of mail that comes in: %+v", f)
	}
	for _, test := range []struct {
		rule mail.ContentRule
		want Place
	}{
		{mail.ContentRule{Words: []string{"invoice"}}, InHeader},
		{mail.ContentRule{Words: []string{"invoice"}, Text: true, Names: true}, ""},
		{mail.ContentRule{Pattern: `\.pdf$`}, InName},
		{mail.ContentRule{Pattern: `\.pdf$`, Text: true}, ""},
		{mail.ContentRule{Pattern: `Grüße`}, InText},
		{mail.ContentRule{Words: []string{"none"}, Least: 2}, ""},
		{mail.ContentRule{Words: []string{"p"}}, ""}, // a tag
	} {
		test.rule.Name, test.rule.Out, test.rule.Action = "x", true, mail.ContentHold
		f := set(t, test.rule).mustLook(t, Out, letter)
		if got := len(f.Matches) > 0; got != (test.want != "") || got && f.Matches[0].Places[0] != test.want {
			t.Errorf("%+v found %+v; want in %q", test.rule, f, test.want)
		}
	}
	// The number of an enclosed message, and of one in base64.
	inner := "Content-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte("5555 5555 5555 4444"))
	if f := s.mustLook(t, Internal, inner); len(f.Matches) != 1 {
		t.Errorf("in an enclosed message: %+v", f)
	}
}

// TestDocuments: a rule on text is for attached documents too; one that can't be read is named, and lets its message pass.
func TestDocuments(t *testing.T) {
	t.Parallel()
	docx := func(text string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("word/document.xml")
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	attached := func(raw []byte) string {
		return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\nContent-Disposition: attachment; filename=cards.docx\r\n" +
			"Content-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(raw) + "\r\n--b--\r\n"
	}
	s := set(t, everywhere(mail.ContentRefuse, "card"))
	f := s.mustLook(t, Out, attached(docx("<w:p><w:t>5555 5555 </w:t><w:t>5555 4444</w:t></w:p>")))
	if len(f.Matches) != 1 || f.Matches[0].Places[0] != InDocument || f.Unread != nil {
		t.Errorf("a card's number in a document: %+v", f)
	}
	f = s.mustLook(t, Out, attached([]byte("\xd0\xcf\x11\xe0 locked")))
	if len(f.Matches) > 0 || !slices.Equal(f.Unread, []string{"cards.docx"}) || f.Partial != "" {
		t.Errorf("a document with a password: %+v, want it named", f)
	}
	if f.Blind != "" {
		t.Errorf("it waits for the rule %q, which doesn't say so", f.Blind)
	}
	hold := everywhere(mail.ContentRefuse, "card")
	hold.Unreadable = mail.ContentHold
	if f := set(t, hold).mustLook(t, Out, attached([]byte("\xd0\xcf\x11\xe0 locked"))); f.Blind != hold.Name {
		t.Errorf("a rule that has it wait: %+v", f)
	}
	if f := set(t, hold).mustLook(t, Out, attached(docx("<w:p>x</w:p>"))); f.Blind != "" {
		t.Errorf("a document that can be read: %+v", f)
	}
	refuse, names := hold, hold
	refuse.Unreadable, names.Names = mail.ContentRefuse, true
	for _, r := range []mail.ContentRule{refuse, names} {
		if _, err := Compile([]mail.ContentRule{r}); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	only := everywhere(mail.ContentRefuse, "card")
	only.Header = true
	if f := set(t, only).mustLook(t, Out, attached(docx("5555555555554444"))); len(f.Matches) > 0 {
		t.Errorf("a rule that is for the header alone: %+v", f)
	}
}

// TestStrictest: refusing goes before holding, and that before redacting.
func TestStrictest(t *testing.T) {
	t.Parallel()
	rule := func(name string, a mail.ContentAction) mail.ContentRule {
		return mail.ContentRule{Name: name, Out: true, Words: []string{"bye"}, Action: a}
	}
	f := set(t, rule("1", mail.ContentRedact), rule("2", mail.ContentHold), rule("3", mail.ContentRefuse), rule("4", mail.ContentRefuse)).mustLook(t, Out, letter)
	if m, ok := f.Strictest(); !ok || m.Rule.Name != "3" {
		t.Errorf("Strictest = %+v", m)
	}
	if _, ok := (&Finding{}).Strictest(); ok {
		t.Error("nothing has a strictest match")
	}
}

// TestWindows: a match is found once wherever it stands in a long text.
func TestWindows(t *testing.T) {
	t.Parallel()
	s := set(t, everywhere(mail.ContentHold, "card"))
	const number = " 4111 1111 1111 1111 "
	for _, at := range []int{0, 10, window - 30, window - MaxMatch - 5, window, window + before, window + before - 10, window + before - MaxMatch, 2*window - MaxMatch + 40, 200_000} {
		text := "\r\n" + strings.Repeat("ä", at/2) + number + strings.Repeat("z ", window)
		if f := s.mustLook(t, Out, text); len(f.Matches) != 1 || f.Matches[0].Count != 1 {
			t.Errorf("at %d: %+v", at, f)
		}
	}
	for shift := range 2 * before {
		text := "\r\n" + strings.Repeat("z", window+before-MaxMatch-shift) + number + strings.Repeat("z", window)
		if f := s.mustLook(t, Out, text); len(f.Matches) != 1 || f.Matches[0].Count != 1 {
			t.Errorf("shifted by %d: %+v", shift, f)
		}
	}
}

// TestBounds: of what is beyond the bounds the finding says so. In a bubble time stands
// still, so that a slow machine does not meet the bound on it.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, bounds)
}

func bounds(t *testing.T) {
	s := set(t, everywhere(mail.ContentHold, "card"))
	if f := s.mustLook(t, Out, "\r\n"+strings.Repeat("z\r\n", MaxText/3+window)+"4111111111111111"); f.Matches != nil || !strings.Contains(f.Partial, "8 MB of text") {
		t.Errorf("a long text: %+v", f)
	}
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", MaxParts+1) + "--b--\r\n"
	if f := s.mustLook(t, Out, many); !strings.Contains(f.Partial, "200 parts") {
		t.Errorf("many parts: %+v", f)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Look(ctx, Out, digest(letter), strings.NewReader(letter)); !errors.Is(err, context.Canceled) {
		t.Errorf("Look = %v; want it cancelled", err)
	}
}

// TestRedact: only the text is written anew, and reads as before but for the number.
func TestRedact(t *testing.T) {
	t.Parallel()
	s := set(t, everywhere(mail.ContentRedact, "card"))
	var b bytes.Buffer
	if err := s.Redact(t.Context(), Out, digest(letter), strings.NewReader(letter), &b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	want := strings.Replace(letter, "Content-Type: text/plain; charset=iso-8859-1; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"+
		"Gr=FC=DFe, my card is 4111 1111=\r\n 1111 1111.", "Content-Type: text/plain; charset=utf-8;\r\n\tformat=\"flowed\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"+
		"Gr=C3=BC=C3=9Fe, my card is [removed].", 1)
	if got != want {
		t.Errorf("redacted\n%s\nwant\n%s", got, want)
	}
	if f := s.mustLook(t, Out, got); f.Matches != nil {
		t.Errorf("it still has %+v", f)
	}
	plain := "Subject: x\r\n\r\n4111111111111111\r\n"
	b.Reset()
	if err := s.Redact(t.Context(), Out, digest(plain), strings.NewReader(plain), &b); err != nil || !strings.HasPrefix(b.String(), "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n") || !strings.HasSuffix(b.String(), "\r\n\r\n[removed]\r\n") {
		t.Errorf("redacted %q, %v", b.String(), err)
	}
	for _, kind := range []string{"multipart/signed; boundary=b", "multipart/encrypted; boundary=b", "application/pkcs7-mime"} {
		text := "Content-Type: " + kind + "\r\n\r\n--b\r\n\r\n4111111111111111\r\n--b--\r\n"
		if err := s.Redact(t.Context(), Out, digest(text), strings.NewReader(text), io.Discard); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v; want ErrSealed", kind, err)
		}
	}
	text := "\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n4111111111111111\r\n"
	if err := s.Redact(t.Context(), Out, digest(text), strings.NewReader(text), io.Discard); !errors.Is(err, ErrSealed) {
		t.Errorf("signed in the text: %v; want ErrSealed", err)
	}
	long := "\r\n4111111111111111\r\n" + strings.Repeat("z\r\n", MaxRedact/2)
	if err := s.Redact(t.Context(), Out, digest(long), strings.NewReader(long), io.Discard); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long text: %v", err)
	}
}

func TestHide(t *testing.T) {
	t.Parallel()
	for found, want := range map[string]string{"4111111111111111": "4111••••••••1111", "ab": "••", "abcdef": "ab••ef", "": ""} {
		if got := hide(found); got != want {
			t.Errorf("hide(%q) = %q; want %q", found, got, want)
		}
	}
}

// FuzzContent: whatever a message is made of, looking ends, and what was redacted of
// plain text is gone.
func FuzzContent(f *testing.F) {
	f.Add(letter)
	f.Add("\r\nDE89 3704 0044 0532 0130 00 4111 1111 1111 1111 top secret")
	f.Add("Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>4111</b>1111 1111 1111\r\n--x--")
	rules := []mail.ContentRule{
		{Name: "1", Out: true, Ready: []string{"card", "iban"}, Action: mail.ContentRedact},
		{Name: "2", Out: true, Words: []string{"top secret"}, Pattern: `[a-c]+\d`, Action: mail.ContentRedact},
	}
	s, err := Compile(rules)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := digest(text)
		if _, err := s.Look(context.Background(), Out, d, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.Redact(context.Background(), Out, d, strings.NewReader(text), &b); err != nil {
			return
		}
		again := digest(b.String())
		if len(again.Root.Children) != len(d.Root.Children) {
			t.Fatalf("%d parts became %d:\n%q\n%q", len(d.Root.Children), len(again.Root.Children), text, b.String())
		}
	})
}

// BenchmarkLook: what rules cost a message. A letter of 4 KB, and one of 1 MB of text.
func BenchmarkLook(b *testing.B) {
	rules := set(b, mail.ContentRule{Name: "1", Out: true, Ready: []string{"card", "iban"}, Action: mail.ContentHold},
		mail.ContentRule{Name: "2", Out: true, Words: []string{"strictly confidential", "salary list", "not for sale"}, Action: mail.ContentHold},
		mail.ContentRule{Name: "3", Out: true, Pattern: `(?i)project\s+\w+-\d{3,}`, Action: mail.ContentHold})
	for _, size := range []int{4 << 10, 1 << 20} {
		text := "Subject: hello\r\nFrom: a@example.test\r\n\r\n" + strings.Repeat("The quick brown fox, of 1234 and 56 years, jumps over the lazy dog.\r\n", size/69)
		d := digest(text)
		b.Run(fmt.Sprint(size>>10, "KB"), func(b *testing.B) {
			b.SetBytes(int64(size))
			began := time.Now()
			for b.Loop() {
				rules.mustLook(b, Out, text)
			}
			_ = d
			b.ReportMetric(float64(time.Since(began).Microseconds())/float64(b.N), "µs/message")
		})
	}
}
