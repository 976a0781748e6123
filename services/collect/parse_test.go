package collect

import (
	"bufio"
	"context"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestReceivedFor(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"from a (b [192.0.2.1]) by c with ESMTP id 1 for <x@y.test>; Sun, 1 Nov 2026": "x@y.test",
		"from for.example.test by c for x@y.test (envelope-from <a@b>); date":         "x@y.test",
		"from a by c (for <no@y.test>) FOR <x@y.test>; date":                          "x@y.test",
		`by c for <"a b;c"@y.test>; d`:                                                `"a b;c"@y.test`,
		"from a by c; for <x@y.test>":                                                 "",
		"by c for":                                                                    "",
		"":                                                                            "",
		"by c ((nested \\) for <a@b>) ) for (comment) <x@y.test>":                     "x@y.test",
	} {
		if got := receivedFor(in); got != want {
			t.Errorf("receivedFor(%q) = %q; want %q", in, got, want)
		}
	}
}

func FuzzReceivedFor(f *testing.F) {
	f.Add("from a (b) by c for <x@y.test>; date")
	f.Add(`for "\`)
	f.Add(`(\`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := receivedFor(s); !strings.Contains(s, got) {
			t.Errorf("receivedFor(%q) = %q, which is not in it", s, got)
		}
	})
}

// TestSorting: the surest field decides, its topmost run alone.
func TestSorting(t *testing.T) {
	t.Parallel()
	c := &Collector{o: Options{Directory: office()}}
	s := popSource()
	for in, want := range map[string]string{
		"X-Original-To: alice@office.test\nDelivered-To: bob@office.test\n":                          "alice",
		"Delivered-To: box17@provider.test\nDelivered-To: bob@office.test\n":                         "bob",
		"Delivered-To: box17@provider.test\nEnvelope-To: alice@office.test, <bob@office.test>\n":     "alice bob",
		"Delivered-To: alice@office.test\nSubject: x\nDelivered-To: bob@office.test\n":               "alice",
		"Received: from x by y; d\nReceived: by z for <bob@office.test>; d\nTo: alice@office.test\n": "bob",
		"X-Original-To: nobody@office.test\nEnvelope-To: bob@office.test\n":                          "bob",
		"To: alice@office.test\n":          "",
		"X-Original-To: alice@else.test\n": "",
		"":                                 "",
	} {
		h := readHeader(strings.NewReader(in+"\nbody\n"), s.Key(), s.Rules.fields())
		to, err := c.recipients(t.Context(), &s, &h, nil)
		var got []string
		for _, a := range to {
			got = append(got, a.Local)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q goes to %v, %v; want %q", in, got, err, want)
		}
	}
	s.Rules.Keeper = mail.Address{Local: "bob", Domain: "office.test"}
	if got := c.keeper(t.Context(), &s); got.Local != "bob" {
		t.Errorf("what can't be sorted goes to %v; want bob, whom the rules name", got)
	}
	s.Rules.Keeper.Local = "gone"
	if got := c.keeper(t.Context(), &s); got.Local != "postmaster" {
		t.Errorf("what can't be sorted goes to %v; want the postmaster, as nobody has the address in the rules", got)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	for k, r := range map[kind]*record{
		kindTaken:     {source: SourceKey{1}, items: []Item{"ux"}, fingerprint: Fingerprint{2}},
		kindDeleted:   {source: SourceKey{1}, items: []Item{"ux", uidItem(7, 9)}},
		kindForgotten: {source: SourceKey{3}, items: []Item{"u1"}},
	} {
		got, err := decodeRecord(k, r.encode(k))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%d: got %+v, %v; want %+v", k, got, err, r)
		}
		if _, err := Describe(journal.Record{Type: uint8(k), Payload: r.encode(k)}); err != nil {
			t.Error(err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(uint8(1), (&record{items: []Item{"ux"}}).encode(kindTaken))
	f.Add(uint8(2), (&record{items: []Item{"ux", "uy"}}).encode(kindDeleted))
	f.Fuzz(func(t *testing.T, k uint8, b []byte) {
		r, err := decodeRecord(kind(k), b)
		if err != nil {
			return
		}
		again, err := decodeRecord(kind(k), r.encode(kind(k)))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v encodes to what decodes as %+v, %v", r, again, err)
		}
	})
}

// FuzzPOP3: whatever a server says, the client ends, with what it can hold.
func FuzzPOP3(f *testing.F) {
	f.Add("+OK\r\n1 a\r\n2 b\r\n.\r\n+OK\r\n1 100\r\n.\r\n+OK\r\nSubject: x\r\n\r\n..y\r\n.\r\n")
	f.Add("-ERR no\r\n")
	f.Add("+OK\r\n0 x\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		p := &popClient{r: bufio.NewReader(strings.NewReader(in)), w: bufio.NewWriter(io.Discard)}
		if err := p.uidls(func(n int, uidl string) error {
			if n <= 0 || uidl == "" || len(uidl) >= maxItem {
				t.Errorf("message %d is %q", n, uidl)
			}
			return nil
		}); err != nil {
			return
		}
		if err := p.sizes(func(int, int64) {}); err != nil {
			return
		}
		if _, err := p.exchange("RETR", "1"); err != nil {
			return
		}
		var b strings.Builder
		if _, err := p.message(&b, 1<<20); err == nil && b.Len() > 0 && !strings.HasSuffix(b.String(), "\r\n") {
			t.Errorf("a whole message ends in %q", b.String())
		}
	})
}

func FuzzReadHeader(f *testing.F) {
	f.Add("X-Original-To: alice@office.test, <bob@office.test>\r\nReturn-Path: <>\r\nReceived: from x by y for <a@b>; d\r\n\r\n")
	f.Add("Sanduk-Collected: 00\r\nDelivered-To:\r\n \r\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := &Collector{o: Options{Directory: office()}}
		s := popSource()
		h := readHeader(strings.NewReader(text), s.Key(), s.Rules.fields())
		to, err := c.recipients(t.Context(), &s, &h, nil)
		if err != nil || len(to) > maxRecipients {
			t.Errorf("%q goes to %d addresses, %v", text, len(to), err)
		}
		for _, a := range to {
			if c.o.Directory.Knows(t.Context(), a) != nil {
				t.Errorf("%q goes to %s, whom nobody knows", text, a)
			}
		}
	})
}
