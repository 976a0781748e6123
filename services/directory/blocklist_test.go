package directory

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenBlockLists: the records of block lists and reports must be read for ever.
func TestGoldenBlockLists(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-6.txt")
	if got, want := fmt.Sprint(s.blockLists.value()), "{[{zen.list.test true} {soft.list.test false}] [192.0.2.7/32 2001:db8::/64]}"; got != want {
		t.Errorf("block lists %s; want %s", got, want)
	}
	if got, want := fmt.Sprint(s.reports(""), s.reports("far.test")), "{ true false} {far.test false false}"; got != want {
		t.Errorf("reports %s; want %s", got, want)
	}
}

// TestBlockLists: what was set holds after every start, and what can't be a list is
// refused.
func TestBlockLists(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	set := mail.BlockLists{Lists: []mail.BlockList{{Zone: "Zen.List.test.", Refuse: true}, {Zone: "b.test"}}, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}
	if err := b.SetBlockLists(ctx, set); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []mail.BlockLists{
		{Lists: []mail.BlockList{{Zone: "not a name"}}}, {Lists: []mail.BlockList{{Zone: "a.test"}, {Zone: "A.test"}}}, {Allow: []netip.Prefix{{}}},
	} {
		if _, ok := errors.AsType[*mail.RuleError](b.SetBlockLists(ctx, wrong)); !ok {
			t.Errorf("%+v is taken", wrong)
		}
	}
	if err := b.SetBlockLists(ctx, mail.BlockLists{Lists: make([]mail.BlockList, maxBlockLists+1)}); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("too many: %v", err)
	}
	for range 2 {
		if got, want := fmt.Sprint(b.BlockLists()), "{[{zen.list.test true} {b.test false}] [192.0.2.0/24]}"; got != want {
			t.Errorf("block lists %s; want %s", got, want)
		}
		b.check()
		b.stop()
		b.start()
	}
	if err := b.SetBlockLists(ctx, mail.BlockLists{}); err != nil || len(b.BlockLists().Lists) != 0 {
		t.Errorf("taken back: %v, %+v", err, b.BlockLists())
	}
	b.check()
}

// TestReporting: a domain's own setting goes before that for all, and both hold after
// every start.
func TestReporting(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	if got := b.Reports("far.test"); !got.DMARC || !got.TLS {
		t.Errorf("at first %+v; want both", got)
	}
	err := errors.Join(b.SetReporting(ctx, mail.Reporting{DMARC: true}), b.SetReporting(ctx, mail.Reporting{Domain: "Far.test", TLS: true}), b.SetReporting(ctx, mail.Reporting{Domain: "near.test", DMARC: true, TLS: true}))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetReporting(ctx, mail.Reporting{Domain: "not a name"}); !errors.Is(err, domain.ErrName) {
		t.Errorf("a wrong name: %v", err)
	}
	for range 2 {
		if got, want := fmt.Sprint(b.Reporting()), "[{ true false} {far.test false true} {near.test true true}]"; got != want {
			t.Errorf("settings %s; want %s", got, want)
		}
		if got, want := fmt.Sprint(b.Reports("FAR.test"), b.Reports("else.test"), b.Reports("[192.0.2.1]")), "{far.test false true} { true false} { true false}"; got != want {
			t.Errorf("reports %s; want %s", got, want)
		}
		b.check()
		b.stop()
		b.start()
	}
	if err := b.SetReporting(ctx, mail.Reporting{DMARC: true, TLS: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.SetReporting(ctx, mail.Reporting{Domain: "far.test", DMARC: true, TLS: true}); err != nil || len(b.Reporting()) != 2 {
		t.Errorf("taken back: %v, %v", err, b.Reporting())
	}
}
