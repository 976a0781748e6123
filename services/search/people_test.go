package search

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// letters are an office's mail; the number of each is its UID.
func letters() []string {
	return []string{
		"From: Arben Krasniqi <arben@example.com>\r\nTo: anna@office.example\r\nSubject: =?utf-8?q?Fatur=C3=AB_p=C3=ABr_mars?=\r\n\r\nK\u00ebtu \u00ebsht\u00eb fatura. \u00c7mimi \u00ebsht\u00eb 120 euro.\r\n",
		"From: Jane Doe <jane@lieferant.example>\r\nTo: anna@office.example\r\nSubject: Invoice 4711\r\n\r\nPlease find the invoice for March attached. Kind regards from Stra\u00dfe 5\r\n",
		"From: Jane Doe <jane@lieferant.example>\r\nTo: bert@office.example\r\nCc: anna@office.example\r\nSubject: Meeting\r\n\r\nThe meeting about the invoice is moved to room 12.\r\n",
		"From: news@example.org\r\nTo: anna@office.example\r\nSubject: News\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Many words, and the <b>invoice</b> is named once among them. " + strings.Repeat("Lorem ipsum dolor sit amet. ", 100) + "</p>\r\n",
		"From: tokyo@example.jp\r\nTo: anna@office.example\r\nSubject: \u898b\u7a4d\u66f8\u306e\u4ef6\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\u6771\u4eac\u306e\u4f1a\u8b70\u306b\u3064\u3044\u3066\u3002\r\n",
		withDocument("offer-2026.docx", docx("<w:p><w:t>Total price: twelve thou</w:t></w:r><w:r><w:t>sand &amp; one</w:t></w:p><w:p><w:t>Pristina</w:t></w:p>")),
	}
}

func docx(body string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("word/document.xml")
	_, _ = w.Write([]byte(`<?xml version="1.0"?><w:document><w:body>` + body + `</w:body></w:document>`))
	_ = z.Close()
	return b.Bytes()
}

func withDocument(name string, document []byte) string {
	return "From: Bert <bert@office.example>\r\nTo: anna@office.example\r\nSubject: The offer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n" +
		"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(document) + "\r\n--b--\r\n"
}

func (o *office) query(ask Ask) Answer {
	o.Helper()
	a, err := o.ix.Query(o.ctx, anna, o.box, ask)
	o.ok(err)
	return a
}

func uids(a Answer) (list []mail.UID) {
	for _, h := range a.Hits {
		list = append(list, h.Row.UID)
	}
	return list
}

// TestQuery asks as people do, first of mail that is not indexed yet, then of
// mail that is.
func TestQuery(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.append(letters()...)
	for _, state := range []string{"fresh", "indexed", "reopened"} {
		for _, c := range []struct {
			text string
			want []mail.UID // best first
		}{
			{"invoice", []mail.UID{2, 3, 4}},
			{"INVOICE meeting", []mail.UID{3}},
			{"invo", []mail.UID{2, 3, 4}},    // it may not be all typed yet
			{"invo meeting", nil},            // but only the last word
			{"cmimi", []mail.UID{1}},         // ç
			{"fature", []mail.UID{1}},        // ë; and fatura with one letter amiss
			{"strasse", []mail.UID{2}},       // ß
			{"invioce", []mail.UID{2, 3, 4}}, // misspelled
			{"meetnig room", []mail.UID{3}},  // misspelled
			{"rom", nil},                     // too short to be
			{"from:jane", []mail.UID{3, 2}},  // the newer
			{"from:jane@lieferant.example invoice", []mail.UID{2, 3}},
			{`from:"jane doe" subject:meeting`, []mail.UID{3}},
			{"to:bert", []mail.UID{3}}, {"to:anna room", []mail.UID{3}},
			{`"the invoice"`, []mail.UID{4, 3, 2}}, {`"invoice the"`, nil}, {`"invoice 4711"`, []mail.UID{2}},
			{"has:attachment", []mail.UID{6}}, {"offer has:attachment", []mail.UID{6}}, {"invoice has:attachment", nil},
			{"thousand", []mail.UID{6}}, {"pristina", []mail.UID{6}}, {"2026.docx", []mail.UID{6}},
			{"\u4f1a\u8b70", []mail.UID{5}}, {"\u6771\u4eac\u306e\u4f1a", []mail.UID{5}}, {"\u898b\u7a4d", []mail.UID{5}}, {"\u4f1a", []mail.UID{5}},
			{"invoice after:2027-01-14", []mail.UID{2, 3, 4}}, {"invoice before:2027", nil}, {"invoice before:15.1.2027", nil}, {"invoice after:2028", nil},
			{"nothing like it", nil}, {"has:invoice", nil},
		} {
			got := uids(o.query(Ask{Text: c.text}))
			want := slices.Clone(c.want)
			if strings.Contains(c.text, `"the`) || strings.HasPrefix(c.text, "from:jane") && !strings.Contains(c.text, " ") {
				slices.Sort(got)
				slices.Sort(want) // they are as good as each other
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q found %d; want %d", state, c.text, got, want)
			}
		}
		if state == "indexed" {
			o.reopen()
		}
		o.update()
	}
}

func shown(list []Piece) string {
	var b strings.Builder
	for _, p := range list {
		if p.Hit {
			fmt.Fprintf(&b, "[%s]", p.Text)
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// TestShown holds what a person sees of a hit.
func TestShown(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.append(letters()...)
	for _, c := range []struct{ text, from, subject, snippet string }{
		{"invoice", "Jane Doe <jane@lieferant.example>", "[Invoice] 4711", "Please find the [invoice] for March attached. Kind regards from Stra\u00dfe 5 "},
		{"cmimi", "Arben Krasniqi <arben@example.com>", "Fatur\u00eb p\u00ebr mars", "K\u00ebtu \u00ebsht\u00eb fatura. [\u00c7mimi] \u00ebsht\u00eb 120 euro. "},
		{"\u4f1a\u8b70", "tokyo@example.jp", "\u898b\u7a4d\u66f8\u306e\u4ef6", "\u6771\u4eac\u306e[\u4f1a\u8b70]\u306b\u3064\u3044\u3066\u3002 "},
		{"pristina", "Bert <bert@office.example>", "The offer", "See below."},
		{"meetnig", "Jane Doe <jane@lieferant.example>", "[Meeting]", "The [meeting] about the invoice is moved to room 12. "},
	} {
		a := o.query(Ask{Text: c.text, Limit: 1})
		if len(a.Hits) == 0 {
			t.Errorf("%q: nothing found", c.text)
			continue
		}
		h := a.Hits[0]
		if h.From != c.from || shown(h.Subject) != c.subject || shown(h.Snippet) != c.snippet || h.Name != mail.Inbox {
			t.Errorf("%q: %s | %s | %q | %s", c.text, h.From, shown(h.Subject), shown(h.Snippet), h.Name)
		}
	}
	if a := o.query(Ask{Text: "invoice", Limit: 1}); a.Total != 3 || len(a.Hits) != 1 {
		t.Errorf("%d of %d shown; want 1 of 3", len(a.Hits), a.Total)
	}
}

// TestMoved finds messages that have gone elsewhere since they were indexed.
func TestMoved(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.append(letters()...)
	o.update()
	archive, err := o.box.Mailbox(o.ctx, "Archive")
	o.ok(err)
	_, err = o.box.Move(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2), archive.ID)
	o.ok(err)
	_, err = o.box.Expunge(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](3), false)
	o.ok(err)
	if a := o.query(Ask{Text: "invoice"}); len(a.Hits) != 2 || a.Hits[0].Name != "Archive" || a.Total != 2 {
		t.Errorf("got %+v; want the one in Archive first, and two in all", a)
	}
	if a := o.query(Ask{Text: "invoice", Mailbox: "inbox"}); len(a.Hits) != 1 || a.Hits[0].Row.UID != 4 || a.Total != 1 {
		t.Errorf("got %+v; want UID 4 alone", a)
	}
	if _, err := o.ix.Query(o.ctx, anna, o.box, Ask{Text: "invoice", Mailbox: "Nowhere"}); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("got %v; want ErrNoMailbox", err)
	}
	for _, text := range []string{"", "  ", `""`, "...", strings.Repeat("x", MaxAsk+1)} {
		if _, err := o.ix.Query(o.ctx, anna, o.box, Ask{Text: text}); !errors.Is(err, ErrAsk) {
			t.Errorf("%.20q: %v; want ErrAsk", text, err)
		}
	}
}

// TestDocuments gives documents that are not what they say, or too large.
func TestDocuments(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	whole := docx("<w:t>needle</w:t>")
	bomb := docx(strings.Repeat("<w:t>many</w:t> ", 4<<20/10) + "<w:t>needle</w:t>")
	o.append(withDocument("a.docx", whole[:len(whole)/2]), withDocument("b.xlsx", whole), withDocument("c.docx", []byte("needle")),
		withDocument("d.docx", bomb), withDocument("e.pdf", whole), withDocument("f.DOCX", whole))
	if got := uids(o.query(Ask{Text: "needle"})); !slices.Equal(got, []mail.UID{6, 5, 2}) {
		t.Errorf("found %d; want the documents that are whole, and small enough, whatever they are called", got)
	}
	if got := uids(o.query(Ask{Text: "many"})); !slices.Equal(got, []mail.UID{4}) {
		t.Errorf("found %d; want the beginning of the one that is too large", got)
	}
}

func FuzzAsk(f *testing.F) {
	f.Add(`from:jane "the invoice" after:2026-01-01 has:attachment str`, "The invoice, the INVOICE\u00eb\u4f1a\u8b70 str", 3)
	f.Fuzz(func(t *testing.T, text, body string, at int) {
		q, err := parseAsk(text)
		if err != nil {
			if !errors.Is(err, ErrAsk) {
				t.Errorf("%v is not ErrAsk", err)
			}
			return
		}
		for i := range q.words {
			q.words[i].misspelled = at%2 == 0
		}
		if len(body) > 2000 {
			return
		}
		body = strings.ToValidUTF8(body, "?")
		spans := q.spans(body, inBody)
		last := 0
		for _, s := range spans {
			if s.from < last || s.to <= s.from || s.to > len(body) {
				t.Fatalf("%q in %q: %v", text, body, spans)
			}
			last = s.to
		}
		if len(spans) > 0 {
			from, to := window(body, spans)
			if from < 0 || from > to || to > len(body) || len(pieces(body, spans, from, to)) == 0 {
				t.Errorf("%q in %q: window %d to %d", text, body, from, to)
			}
		}
	})
}
