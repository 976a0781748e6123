package directory

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenPolicies: the records of what may be sent and be in it, on top of the others.
func TestGoldenPolicies(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, emptyState(), "testdata/records-1.txt")
	s = replayGolden(t, replayGolden(t, s, "testdata/records-2.txt"), "testdata/records-3.txt")
	if got, want := fmt.Sprint(s.limits), "map[a0:{2000 -1} a3:{0 50}]"; got != want {
		t.Errorf("limits = %s; want %s", got, want)
	}
	if f, own := s.spares["friend.test"], s.spares[""]; len(s.spares) != 2 || fmt.Sprint(f.Recipients) != "[info x]" || fmt.Sprint(own.Servers) != "[192.0.2.7/32 2001:db8::/64]" {
		t.Errorf("spares = %v", s.spares)
	}
	v := &view{state: s}
	v.compile()
	if got, want := fmt.Sprint(v.contentRules), "map[example.test:[{Cards false true true true false false [card]  [] 2 redact } {Old true false false false true true [] x+ [a b] 0 hold }]]"; got != want {
		t.Errorf("content rules = %s; want %s", got, want)
	}
}

// TestSetLimits: what was set holds after every start, and goes with who it was set for.
func TestSetLimits(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	everybody, one := mail.Limits{Messages: 50}, mail.Limits{Messages: mail.NoLimit, Recipients: 7}
	if err := errors.Join(b.SetLimits(ctx, 0, everybody), b.SetLimits(ctx, 2, one)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetLimits(ctx, 99, one); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("SetLimits of nobody = %v; want ErrNoAccount", err)
	}
	for _, wrong := range []mail.Limits{{Messages: -2}, {Recipients: maxLimit + 1}} {
		if _, ok := errors.AsType[*mail.RuleError](b.SetLimits(ctx, 2, wrong)); !ok {
			t.Errorf("SetLimits(%+v) is taken", wrong)
		}
	}
	for range 2 {
		if b.Limits(0) != everybody || b.Limits(2) != one || b.Limits(1) != (mail.Limits{}) {
			t.Errorf("Limits = %+v, %+v, %+v", b.Limits(0), b.Limits(2), b.Limits(1))
		}
		b.check()
		b.stop()
		b.start()
	}
	if got, want := b.Limits(2).Or(b.Limits(0)).Or(mail.StandardLimits()), one; got != want {
		t.Errorf("what holds for one is %+v; want %+v", got, want)
	}
	if err := b.SetLimits(ctx, 0, mail.Limits{}); err != nil || b.Limits(0) != (mail.Limits{}) {
		t.Errorf("taken back: %v, %+v", err, b.Limits(0))
	}
}

// TestSetContent: rules on contents hold after every start, for a domain and its other
// names, and go with the domain.
func TestSetContent(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	rules := []mail.ContentRule{{Name: "Cards", Out: true, Ready: []string{"card"}, Action: mail.ContentRefuse, Unreadable: mail.ContentHold}}
	if err := errors.Join(b.SetDomain(ctx, mail.Domain{Name: "c.test"}), b.SetDomain(ctx, mail.Domain{Name: "also.test", AliasOf: "c.test"}), b.SetContent(ctx, "C.test", rules)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetContent(ctx, "elsewhere.test", rules); !errors.Is(err, mail.ErrNoDomain) {
		t.Errorf("SetContent elsewhere = %v; want ErrNoDomain", err)
	}
	if _, ok := errors.AsType[*mail.RuleError](b.SetContent(ctx, "c.test", []mail.ContentRule{{Name: "x"}})); !ok {
		t.Error("a rule that says nothing is taken")
	}
	for range 2 {
		for _, name := range []string{"c.test", "ALSO.test"} {
			if got := fmt.Sprint(b.Content(name)); got != fmt.Sprint(rules) {
				t.Errorf("Content(%s) = %s; want %v", name, got, rules)
			}
		}
		if got := b.Content("example.test"); got != nil {
			t.Errorf("Content of another domain = %v", got)
		}
		b.check()
		b.stop()
		b.start()
	}
	if err := errors.Join(b.RemoveDomain(ctx, "also.test"), b.RemoveDomain(ctx, "c.test"), b.SetDomain(ctx, mail.Domain{Name: "c.test"})); err != nil {
		t.Fatal(err)
	}
	if got := b.Content("c.test"); got != nil {
		t.Errorf("a new domain of the same name has %v", got)
	}
	b.check()
}

// TestSpare: of which domains this box is a spare server, and of whom there, holds after
// every start.
func TestSpare(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	servers := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}
	if err := errors.Join(b.SetSpare(ctx, mail.Spare{Domain: "Friend.test", Recipients: []string{"Info", "info", "x.y"}}), b.SetSpare(ctx, mail.Spare{Domain: "all.test"}), b.SetSpareServers(ctx, servers)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetSpare(ctx, mail.Spare{Domain: "example.test"}); !errors.Is(err, mail.ErrInUse) {
		t.Errorf("of the office's own domain: %v", err)
	}
	if err := b.RemoveSpare(ctx, "none.test"); !errors.Is(err, mail.ErrNoDomain) {
		t.Errorf("RemoveSpare = %v", err)
	}
	for _, wrong := range []string{"192.0.0.0/16", "::/0"} {
		if _, ok := errors.AsType[*mail.RuleError](b.SetSpareServers(ctx, []netip.Prefix{netip.MustParsePrefix(wrong)})); !ok {
			t.Errorf("half of the world (%s) is taken for the office's own servers", wrong)
		}
	}
	for range 2 {
		for text, want := range map[string]string{
			"info@friend.test": "true false", "INFO+x@FRIEND.test": "true false", "postmaster@friend.test": "true false", "nobody@friend.test": "true true",
			"anybody@all.test": "true false", "x@elsewhere.test": "false false", "x@example.test": "false false", "x@[192.0.2.1]": "false false",
		} {
			a, err := mail.ParseAddress(text)
			if err != nil {
				t.Fatal(err)
			}
			spare, unknown := b.Spare(a)
			if got := fmt.Sprint(spare, unknown); got != want {
				t.Errorf("Spare(%s) = %s; want %s", text, got, want)
			}
		}
		if got := fmt.Sprint(b.SpareServers()); got != "[192.0.2.7/32]" {
			t.Errorf("SpareServers = %s", got)
		}
		if list, err := b.Spares(ctx); err != nil || len(list) != 2 || fmt.Sprint(list[1]) != "{friend.test [info x.y]}" {
			t.Errorf("Spares = %v, %v", list, err)
		}
		b.check()
		b.stop()
		b.start()
	}
	if err := errors.Join(b.RemoveSpare(ctx, "friend.test"), b.SetSpareServers(ctx, nil)); err != nil {
		t.Fatal(err)
	}
	if list, _ := b.Spares(ctx); len(list) != 1 || b.SpareServers() != nil {
		t.Errorf("left are %v, %v", list, b.SpareServers())
	}
}
