package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

// plainText is a message with the subject and the text.
func plainText(subject, text string) string {
	return "From: x@example.com\r\nSubject: " + subject + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n"
}

func inCharset(name string, e encoding.Encoding, text string) string {
	encoded, err := e.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return "Subject: s\r\nContent-Type: text/plain; charset=" + name + "\r\n\r\n" + encoded + "\r\n"
}

// TestLetters looks for texts in letters of many languages and encodings, as IMAP
// asks and as people do. The first message is the one that is meant; the others
// say who else has it.
func TestLetters(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	long := strings.Repeat("donaudampfschiff", 9) + "kapit\u00e4n"
	texts := []string{
		plainText("Fatur\u00eb", "P\u00ebrsh\u00ebndetje, \u00e7mimi \u00ebsht\u00eb 1.250,00 \u20ac"),                                  // 1
		plainText("Stra\u00dfe", "Herr M\u00fcller und Frau Mueller, \u00dcbergr\u00f6\u00dfe, Ma\u00dfe"),                              // 2
		plainText("Rom\u00e2n\u0103", "\u0219edin\u021b\u0103 (comma) \u015fedin\u0163\u0103 (cedilla)"),                                // 3
		plainText("\u0421\u0447\u0451\u0442", "\u0414\u043e\u0433\u043e\u0432\u043e\u0440 \u0432\u0441\u0451"),                          // 4 Счёт, Договор всё
		plainText("\u03a4\u03b9\u03bc\u03bf\u03bb\u03cc\u03b3\u03b9\u03bf", "\u03bf \u03bf\u03b4\u03cc\u03c2 \u039f\u0394\u039f\u03a3"), // 5 Τιμολόγιο, οδός ΟΔΟΣ
		plainText("\u0130stanbul", "\u0131\u015f\u0131k KIRMIZI d\u0131\u015far\u0131"),                                                 // 6
		plainText("\u8acb\u6c42\u66f8", "\u6771\u4eac\u90fd\u6e2f\u533a\u306e\u4f1a\u8b70\u5ba4"),                                       // 7
		inCharset("windows-1251", charmap.Windows1251, "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440"),                       // 8 Привет мир
		inCharset("iso-2022-jp", japanese.ISO2022JP, "\u898b\u7a4d\u3092\u9001\u308a\u307e\u3059"),                                      // 9
		inCharset("windows-1253", charmap.Windows1253, "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1"),                              // 10
		"Subject: s\r\nContent-Type: text/plain; charset=utf-7\r\n\r\nHi Mom +Jjo-!\r\n",                                                // 11
		"Subject: =?koi8-r?B?8NLJ18XU?= =?iso-8859-1?q?Gr=FC=DFe?=\r\n\r\nx\r\n",                                                        // 12
		"Subject: broken =?utf-8?q?open\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\npreamble\r\n--q\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8g!!d29ybGQ=\r\n--q\r\nContent-Type: text/plain; charset=nonsense\r\n\r\ncaf\xc3\xa9 never closed\r\n", // 13
		plainText("long", long+" "+strings.Repeat("x", 65)+"yz"),                                                                          // 14
		plainText("names", "write to jane.doe+box@mail.example.com, see Angebot_2026-03 (v2).final.PDF or https://example.com/a?b=c&d=1"), // 15
		plainText("numbers", "IBAN AL35 2021 1109, 10:30, 3.14159, 1,000,000, +355 69 123-4567, #4711/26"),                                // 16
		plainText("marks", "cafe\u0301 na\u00efve co\u00f6perate e\u0308"),                                                                // 17: combining marks
	}
	o.append(texts...)
	for _, state := range []string{"fresh", "indexed"} {
		for _, c := range []struct {
			uid    mail.UID
			imap   string   // found so; "" says to skip that
			people []string // what people type
		}{
			{1, "\u00c7MIMI \u00cbSHT\u00cb 1.250,00 \u20ac", []string{"cmimi", "\u00e7mimi", "pershendetje", "1.250,00", "1250", "1.250", "P\u00cbRSH"}},
			{2, "\u00fcbergr\u00f6\u00dfe, ma\u00dfe", []string{"M\u00fcller", "Muller", "mueller", "ubergrosse", "uebergroesse", "\u00fcbergroe\u00dfe", "\u00dcBERGR\u00d6SSE", "strasse", "masse"}},
			{3, "\u0218EDIN\u021aA\u0306"[:0], []string{"sedinta", "\u0219edin\u021b\u0103", "\u015fedin\u0163\u0103", "romana"}},
			{4, "\u0414\u041e\u0413\u041e\u0412\u041e\u0420 \u0412\u0421\u0401", []string{"\u0434\u043e\u0433\u043e\u0432\u043e\u0440", "\u0432\u0441\u0435", "\u0441\u0447\u0435\u0442", "\u0434\u043e\u0433\u043e\u0432\u0440"}},
			{5, "\u039f\u0394\u038c\u03a3", []string{"\u03bf\u03b4\u03bf\u03c3", "\u03bf\u03b4\u03cc\u03c2", "\u03c4\u03b9\u03bc\u03bf\u03bb\u03bf\u03b3\u03b9\u03bf"}},
			{6, "kirmizi", []string{"istanbul", "isik", "\u0131\u015f\u0131k", "kirmizi", "disari"}},
			{7, "\u4eac\u90fd\u6e2f", []string{"\u6771\u4eac", "\u6e2f\u533a", "\u4f1a\u8b70\u5ba4", "\u8acb\u6c42\u66f8", "\u8acb\u6c42"}},
			{8, "\u0418\u0412\u0415\u0422 \u041c", []string{"\u043f\u0440\u0438\u0432\u0435\u0442", "\u043c\u0438\u0440"}},
			{9, "\u7a4d\u3092", []string{"\u898b\u7a4d", "\u9001\u308a"}},
			{10, "\u03b1\u03bb\u03b7\u03bc\u03ad", []string{"\u03ba\u03b1\u03bb\u03b7\u03bc\u03b5\u03c1\u03b1"}},
			{11, "mom \u263a!", []string{"mom"}},
			{12, "\u043f\u0440\u0438\u0432\u0435\u0442gr\u00fc\u00dfe", []string{"\u043f\u0440\u0438\u0432\u0435\u0442grusse"}},
			{13, "hello", []string{"hello", "cafe", "closed"}},
			{14, long[10:130], []string{long, long[:40], "donau", strings.Repeat("x", 65) + "yz"}},
			{15, "+box@mail.example", []string{"jane.doe+box@mail.example.com", "angebot", "Angebot_2026-03", "final.pdf", "doe+box", "example.com/a"}},
			{16, "69 123-4567, #4711/26", []string{"4711/26", "10:30", "AL35 2021 1109", "+355 69 123-4567", "3.14159", "1,000,000", "1000000", "1.000.000", "2021 1109"}},
			{17, "na\u00cfve", []string{"cafe", "naive", "cooperate", "caf\u00e9"}},
		} {
			if c.imap != "" {
				found, err := o.ix.Search(o.ctx, anna, o.box, o.inbox.ID, mail.Text{Text: c.imap})
				o.ok(err)
				if !found.Contains(c.uid) {
					t.Errorf("%s: TEXT %q found %s; want %d", state, c.imap, found, c.uid)
				}
				for _, q := range []mail.Query{mail.Text{Text: c.imap}, mail.Body{Text: c.imap}, mail.Header{Name: "Subject", Value: c.imap}} {
					o.same(q)
				}
			}
			for _, text := range c.people {
				if got := uids(o.query(Ask{Text: text})); !slices.Contains(got, c.uid) {
					t.Errorf("%s: %q found %d; want %d among them", state, text, got, c.uid)
				}
			}
		}
		o.update()
	}
	// Every piece of every text, by letters and over word ends.
	for _, text := range texts {
		runes := []rune(text[strings.Index(text, "\r\n\r\n"):])
		for i := 0; i < len(runes); i += 3 {
			for _, n := range []int{1, 2, 5, 70} {
				piece := string(runes[i:min(len(runes), i+n)])
				o.same(mail.Body{Text: strings.ToValidUTF8(piece, "?")})
			}
		}
	}
}

// TestOtherForms writes the same in two ways, without any forgiveness: it is found
// often enough.
func TestOtherForms(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range fewHits + 1 {
		o.append(plainText("one", "Frau M\u00fcller, 12500 St\u00fcck"), plainText("two", "Frau Mueller, 12.500 Stueck"), plainText("three", "Frau Muller, neu und neue, Stuck"))
	}
	for range 2 {
		for _, c := range []struct {
			text string
			want []mail.UID // of the three
		}{
			{"m\u00fcller", []mail.UID{1, 2, 3}}, {"mueller", []mail.UID{1, 2}}, {"muller", []mail.UID{1, 3}}, {"frau mueller", []mail.UID{1, 2}}, {"frau muelle", []mail.UID{1, 2}},
			{"\"frau m\u00fcller\"", []mail.UID{1, 2, 3}}, {"neue", []mail.UID{3}},
			{"12500", []mail.UID{1, 2}}, {"12.500", []mail.UID{1, 2}}, {"12,500", []mail.UID{1, 2}}, {"1250", []mail.UID{1}}, {"500 ", []mail.UID{2}},
		} {
			var got []mail.UID
			for _, h := range o.query(Ask{Text: c.text, Limit: MaxHits}).Hits {
				got = append(got, (h.Row.UID-1)%3+1)
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, c.want) {
				t.Errorf("%q found %d; want %d", c.text, got, c.want)
			}
		}
		o.update()
	}
	if a := o.query(Ask{Text: "mueller", Limit: 20}); !slices.ContainsFunc(a.Hits, func(h Hit) bool { return strings.Contains(shown(h.Snippet), "[M\u00fcller]") }) {
		t.Error("the other form is not shown as found")
	}
}

// TestLongQueries asks for far more than anybody types.
func TestLongQueries(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var words []string
	for i := range 10_000 {
		words = append(words, fmt.Sprintf("word%d", i))
	}
	all := strings.Join(words, " ")
	o.append(plainText("many", all), plainText("few", "word1 word2"))
	var far mail.And
	for _, w := range words {
		far = append(far, mail.Body{Text: w})
	}
	if _, err := o.ix.Search(o.ctx, anna, o.box, o.inbox.ID, far); !errors.Is(err, match.ErrQuery) {
		t.Errorf("%d keys: %v; want ErrQuery", len(far), err)
	}
	for range 2 {
		q := make(mail.And, 0, 300)
		for _, w := range words[:300] {
			q = append(q, mail.Body{Text: w})
		}
		o.same(q)
		o.same(mail.Or(q))
		o.same(mail.Body{Text: all[:4000]})
		o.same(mail.Text{Text: "w"})
		o.same(mail.Text{Text: " "})
		if got := uids(o.query(Ask{Text: all[:MaxAsk]})); !slices.Equal(got, []mail.UID{1}) {
			t.Errorf("%d bytes of words found %d; want 1", MaxAsk, got)
		}
		if got := uids(o.query(Ask{Text: `"` + all[:MaxAsk-2] + `"`})); !slices.Equal(got, []mail.UID{1}) {
			t.Errorf("a phrase of %d bytes found %d; want 1", MaxAsk, got)
		}
		if got := uids(o.query(Ask{Text: "w"})); len(got) != 2 {
			t.Errorf("one letter found %d; want both", got)
		}
		o.update()
	}
}
