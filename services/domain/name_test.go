package domain

import (
	"errors"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Name{
		"example.test":           "example.test",
		"Example.TEST.":          "example.test",
		"сандук.test":            "xn--80aisksp.test",
		"САНДУК.test":            "xn--80aisksp.test",
		"XN--80AISKSP.test":      "xn--80aisksp.test",
		"faß.example":            "xn--fa-hia.example",
		"ｅｘａｍｐｌｅ.test":           "example.test",
		"r3---sn.example":        "r3---sn.example",
		"localhost":              "localhost",
		strings.Repeat("a", 63):  Name(strings.Repeat("a", 63)),
		"1.168.192.in-addr.arpa": "1.168.192.in-addr.arpa",
	} {
		got, err := Canonical(in)
		if err != nil || got != want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", in, got, err, want)
		}
		if again, err := Canonical(string(got)); err != nil || again != got {
			t.Errorf("Canonical(%q) = %q, %v; want the same again", got, again, err)
		}
	}
	for _, in := range []string{
		"", ".", "..", "a..b", ".a", "a b", "-a.test", "a-.test", "[127.0.0.1]", "under_score.test", "a@b", "a/b",
		"a\x00b", "\xff", strings.Repeat("a", 64), strings.Repeat("ab.", 90), "xn--\x00", "xn--0.test", "a\r\n.test",
	} {
		if got, err := Canonical(in); !errors.Is(err, ErrName) {
			t.Errorf("Canonical(%q) = %q, %v; want ErrName", in, got, err)
		}
	}
}

func TestUnicode(t *testing.T) {
	t.Parallel()
	if got := Name("xn--80aisksp.test").Unicode(); got != "сандук.test" {
		t.Errorf("Unicode = %q, want сандук.test", got)
	}
	if got := Name("example.test").Unicode(); got != "example.test" {
		t.Errorf("Unicode = %q, want example.test", got)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[mail.Address]mail.Address{
		{Local: "Alice", Domain: "EXAMPLE.test"}:  {Local: "alice", Domain: "example.test"},
		{Local: "Pos\u030Ctar", Domain: "x.test"}: {Local: "po\u0161tar", Domain: "x.test"},
	} {
		if got, err := Address(in); err != nil || got != want {
			t.Errorf("Address(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []mail.Address{{}, {Local: "a", Domain: "[127.0.0.1]"}, {Domain: "x.test"}} {
		if got, err := Address(in); err == nil {
			t.Errorf("Address(%q) = %q, want an error", in, got)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"example.test", "сандук.test", "xn--80aisksp.test", "faß.de", "a..b", "xn--0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := Canonical(s)
		if err != nil {
			return
		}
		if again, err := Canonical(string(name)); err != nil || again != name {
			t.Errorf("%q became %q, which became %q, %v", s, name, again, err)
		}
		for _, r := range string(name) {
			if r >= 0x80 || r <= ' ' || r >= 'A' && r <= 'Z' {
				t.Errorf("%q became %q", s, name)
			}
		}
	})
}
