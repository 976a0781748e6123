package document

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

	"github.com/sanduk-mail/sanduk/services/message"
)

// words is a sink that keeps all.
type words struct {
	strings.Builder
	most int // characters, then it is full; 0: never
}

func (w *words) Text(p []byte) { w.Write(p) }
func (w *words) End()          { w.WriteString("|") }
func (w *words) Full() bool    { return w.most > 0 && w.Len() >= w.most }

// archive makes one of name, content, name, content…
func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// attached is a message that is the document, and its only part.
func attached(name string, document []byte) (*message.Part, io.ReaderAt) {
	text := "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"" + name +
		"\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(document) + "\r\n"
	s := message.NewScanner(message.Limits{})
	_, _ = s.Write([]byte(text)) // it never fails
	return &s.Finish().Root, strings.NewReader(text)
}

const plenty = 1 << 30

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"offer.docx":  {[]string{"word/document.xml", "<w:p><w:t>thou</w:t><w:t>sand &amp; o&#110;e</w:t></w:p><w:p>x</w:p>", "word/styles.xml", "no", "word/footnotes.xml", "foot"}, "\nthousand & one\n\nx\n|foot|"},
		"OFFER.DOCM":  {[]string{"word/document.xml", "x"}, "x|"},
		"prices.xlsx": {[]string{"xl/sharedStrings.xml", "<si><t>a</t></si><si><t>b</t></si>"}, "\na\n\nb\n|"},
		"talk.pptx":   {[]string{"ppt/slides/slide1.xml", "<a:p>one</a:p>", "ppt/slides/slide2.xml", "<a:p>two</a:p>", "ppt/theme.xml", "no"}, "\none\n|\ntwo\n|"},
		"letter.odt":  {[]string{"content.xml", "<text:p>dear<text:s/>you</text:p>"}, "\ndear\nyou\n|"},
		"photo.zip":   {[]string{"photo.jpg", "x", "readme.xml", "y"}, ""},
		"hidden.docx": {[]string{"WORD/Document.xml", "a<![CDATA[b ]] c]]]>d<![CDATA[]]>e"}, "ab ]] c]de|"},
		"prefix.xlsx": {[]string{"xl/worksheets/sheet1.xml", `<x:c t='s'><x:v>17</x:v></x:c><x:c><x:v>18</x:v></x:c>`}, "\n\n\n18\n|"},
		"no name":     {[]string{"word/header1.xml", "a", "word/comments.xml", "b", "word/theme/header.xml", "no"}, "a|b|"},
		"sheet.xltx": {[]string{"xl/worksheets/sheet1.xml", `<sheetData><row r="1"><c r="A1" s="4" t="s"><v>17</v></c><c r="B1"><f>SUM(A1:A9)</f><v>4111111111111111</v></c>` +
			`<c r="C1" t="inlineStr"><is><t>by hand</t></is></c></row></sheetData>`}, "\n\n\n4111111111111111\n\nby hand\n|"},
	} {
		p, m := attached(name, archive(t, c.files...))
		var got words
		if _, err := Read(t.Context(), p, m, plenty, &got); err != nil || got.String() != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got.String(), err, c.want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	needle := []string{"word/document.xml", "<w:t>needle</w:t>"}
	many := needle
	for range maxDirectory {
		many = append(many, "x", "")
	}
	whole := archive(t, needle...)
	for name, raw := range map[string][]byte{
		"with a password":         []byte("\xd0\xcf\x11\xe0 what it makes of a document"),
		"a workbook in binary":    archive(t, "[Content_Types].xml", "", "xl/workbook.bin", "x"),
		"only a beginning":        []byte("PK\x03\x04"),
		"half":                    whole[:len(whole)/2],
		"a directory without end": archive(t, many...),
		"too large":               append(slices.Clone(whole), make([]byte, maxDocument)...),
		"a book of books":         archive(t, "word/document.xml", strings.Repeat("<w:t>x</w:t>", maxMember/10)),
	} {
		p, m := attached("a.docx", raw)
		var got words
		n, err := Read(t.Context(), p, m, plenty, &got)
		if !errors.Is(err, ErrUnreadable) || n > maxMember {
			t.Errorf("%s: %d bytes, %v, want ErrUnreadable", name, n, err)
		}
	}
	photos := append(archive(t, "photo.jpg", "x"), make([]byte, maxDocument)...)
	for name, raw := range map[string][]byte{"photos.zip": photos, "empty": nil, "a text": []byte("needle"), "three bytes": []byte("PK\x03")} {
		p, m := attached(name, raw)
		var got words
		if n, err := Read(t.Context(), p, m, plenty, &got); n != 0 || err != nil {
			t.Errorf("%s: %d bytes, %v, want that it is no document", name, n, err)
		}
	}
	p, m := attached("a.docx", archive(t, "word/document.xml", strings.Repeat("x", maxMember)))
	var got words
	if n, err := Read(t.Context(), p, m, plenty, &got); n != maxMember || err != nil {
		t.Errorf("exactly as much as is read: %d bytes, %v", n, err)
	}
	p, m = attached("a.docx", whole)
	if n, err := Read(t.Context(), p, m, 5, &got); n != 5 || !errors.Is(err, ErrUnreadable) {
		t.Errorf("with 5 bytes left: %d, %v, want 5 and that there is more", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, p, m, plenty, &got); !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits any more: %v", err)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	var slides []string
	for i := range 20 {
		slides = append(slides, fmt.Sprintf("ppt/slides/slide%d.xml", i), "0123456789")
	}
	p, m := attached("a.pptx", archive(t, slides...))
	got := words{most: 25}
	if _, err := Read(t.Context(), p, m, plenty, &got); err != nil || strings.Count(got.String(), "|") != 3 {
		t.Errorf("a sink that is full after three: %q, %v", got.String(), err)
	}
}

// TestHidden: no number of files in front of a document's text hides it.
func TestHidden(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 2 * maxMembers {
		files = append(files, fmt.Sprintf("padding%d", i), "")
	}
	p, m := attached("", archive(t, append(files, "word/document.xml", "needle", "word/document.xml", "another")...))
	var got words
	if _, err := Read(t.Context(), p, m, plenty, &got); err != nil || got.String() != "needle|another|" {
		t.Errorf("%q, %v", got.String(), err)
	}
}

// FuzzRead: whatever is attached, it is read within the bounds or said to be unreadable.
func FuzzRead(f *testing.F) {
	f.Add(archive(f, "word/document.xml", "<w:t>a&amp;b</w:t>"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, m := attached("a.docx", raw)
		var got words
		n, err := Read(t.Context(), p, m, 1<<16, &got)
		if n > 1<<16 {
			t.Errorf("%d bytes were read", n)
		}
		if err != nil && !errors.Is(err, ErrUnreadable) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzXML: however the XML is cut, its text is the same, and not longer.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<w:p><w:t a="&gt;">x &amp; &#x41;&#66; y</w:t></w:p>`), 5, false)
	f.Add([]byte(`<c t="s"><v>1</v></c><c><v>2</v></c>`), 9, true)
	f.Fuzz(func(t *testing.T, raw []byte, cut int, sheet bool) {
		read := func(parts ...[]byte) string {
			var got words
			x := xmlText{to: &got, sheet: sheet}
			for _, p := range parts {
				if n, err := x.Write(p); n != len(p) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			return got.String()
		}
		cut = min(max(cut, 0), len(raw))
		one, two := read(raw), read(raw[:cut], raw[cut:])
		if one != two || len(one) > len(raw) {
			t.Errorf("%q at once, %q in two", one, two)
		}
	})
}
