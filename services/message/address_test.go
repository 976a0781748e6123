package message

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// box is shorthand for a mailbox entry.
func box(name, mailbox, host string) EnvelopeAddress {
	return EnvelopeAddress{Name: name, Mailbox: mailbox, Host: host}
}

func start(name string) EnvelopeAddress { return EnvelopeAddress{Kind: GroupStart, Mailbox: name} }

var end = EnvelopeAddress{Kind: GroupEnd}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []EnvelopeAddress
	}{
		{"", nil},
		{" , ,, ", nil},
		{"a@b", []EnvelopeAddress{box("", "a", "b")}},
		{"<a@b>", []EnvelopeAddress{box("", "a", "b")}},
		{"Alice <a@b>, Bob Q. Public <b@c>", []EnvelopeAddress{box("Alice", "a", "b"), box("Bob Q. Public", "b", "c")}},
		{`"Public, \"Q\" (x)" <"a b"@c>`, []EnvelopeAddress{box(`Public, "Q" (x)`, "a b", "c")}},
		{"a@b (Alice (the first) Smith)", []EnvelopeAddress{box("Alice (the first) Smith", "a", "b")}},
		{"(first) Alice (second) <a@b> (third)", []EnvelopeAddress{box("Alice", "a", "b")}},
		{"a . b @ c . d", []EnvelopeAddress{box("", "a.b", "c.d")}},
		{"a@[192.0.2.1]", []EnvelopeAddress{box("", "a", "[192.0.2.1]")}},
		{"<@x.org,@y.org:a@b>", []EnvelopeAddress{{Route: "@x.org,@y.org", Mailbox: "a", Host: "b"}}},
		{"Team: Alice <a@b>, c@d;", []EnvelopeAddress{start("Team"), box("Alice", "a", "b"), box("", "c", "d"), end}},
		{"undisclosed-recipients:;", []EnvelopeAddress{start("undisclosed-recipients"), end}},
		{"A Team:a@b;, c@d", []EnvelopeAddress{start("A Team"), box("", "a", "b"), end, box("", "c", "d")}},
		{"Team: a@b", []EnvelopeAddress{start("Team"), box("", "a", "b"), end}},
		{"root", []EnvelopeAddress{box("", "root", "")}},
		{"Alice Smith", []EnvelopeAddress{box("", "Alice Smith", "")}},
		{"Mail System <>", []EnvelopeAddress{box("Mail System", "", "")}},
		{"Alice Smith a@b", []EnvelopeAddress{box("Alice Smith", "a", "b")}},
		{"Alice <a@b, Bob <c@d>", []EnvelopeAddress{box("Alice", "a", "b"), box("Bob", "c", "d")}},
		{`Alice "Al <a@b>`, []EnvelopeAddress{box(`Alice "Al`, "a", "b")}},
		{"=?utf-8?q?M=C3=BCller,_Eva?= <e@m>, =?utf-8?q?x,y?= <x@y>", []EnvelopeAddress{box("=?utf-8?q?M=C3=BCller,_Eva?=", "e", "m"), box("=?utf-8?q?x,y?=", "x", "y")}},
		{"Jörg <jörg@müller.example>", []EnvelopeAddress{box("Jörg", "jörg", "müller.example")}},
		{"a@b@c", []EnvelopeAddress{box("", "a@b", "c")}},
		{"a@b <c@d>", []EnvelopeAddress{box("a@b", "c", "d")}},
		{"<a@b> <c@d>", []EnvelopeAddress{box("c@d", "a", "b")}},
		{"(only a comment)", nil},
		{"a@b;", []EnvelopeAddress{box("", "a", "b")}},
	} {
		if got := parseAddresses(test.text, 100); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q:\n got %+v\nwant %+v", test.text, got, test.want)
		}
	}
}

func TestAddressLimit(t *testing.T) {
	t.Parallel()
	if got := parseAddresses(strings.Repeat("a@b,", 50), 20); len(got) != 20 {
		t.Errorf("found %d entries; want the limit, 20", len(got))
	}
	got := parseAddresses("g:"+strings.Repeat("a@b,", 50), 20)
	if len(got) != 20 || got[0].Kind != GroupStart || got[19].Kind != GroupEnd {
		t.Errorf("a group cut by the limit is not closed: %+v", got)
	}
	if got := parseAddresses("g:a@b;", 0); got != nil {
		t.Errorf("limit 0 gave %+v", got)
	}
	if got := parseAddresses("g:a@b;", 1); len(got) != 0 {
		t.Errorf("limit 1 gave %+v; want no half of a group", got)
	}
}

// TestHostileHeaders: what is quadratic in a careless parser takes no time here.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for _, unit := range []string{"(", "[", `"`, "<", "=?a?q?", "=?a?q? ", "a:", "@", "\\", ";", "[,", "<@a,", "a ", "=?utf-8?b?QQ==?= ", "(\\)", "[]", "[[]"} {
		value := strings.Repeat(unit, size/len(unit))
		begin := time.Now() // the parser has no clock to inject: this measures work
		scan(t, "To: "+value+"\nSubject: "+value+"\nContent-Type: text/plain; "+value+"\nReferences: "+value+"\n\n")
		if took := time.Since(begin); took > 10*time.Second { // it is some 0.2 s; a quadratic one takes minutes
			t.Errorf("a megabyte of %q took %v", unit, took)
		}
	}
}

func TestAddressText(t *testing.T) {
	t.Parallel()
	list := parseAddresses("Team: =?utf-8?q?J=C3=B6rg?= <j@k>, a@b; , root", 10)
	if got, want := AddressText(list), "Jörg <j@k>, a@b, root"; got != want {
		t.Errorf("AddressText = %q; want %q", got, want)
	}
}
