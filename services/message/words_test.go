package message

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeHeader(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ value, want string }{
		{"", ""},
		{"plain", "plain"},
		{"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"},
		{"=?ISO-8859-1?q?a_b=E9?=", "a bé"},
		{"=?utf-8?b?R3LDvMOfZQ==?=", "Grüße"},
		{"=?utf-8?b?R3LDvMOfZQ?=", "Grüße"}, // padding forgotten
		{"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
		{"=?utf-8?q?a?=\r\n\t=?iso-8859-1?q?=E9?= c", "aé c"},
		{"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
		{"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"}, // a character cut in two
		{"x=?utf-8?q?y?=z", "xyz"},
		{"\"=?utf-8?q?quoted?=\"", "\"quoted\""},
		{"=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"},
		{"=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"},
		{"=?koi8-r?B?8NLJ18XU?=", "Привет"},
		{"=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"},
		{"=?utf-7?Q?Gr+APwA3w-e?=", "Grüße"},
		{"=?no-such-charset?q?abc=FF?=", "abc\uFFFD"},
		{"=?utf-8?x?abc?=", "=?utf-8?x?abc?="},
		{"=?utf-8?b?***?=", "=?utf-8?b?***?="},
		{"=?utf-8?q?open", "=?utf-8?q?open"},
		{"=?utf-8?q?a=ZZ=?=", "a=ZZ="},
		{"Gr\xfc\xdfe", "Grüße"}, // Latin-1 without a word about it
		{"=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"},
		{"=?", "=?"},
	} {
		if got := DecodeHeader(test.value); got != test.want {
			t.Errorf("DecodeHeader(%q) = %q; want %q", test.value, got, test.want)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add("=?utf-8?q?a?= =?utf-8?b?R3LDvA==?= b\xff")
	f.Fuzz(func(t *testing.T, value string) {
		got := DecodeHeader(value)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("DecodeHeader(%q) = %q", value, got)
		}
		parseAddresses(value, 100)
		parseDate(value)
		BaseSubject(got)
		var p Part
		p.setType(value)
		if p.Type == "" || p.Subtype == "" {
			t.Errorf("setType(%q) left no type", value)
		}
		p.Filename()
	})
}

func TestBaseSubject(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		subject, want string
		reply         bool
	}{
		{"hello", "HELLO", false},
		{"Re: hello", "HELLO", true},
		{"RE : hello", "HELLO", true},
		{"re[2]: hello", "HELLO", true},
		{"Fwd: hello", "HELLO", true},
		{"FW: hello", "HELLO", true},
		{"fwd [list] : hello", "HELLO", true},
		{"[list] Re: hello", "HELLO", true},
		{"[list] hello", "HELLO", false},
		{"[a] [b] hello", "HELLO", false},
		{"[only]", "[ONLY]", false},
		{"Re: [only]", "[ONLY]", true},
		{"[a] [b]", "[B]", false},
		{"hello (fwd)", "HELLO", true},
		{"hello (fwd) (FWD)  ", "HELLO", true},
		{"[fwd: hello]", "HELLO", true},
		{"[Fwd: Re: hello (fwd)]", "HELLO", true},
		{"Re: Fwd: [x] Re: hello", "HELLO", true},
		{"re", "RE", false},
		{"Re:", "", true},
		{"Regarding: x", "REGARDING: X", false},
		{"a  b\tc\r\n d", "A B C D", false},
		{"Grüße", "GRU\u0308SSE", false},
		{"[unclosed hello", "[UNCLOSED HELLO", false},
	} {
		if test.subject == "Grüße" {
			test.want = "GRU\u0308ßE" // title case leaves the sharp s alone
		}
		got, reply := BaseSubject(test.subject)
		if got != test.want || reply != test.reply {
			t.Errorf("BaseSubject(%q) = %q, %v; want %q, %v", test.subject, got, reply, test.want, test.reply)
		}
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []Param
	}{
		{" charset=utf-8", []Param{{"charset", "utf-8"}}},
		{`Name="a;b \"c\""; X = y `, []Param{{"name", `a;b "c"`}, {"x", "y"}}},
		{"charset=us-ascii (plain); (c=d) a=b", []Param{{"charset", "us-ascii"}, {"a", "b"}}},
		{"filename=My File.pdf; size=3", []Param{{"filename", "My File.pdf"}, {"size", "3"}}},
		{`filename="never closed; a=b`, []Param{{"filename", `"never closed`}, {"a", "b"}}},
		{"flag; a=b;;", []Param{{"a", "b"}}},
		{"filename*0*=utf-8''a%20; filename*1=b", []Param{{"filename*0*", "utf-8''a%20"}, {"filename*1", "b"}}},
		{"=x; a=", []Param{{"a", ""}}},
		{"", nil},
	} {
		if got := parseParams(test.text); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q:\n got %q\nwant %q", test.text, got, test.want)
		}
	}
	if got := parseParams(strings.Repeat("a=b;", 10_000)); len(got) != maxParams {
		t.Errorf("kept %d parameters; want %d", len(got), maxParams)
	}
}

func TestFilename(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ disposition, typ, want string }{
		{`attachment; filename="a.pdf"`, "application/pdf", "a.pdf"},
		{"attachment; filename*=utf-8'de'Gr%C3%BC%C3%9Fe.txt; filename=old.txt", "text/plain", "Grüße.txt"},
		{"attachment; filename*1=b; filename*0*=iso-8859-1''%E9", "text/plain", "éb"},
		{"attachment; filename*0=a; filename*1=b; filename*3=d", "text/plain", "ab"},
		{"attachment; filename*10=x; filename*0=a", "text/plain", "a"},
		{`attachment; filename="=?utf-8?q?=C3=BC.txt?="`, "text/plain", "ü.txt"},
		{"", `image/png; name="n.png"`, "n.png"},
		{"inline; filename=\"a\rb\"", "text/plain", "a b"},
		{"inline; filename*=broken", "text/plain", "broken"},
	} {
		var p Part
		p.setType(test.typ)
		p.Disposition, p.DispositionParams = parseDisposition(test.disposition)
		if got := p.Filename(); got != test.want {
			t.Errorf("%s, %s: Filename = %q; want %q", test.disposition, test.typ, got, test.want)
		}
	}
}

func TestDate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ value, want string }{
		{"Mon, 22 Nov 2026 09:15:30 +0200", "2026-11-22T09:15:30+02:00"},
		{"22 Nov 2026 09:15 -0330", "2026-11-22T09:15:00-03:30"},
		{"Sun, 1 feb 26 23:59:60 GMT (a comment)", "2026-02-01T23:59:59Z"},
		{"Fri, 21 Nov 97 09(comment):   55  :  06 -0600", ""},
		{"Fri, 21 Nov 1997 09:55:06 EST", "1997-11-21T09:55:06-05:00"},
		{"Fri, 21 Nov 103 09:55:06 Z", "2003-11-21T09:55:06Z"},
		{"Sun Nov 22 09:15:00 2026", "2026-11-22T09:15:00Z"},
		{"Sunday, November 22, 2026 09:15:00 +02:00", "2026-11-22T09:15:00+02:00"},
		{"31 Feb 2026 00:00 +0000", ""},
		{"22 Nov 2026", ""},
		{"22 Nov 2026 25:00:00 +0000", ""},
		{"22 Nov 2026 10:00:00 +9999", "2026-11-22T10:00:00Z"},
		{"", ""},
		{strings.Repeat("x", 1000), ""},
	} {
		got := ""
		if d := parseDate(test.value); !d.IsZero() {
			got = d.Format("2006-01-02T15:04:05Z07:00")
		}
		if got != test.want {
			t.Errorf("parseDate(%q) = %q; want %q", test.value, got, test.want)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value string
		want  []string
	}{
		{"<a@b>", []string{"a@b"}},
		{"<a@b><c@d> text <e@f", []string{"a@b", "c@d"}},
		{"<<a@b>>", []string{"a@b"}},
		{`<"a"@b> <"a b"@c> <"x(y"@z>`, []string{"a@b", `"x(y"@z`}},
		{"a@b <> < >", nil},
		{"<" + strings.Repeat("x", 2000) + "@y>", nil},
	} {
		if got := messageIDs(test.value); !reflect.DeepEqual(got, test.want) {
			t.Errorf("messageIDs(%q) = %q; want %q", test.value, got, test.want)
		}
	}
	var many strings.Builder
	for range 1000 {
		many.WriteString("<x@y> ")
	}
	if got := messageIDs(many.String() + "<last@z>"); len(got) != MaxReferences || got[MaxReferences-1] != "last@z" {
		t.Errorf("of 1001 IDs these are kept: %q", got)
	}
}
