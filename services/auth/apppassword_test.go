package auth

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// programs is a directory in which alice has app passwords.
type programs struct {
	*people
	list []AppPassword
	only bool
}

func (p programs) Credential(ctx context.Context, login string) (Credential, error) {
	c, err := p.people.Credential(ctx, login)
	if err == nil && strings.HasPrefix(login, "alice") {
		c.Programs, c.OnlyPrograms = p.list, p.only
	}
	return c, err
}

// TestAppPasswords: they open what they are for, in any spelling, and never the pages;
// where programs need one, the account's own password opens the pages only, in every
// mechanism, and whoever tries it learns nothing.
func TestAppPasswords(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	alice := mail.AccountID(len("alice"))
	all, one := NewAppPassword(), NewAppPassword()
	d := &programs{people: p, list: []AppPassword{
		{Number: 1, Hash: p.key.AppPasswordHash(alice, one), Services: []mail.Service{mail.ServiceIMAP}},
		{Number: 4, Hash: p.key.AppPasswordHash(alice, all)},
	}}
	a := p.authenticator(Options{Trusted: func(netip.Addr) bool { return true }})
	a.directory = d
	imap, smtp := a.For(mail.ServiceIMAP), a.For(mail.ServiceSubmission)
	for _, c := range []struct {
		name     string
		at       *Authenticator
		login    string
		password string
		number   mail.ProgramNumber
		denied   bool
	}{
		{"for all", imap, "alice", all, 4, false},
		{"without spaces", smtp, "alice", strings.ReplaceAll(all, " ", ""), 4, false},
		{"hyphens and capitals", smtp, "alice", strings.ToUpper(strings.ReplaceAll(all, " ", "-")), 4, false},
		{"for one", imap, "alice", one, 1, false},
		{"for one, elsewhere", smtp, "alice", one, 0, true},
		{"the pages", a, "alice", all, 0, true},
		{"another's", imap, "carl", all, 0, true},
		{"nobody's", imap, "nobody", all, 0, true},
		{"not whole", imap, "alice", all[:23], 0, true},
		{"the own password", imap, "alice", alicePassword, 0, false},
	} {
		login, err := c.at.Password(t.Context(), peer(1), c.login, c.password)
		if errors.Is(err, mail.ErrDenied) != c.denied || !c.denied && err != nil || login.Program != c.number {
			t.Errorf("%s: %+v, %v", c.name, login, err)
		}
	}
	x, err := smtp.Start("PLAIN", peer(1), overTLS())
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := x.Next(t.Context(), []byte("\x00alice\x00"+all)); !done || err != nil || x.Login().Program != 4 {
		t.Errorf("PLAIN: %+v, %v, %v", x.Login(), done, err)
	}

	d.only = true
	if _, err := imap.Password(t.Context(), peer(1), "alice", alicePassword); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("the own password, remembered as good, at a program: %v", err)
	}
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); err != nil {
		t.Errorf("the own password at the pages: %v", err)
	}
	if login, err := smtp.Password(t.Context(), peer(1), "alice", all); err != nil || login.Program != 4 {
		t.Errorf("an app password: %+v, %v", login, err)
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		if x, err = imap.Start(mechanism, peer(1), overTLS()); err != nil {
			t.Fatal(err)
		}
		if err := scramClient(t, x, mechanism, "alice", alicePassword, "", true); !errors.Is(err, mail.ErrDenied) {
			t.Errorf("%s with the own password: %v", mechanism, err)
		}
	}
	// The lock-out is one for all.
	b := p.authenticator(Options{})
	b.directory = d
	for range 2 * freeFailures {
		_, _ = b.For(mail.ServicePOP3).Password(t.Context(), peer(2), "alice", NewAppPassword())
	}
	if _, err := b.For(mail.ServiceIMAP).Password(t.Context(), peer(2), "alice", all); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("after many wrong ones: %v; want ErrTryLater", err)
	}
}

// TestNewAppPassword: groups of letters that nobody misreads, never the same.
func TestNewAppPassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		text := NewAppPassword()
		for group := range strings.SplitSeq(text, " ") {
			if len(group) != appGroup || strings.Trim(group, appLetters) != "" {
				t.Fatalf("made %q", text)
			}
		}
		if plain, ok := appPasswordText(text); !ok || len(plain) != appLength || seen[text] {
			t.Fatalf("made %q, read as %q, %v", text, plain, ok)
		}
		seen[text] = true
	}
}
