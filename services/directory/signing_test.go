package directory

import (
	"errors"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestSigningKeys: they are kept for the domains that mail can be from, survive a new
// start, are nowhere in clear, and go with their domain.
func TestSigningKeys(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	ctx := t.Context()
	if err := b.SetSigningKeys(ctx, "example.test", []byte("k")); !errors.Is(err, ErrNotSetUp) {
		t.Errorf("before the set-up: %v; want ErrNotSetUp", err)
	}
	if err := b.SetUp(ctx, testSetup(t)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetDomain(ctx, mail.Domain{Name: "b.test", AliasOf: "example.test"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.test", "mail.example.test", "b.test"} {
		if err := b.SetSigningKeys(ctx, domainName(t, name), []byte("private "+name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.SetSigningKeys(ctx, "elsewhere.test", []byte("k")); !errors.Is(err, mail.ErrNoDomain) {
		t.Errorf("a foreign domain: %v; want ErrNoDomain", err)
	}
	b.stop()
	b = newBox(t, b.path)
	for _, name := range []string{"example.test", "mail.example.test", "b.test"} {
		if got, err := b.SigningKeys(domainName(t, name)); string(got) != "private "+name || err != nil {
			t.Errorf("%s behind a start: %q, %v", name, got, err)
		}
	}
	seen := 0
	err := b.journal.Replay(ctx, journal.FamilyDirectory, 1, func(r journal.Record) error {
		if kind(r.Type) == kindSetSigning {
			seen++
			d, err := Describe(r)
			if err != nil || strings.Contains(string(r.Payload), "private") || !strings.Contains(d.String(), `"keys":"`+secret) {
				t.Errorf("the log has %s, %v", d, err)
			}
		}
		return nil
	})
	if err != nil || seen != 3 {
		t.Errorf("%d records, %v; want 3", seen, err)
	}
	if err := b.RemoveDomain(ctx, "b.test"); err != nil {
		t.Fatal(err)
	}
	if got, err := b.SigningKeys("b.test"); got != nil || err != nil {
		t.Errorf("of a domain that is gone: %q, %v; want none", got, err)
	}
	b.check()
}

// TestSigningKeysAreTheirDomains: a sealed value put under another name does not open.
func TestSigningKeysAreTheirDomains(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	r := signingRecord{Domain: "example.test"}
	sealed := b.key.Seal(r.purpose(), "k")
	other := signingRecord{Domain: "mail.example.test", Keys: sealed}
	if got, err := other.open(b.key.Open); err == nil {
		t.Errorf("another domain's keys open as %q", got)
	}
}

func domainName(t *testing.T, s string) domain.Name {
	t.Helper()
	name, err := domain.Canonical(s)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestGoldenSigning: the records of signing keys as they were first written must be
// read for ever. Those of a domain that has gone since went with it.
func TestGoldenSigning(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-2.txt")
	s = replayGolden(t, s, "testdata/records-4.txt")
	for name, want := range map[domain.Name]string{"example.test": "\x01\x04\x05", "b.test": "\x01\x02\x03", "mail.example.test": "\x01"} {
		if r := s.signing[name]; r == nil || string(r.Keys) != want {
			t.Errorf("%s signs with %+v; want %q", name, r, want)
		}
	}
	next, _, err := s.apply(removeDomainRecord{Name: "b.test"})
	if err != nil || next.signing["b.test"] != nil || len(next.signing) != 2 || len(s.signing) != 3 {
		t.Errorf("behind the end of b.test: %v, %v", next.signing, err)
	}
}

// TestSignedByProvider: it is set beside the keys, whichever comes first, holds behind a
// start and without an index, and goes with its domain.
func TestSignedByProvider(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	want := func(name domain.Name, provider bool, keys string) {
		t.Helper()
		if got := b.SignedByProvider(name); got != provider {
			t.Errorf("%s is signed by the provider: %v; want %v", name, got, provider)
		}
		if got, err := b.SigningKeys(name); string(got) != keys || err != nil {
			t.Errorf("keys of %s: %q, %v; want %q", name, got, err, keys)
		}
	}
	if err := b.SetSignedByProvider(ctx, "elsewhere.test", true); !errors.Is(err, mail.ErrNoDomain) {
		t.Errorf("a foreign domain: %v; want ErrNoDomain", err)
	}
	if err := b.SetDomain(ctx, mail.Domain{Name: "b.test", AliasOf: "example.test"}); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(
		b.SetSignedByProvider(ctx, "example.test", true), b.SetSigningKeys(ctx, "example.test", []byte("k")),
		b.SetSigningKeys(ctx, "mail.example.test", []byte("m")), b.SetSignedByProvider(ctx, "mail.example.test", true), b.SetSignedByProvider(ctx, "mail.example.test", false),
		b.SetSignedByProvider(ctx, "b.test", true))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want("example.test", true, "k")
		want("mail.example.test", false, "m")
		want("b.test", true, "")
		if report, err := b.Check(ctx); err != nil || strings.Join(report.Unsigned, " ") != "b.test example.test" {
			t.Errorf("check: %+v, %v; want b.test and example.test unsigned", report, err)
		}
		b.check()
		b.stop()
		b = newBox(t, b.path)
	}
	if err := b.SetSignedByProvider(ctx, "b.test", false); err != nil {
		t.Fatal(err)
	}
	want("b.test", false, "")
	if err := errors.Join(b.SetSignedByProvider(ctx, "b.test", true), b.RemoveDomain(ctx, "b.test")); err != nil {
		t.Fatal(err)
	}
	want("b.test", false, "")
	b.check()
}
