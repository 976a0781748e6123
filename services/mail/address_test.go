package mail

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", MaxLocalPart)
	for in, want := range map[string]Address{
		"alice@example.test":            {"alice", "example.test"},
		"Alice.B+tag@Example.TEST":      {"Alice.B+tag", "Example.TEST"},
		`"two words"@example.test`:      {"two words", "example.test"},
		`"a\"b\\c"@example.test`:        {`a"b\c`, "example.test"},
		`"a@b"@example.test`:            {"a@b", "example.test"},
		"poštar@сандук.test":            {"poštar", "сандук.test"},
		"root@[127.0.0.1]":              {"root", "[127.0.0.1]"},
		"root@[IPv6:2001:db8::1]":       {"root", "[IPv6:2001:db8::1]"},
		long + "@example.test":          {long, "example.test"},
		`""@example.test`:               {"", "example.test"},
		"!#$%&'*+-/=?^_`{|}~@a.example": {"!#$%&'*+-/=?^_`{|}~", "a.example"},
	} {
		got, err := ParseAddress(in)
		if err != nil || got != want {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", in, got, err, want)
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Errorf("ParseAddress(%q.String()) = %q, %v; want the same again", got, again, err)
		}
	}
	for _, in := range []string{
		"", "@", "alice", "alice@", "@example.test", "a..b@example.test", ".a@example.test", "a.@example.test",
		"a b@example.test", "a@b c", "a@-b.test", "a@b-.test", "a@b..test", "a@.b", "a@b.", `"a@example.test`,
		"\"a\r\nb\"@example.test", "a\x00@example.test", "a@exa\x00mple.test", `"a\`, "a@[1.2.3]", "a@[::1]", "a@[IPv6:1.2.3.4]",
		"a@[IPv6:fe80::1%eth0]", "\xff@example.test", "a@\xff.test", long + "a@example.test", "a@" + strings.Repeat("b.", 128) + "c",
		"<a@example.test>", "a@b@example.test", "a@example.test ",
	} {
		if got, err := ParseAddress(in); !errors.Is(err, ErrAddress) {
			t.Errorf("ParseAddress(%q) = %q, %v; want ErrAddress", in, got, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	a, b := Address{"Alice", "EXAMPLE.test"}, Address{"alice", "example.TEST"}
	if a.Canonical() != b.Canonical() {
		t.Errorf("Canonical: %q and %q differ", a.Canonical(), b.Canonical())
	}
	if (Address{}).String() != "" || !(Address{}).IsZero() {
		t.Error("the zero Address is not the null path")
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"alice@example.test", `"a\"b"@x.test`, "root@[IPv6:::1]", "poštar@сандук.test"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q parsed as %q, whose text %q parsed as %q, %v", s, a, a.String(), again, err)
		}
		if strings.ContainsAny(a.String(), "\r\n\x00") {
			t.Errorf("%q keeps control characters: %q", s, a.String())
		}
	})
}
