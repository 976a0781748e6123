package match

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// stored is a message in memory.
func stored(row mail.Row, text string) *message.Stored {
	s := message.NewScanner(message.Limits{})
	_, _ = io.WriteString(s, text)
	d := s.Finish()
	return message.NewStored(row, nil, strings.NewReader(text), int64(len(text)), func() (*message.Digest, error) { return d, nil }, nil)
}

func TestMatch(t *testing.T) {
	t.Parallel()
	const text = "Subject: =?iso-8859-1?q?Caf=E9?= au lait\r\nReceived: one\r\nReceived: two\r\nDKIM-Signature: b=qzx\r\n" +
		"Date: Sun, 1 Mar 2026 01:00:00 +0900\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nΟΔΟΣ and more\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*0*=utf-8''K%C3%ABng; filename*1=a.pdf\r\nX-Part: =?utf-8?q?=C3=9Cber?=\r\n\r\nhidden\r\n" +
		"--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; bob@example.com\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner words\r\n\r\ninner text\r\n--b--\r\n"
	row := mail.Row{UID: 7, ModSeq: 9, Flags: mail.NewFlags(`\Seen`, "K"), Size: 500, Email: 3, Thread: 4,
		Internal: time.Date(2026, 3, 2, 0, 30, 0, 0, time.FixedZone("", 3600)), Saved: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)}
	day := func(d int) time.Time { return time.Date(2026, 3, d, 12, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		query mail.Query
		want  bool
	}{
		{mail.Header{Name: "subject", Value: "CAFÉ au"}, true}, {mail.Header{Name: "Received", Value: "two"}, true},
		{mail.Header{Name: "Received", Value: "three"}, false}, {mail.Text{Text: "qzx"}, true}, {mail.Header{Name: "DKIM-Signature", Value: "qzx"}, true}, {mail.Header{Name: "X-None"}, false},
		{mail.Body{Text: "οδος"}, true}, {mail.Body{Text: "οδοσ AND"}, true}, {mail.Body{Text: "hidden"}, false},
		{mail.Body{Text: "inner words"}, false}, {mail.Text{Text: "inner words"}, true}, {mail.Body{Text: "INNER TEXT"}, true},
		{mail.Text{Text: "k\u00cbnga.PDF"}, true}, {mail.Body{Text: "k\u00cbnga"}, false}, {mail.Text{Text: "x-part: \u00fcber"}, true}, {mail.Header{Name: "X-Part"}, false}, {mail.Text{Text: "k%c3%abng"}, true},
		{mail.Body{Text: "bob@example"}, true}, {mail.Body{Text: "au lait"}, false}, {mail.Body{}, true},
		{mail.Text{Text: "au lait"}, true}, {mail.Text{Text: "subject: café"}, true}, {mail.Text{Text: "absent"}, false},
		{mail.Fuzzy{Query: mail.Or{mail.Body{Text: "more and"}}}, true}, {mail.Fuzzy{Query: mail.Body{Text: "more less"}}, false},
		{mail.DayIn{Since: day(2), Before: day(3)}, true}, {mail.DayIn{Before: day(2)}, false},
		{mail.DayIn{Date: mail.SentDate, Since: day(1), Before: day(2)}, true}, {mail.DayIn{Date: mail.SaveDate, Since: day(6)}, false},
		{mail.MomentIn{Since: row.Internal, Before: row.Internal.Add(1)}, true}, {mail.MomentIn{Before: row.Internal}, false},
		{mail.Not{Query: mail.And{mail.UIDIn{Set: mail.SetOf[mail.UID](7)}, mail.HasFlags{Flags: mail.NewFlags("k", `\Seen`)}}}, false},
		{mail.Or{mail.EmailIs{Email: 9}, mail.ThreadIs{Thread: 4}}, true}, {mail.ModSeqFrom{ModSeq: 10}, false},
		{mail.And{mail.Larger{Bytes: 499}, mail.Smaller{Bytes: 501}}, true}, {nil, true},
	} {
		m, err := Compile(c.query)
		if err != nil {
			t.Fatalf("Compile(%#v): %v", c.query, err)
		}
		got, err := m.Match(context.Background(), row, func() (*message.Stored, error) { return stored(row, text), nil })
		if err != nil || got != c.want {
			t.Errorf("%#v = %t, %v; want %t", c.query, got, err, c.want)
		}
	}
}

// TestCheapFirst proves that a message isn't opened when its row says no.
func TestCheapFirst(t *testing.T) {
	t.Parallel()
	m, err := Compile(mail.And{mail.Body{Text: "x"}, mail.Header{Name: "Subject"}, mail.Larger{Bytes: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Match(context.Background(), mail.Row{Size: 10}, func() (*message.Stored, error) {
		t.Error("opened")
		return nil, mail.ErrNoMessage
	})
	if got || err != nil {
		t.Errorf("Match = %t, %v; want false", got, err)
	}
	if m.RowOnly() {
		t.Error("RowOnly of a query about bodies")
	}
}

func TestGoneAndBroken(t *testing.T) {
	t.Parallel()
	m, err := Compile(mail.Body{Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Match(context.Background(), mail.Row{}, func() (*message.Stored, error) { return nil, mail.ErrNoMessage })
	if got || err != nil {
		t.Errorf("an expunged message: %t, %v; want false", got, err)
	}
	broken := errors.New("disk")
	if _, err := m.Match(context.Background(), mail.Row{}, func() (*message.Stored, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v; want the disk's error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Match(ctx, mail.Row{}, func() (*message.Stored, error) { return stored(mail.Row{}, "\r\nx"), nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want Canceled", err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	deep := mail.Query(mail.Larger{})
	for range MaxDepth + 1 {
		deep = mail.Not{Query: deep}
	}
	for name, q := range map[string]mail.Query{
		"deep": deep, "wide": make(mail.Or, MaxNodes), "long": mail.Body{Text: strings.Repeat("x", MaxText+1)},
	} {
		if _, err := Compile(q); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: %v; want ErrQuery", name, err)
		}
	}
}

// TestContains looks for a text at every place around the borders of what is
// read at a time.
func TestContains(t *testing.T) {
	t.Parallel()
	const needle = "žéß漢字"
	for _, off := range []int{0, 1, window - 20, window - 9, window - 8, window - 7, window - 5, window - 3, window - 2, window - 1, window, window + 1, 2*window - 4} {
		text := strings.Repeat("a", off) + strings.ToUpper(needle) + strings.Repeat("b", 100)
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			if got, err := contains(context.Background(), r, Fold(needle)); !got || err != nil {
				t.Errorf("at %d: %t, %v; want true", off, got, err)
			}
		}
		if got, _ := contains(context.Background(), strings.NewReader(text), Fold(needle+"c")); got {
			t.Errorf("at %d: found what is not there", off)
		}
	}
	if _, err := contains(context.Background(), iotest.ErrReader(io.ErrClosedPipe), "x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v; want the reader's error", err)
	}
}

func FuzzContains(f *testing.F) {
	f.Add("haystack with a needle", "needle")
	f.Add("ǅ ß İ", "ss")
	f.Fuzz(func(t *testing.T, text, needle string) {
		if len(needle) > MaxText || needle == "" {
			return
		}
		got, err := contains(context.Background(), iotest.HalfReader(strings.NewReader(text)), Fold(needle))
		if want := strings.Contains(Fold(text), Fold(needle)); err != nil || got != want && len(text) < window {
			t.Errorf("contains(%q, %q) = %t, %v; want %t", text, needle, got, err, want)
		}
	})
}
