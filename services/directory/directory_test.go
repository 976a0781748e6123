package directory

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

func TestBeforeSetUp(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	ctx := t.Context()
	if _, done := b.Box(); done {
		t.Error("a new box says that it has been set up")
	}
	if _, err := b.resolve("postmaster@example.test"); !errors.Is(err, mail.ErrNotOurDomain) {
		t.Errorf("Resolve = %v, want ErrNotOurDomain", err)
	}
	if _, err := b.Credential(ctx, "admin@example.test"); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("Credential = %v, want ErrNoAccount", err)
	}
	if _, err := b.AddAccount(ctx, mail.Account{Address: mail.Address{Local: "a", Domain: "b.test"}}, testPassword); !errors.Is(err, ErrNotSetUp) {
		t.Errorf("AddAccount = %v, want ErrNotSetUp", err)
	}
	if err := b.SetRole(ctx, 1, mail.RoleAdmin, nil); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("SetRole = %v, want ErrNoAccount", err)
	}
}

func TestSetUp(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	for range 2 { // again after a restart
		box, done := b.Box()
		if !done || box.Hostname != "mail.example.test" || box.Timezone != "Europe/Tirane" || box.SubmissionExtraPort != 26 || len(box.Domains) != 2 {
			t.Errorf("Box = %+v, %v", box, done)
		}
		if box.Outbound.Password != "secret at the provider" || box.Outbound.Port != 587 || box.Outbound.Mode != setup.OutboundSmartHost {
			t.Errorf("Outbound = %+v", box.Outbound)
		}
		if len(box.Collect) != 2 || box.Collect[0].Password != "another secret" || box.Collect[0].IntoDomain != "example.test" ||
			box.Collect[1].IntoAddress != (mail.Address{Local: "alice", Domain: "example.test"}) || box.Collect[1].Every != 10*time.Minute {
			t.Errorf("Collect = %+v", box.Collect)
		}
		if !b.Trusted(netip.MustParseAddr("::ffff:10.1.2.3")) || b.Trusted(netip.MustParseAddr("10.2.0.1")) {
			t.Error("Trusted does not know 10.1.0.0/16")
		}
		accounts, err := b.Accounts(t.Context())
		if err != nil || len(accounts) != 2 || accounts[0].Role != mail.RoleOwner || accounts[1].Role != mail.RoleUser || accounts[1].Name != "Alice" {
			t.Errorf("Accounts = %+v, %v", accounts, err)
		}
		if !b.mail.has(1) || !b.mail.has(2) {
			t.Error("the accounts have no mailboxes")
		}
		if err := b.SetUp(t.Context(), testSetup(t)); !errors.Is(err, ErrSetUp) {
			t.Errorf("SetUp again = %v, want ErrSetUp", err)
		}
		b.stop()
		b.start()
	}
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	b.stop()
	err := filepath.WalkDir(b.path, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range []string{testPassword, "secret at the provider", "another secret"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds a password in clear", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Whatever goes wrong in the middle of the set-up, the box is not set up and can
// be, with another document.
func TestSetUpFails(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	b.mail.fail = iotest.ErrTimeout
	if err := b.SetUp(t.Context(), testSetup(t)); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("SetUp without mailboxes = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.mail.fail = nil
	if err := b.SetUp(ctx, testSetup(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("SetUp cancelled = %v", err)
	}
	bad := testSetup(t)
	bad.Accounts = append(bad.Accounts, bad.Accounts[0])
	if err := b.SetUp(t.Context(), bad); !errors.Is(err, mail.ErrAddressTaken) {
		t.Errorf("SetUp with an address twice = %v, want ErrAddressTaken", err)
	}
	if _, done := b.Box(); done || len(b.current.Load().accounts) != 0 {
		t.Error("something of a failed set-up is there")
	}
	if err := b.SetUp(t.Context(), testSetup(t)); err != nil {
		t.Errorf("SetUp after failures = %v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	admin, alice := mail.AccountID(1), mail.AccountID(2)
	plus := b.mustAdd("sales+west@example.test").ID
	carl := b.mustAdd("карл@сандук.test").ID
	for address, want := range map[string]mail.AccountID{
		"alice@example.test": alice, "ALICE@EXAMPLE.TEST": alice, "alice+news@example.test": alice,
		"admin@example.test": admin, "postmaster@example.test": admin, "Abuse@example.test": admin,
		"postmaster@mail.example.test": admin, "postmaster@xn--80aisksp.test": admin,
		"sales+west@example.test": plus, "КАРЛ@САНДУК.TEST": carl, "карл@xn--80aisksp.test": carl,
	} {
		if got, err := b.resolve(address); got != want || err != nil {
			t.Errorf("Resolve(%s) = %v, %v; want %v", address, got, err, want)
		}
	}
	for address, want := range map[string]error{
		"bob@example.test": mail.ErrNoSuchAddress, "sales@example.test": mail.ErrNoSuchAddress, "+x@example.test": mail.ErrNoSuchAddress,
		"alice@сандук.test": mail.ErrNoSuchAddress, `""@example.test`: mail.ErrNoSuchAddress,
		"alice@mail.example.test": mail.ErrNotOurDomain, "alice@example.net": mail.ErrNotOurDomain,
		"postmaster@example.net": mail.ErrNotOurDomain, "postmaster@[127.0.0.1]": mail.ErrNotOurDomain,
	} {
		if got, err := b.resolve(address); !errors.Is(err, want) {
			t.Errorf("Resolve(%s) = %v, %v; want %v", address, got, err, want)
		}
	}
	if got, err := b.Resolve(t.Context(), mail.Address{Local: "PostMaster"}); got != admin || err != nil {
		t.Errorf("Resolve(postmaster) = %v, %v; want %v", got, err, admin)
	}
	abuse := b.mustAdd("abuse@example.test").ID
	if got, err := b.resolve("abuse@example.test"); got != abuse || err != nil {
		t.Errorf("Resolve(abuse) with an account of that name = %v, %v; want %v", got, err, abuse)
	}
}

func TestOwns(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	for _, c := range []struct {
		id   mail.AccountID
		from mail.Address
		want bool
	}{
		{2, mail.Address{Local: "Alice", Domain: "example.test"}, true},
		{2, mail.Address{Local: "alice+x", Domain: "Example.test"}, true},
		{2, mail.Address{Local: "admin", Domain: "example.test"}, false},
		{2, mail.Address{Local: "postmaster", Domain: "example.test"}, false},
		{1, mail.Address{Local: "postmaster", Domain: "example.test"}, true},
		{2, mail.Address{Local: "alice", Domain: "example.net"}, false},
		{99, mail.Address{Local: "alice", Domain: "example.test"}, false},
	} {
		if got, err := b.Owns(t.Context(), c.id, c.from); got != c.want || err != nil {
			t.Errorf("Owns(%d, %s) = %v, %v; want %v", c.id, c.from, got, err, c.want)
		}
	}
}

func TestCredential(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	if err := b.SetDomain(t.Context(), mail.Domain{Name: "other.test", AliasOf: "example.test"}); err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]mail.AccountID{
		"alice@example.test": 2, " Alice@EXAMPLE.test ": 2, "admin@example.test": 1,
		"alice@Other.test": 2, "nobody@other.test": 0, // another name of the domain
		"alice": 0, // the office has two domains
		"":      0, "bob@example.test": 0, "alice+x@example.test": 0, "postmaster@example.test": 0, "a@b@c": 0, "alice@[1.2.3.4]": 0,
	} {
		c, err := b.Credential(t.Context(), login)
		if c.Login.Account != want || want == 0 && !errors.Is(err, mail.ErrNoAccount) || want != 0 && err != nil {
			t.Errorf("Credential(%q) = %v, %v; want account %v", login, c.Login, err, want)
		}
	}
	one := newBox(t, "")
	s := testSetup(t)
	s.Domains, s.Accounts, s.Collect = s.Domains[:1], s.Accounts[:1], nil
	if err := one.SetUp(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if c, err := one.Credential(t.Context(), "ALICE"); err != nil || c.Login.Account != 2 || c.Login.Admin {
		t.Errorf("Credential(ALICE) = %+v, %v", c.Login, err)
	}
	// Auth must be able to treat all spellings of a name that nobody has as one.
	for _, login := range []string{"nobody", " Nobody ", "nobody@example.test", "NOBODY@Example.Test"} {
		c, err := one.Credential(t.Context(), login)
		if want := (mail.Address{Local: "nobody", Domain: "example.test"}); !errors.Is(err, mail.ErrNoAccount) || c.Login.Address != want || c.Record != nil {
			t.Errorf("Credential(%q) = %+v, %v; want ErrNoAccount for %s", login, c, err, want)
		}
	}
}

func TestAddAccountRefuses(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	for _, c := range []struct {
		address        mail.Address
		name, password string
		want           error
	}{
		{mail.Address{Local: "bob", Domain: "example.net"}, "", testPassword, mail.ErrNotOurDomain},
		{mail.Address{Local: "ALICE", Domain: "example.test"}, "", testPassword, mail.ErrAddressTaken},
		{mail.Address{Local: "two words", Domain: "example.test"}, "", testPassword, mail.ErrAddress},
		{mail.Address{}, "", testPassword, mail.ErrAddress},
		{mail.Address{Local: "bob", Domain: "example.test"}, "", "short", auth.ErrWeakPassword},
		{mail.Address{Local: "bob", Domain: "example.test"}, "", "", auth.ErrWeakPassword},
		{mail.Address{Local: "bob", Domain: "example.test"}, "a\nb", testPassword, mail.ErrName},
		{mail.Address{Local: "bob", Domain: "example.test"}, strings.Repeat("x", 201), testPassword, mail.ErrName},
	} {
		_, err := b.AddAccount(t.Context(), mail.Account{Address: c.address, Name: c.name}, c.password)
		if !errors.Is(err, c.want) {
			t.Errorf("AddAccount(%s, %q, %q) = %v, want %v", c.address, c.name, c.password, err, c.want)
		}
	}
	b.mail.fail = iotest.ErrTimeout
	if _, err := b.AddAccount(t.Context(), mail.Account{Address: mail.Address{Local: "bob", Domain: "example.test"}}, testPassword); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("AddAccount without mailboxes = %v", err)
	}
	if _, err := b.resolve("bob@example.test"); !errors.Is(err, mail.ErrNoSuchAddress) {
		t.Errorf("an account without mailboxes can be found: %v", err)
	}
	b.mail.fail = nil
	if got := b.mustAdd("bob@example.test").ID; got != 3 {
		t.Errorf("the number after a failure is %d, want 3", got)
	}
}

func TestRemoveAccount(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	bob := b.mustAdd("bob@example.test")
	if err := b.AddToken(ctx, Token{Hash: [32]byte{1}, Owner: bob.ID, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(ctx, bob.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.resolve("bob@example.test"); !errors.Is(err, mail.ErrNoSuchAddress) {
		t.Errorf("Resolve = %v, want ErrNoSuchAddress", err)
	}
	if _, err := b.Credential(ctx, "bob@example.test"); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("Credential = %v, want ErrNoAccount", err)
	}
	if _, err := b.Token(ctx, [32]byte{1}); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("Token = %v, want ErrDenied", err)
	}
	if err := b.RemoveAccount(ctx, bob.ID); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("RemoveAccount again = %v, want ErrNoAccount", err)
	}
	if b.mail.has(bob.ID) {
		t.Error("the mailboxes are still in use")
	}
	b.stop()
	b.start()
	if again := b.mustAdd("bob@example.test"); again.ID <= bob.ID {
		t.Errorf("a new account got number %d, not above %d", again.ID, bob.ID)
	}
	if err := b.RemoveAccount(ctx, 1); !errors.Is(err, mail.ErrLastAdmin) {
		t.Errorf("RemoveAccount of the last administrator = %v, want mail.ErrLastAdmin", err)
	}
}

// TestDisabled: nobody logs in, by whatever way; the mail goes on to arrive; and somebody is left who runs the box.
func TestDisabled(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	if err := b.SetDisabled(ctx, 99, true); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("nobody's account: %v", err)
	}
	if err := b.SetDisabled(ctx, 1, true); !errors.Is(err, mail.ErrLastAdmin) {
		t.Errorf("the last administrator: %v", err)
	}
	a, err := b.Account(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	hash, print := [32]byte{9}, mail.Fingerprint{9}
	if err := errors.Join(b.AddToken(ctx, Token{Hash: hash, Owner: 2, Name: "x"}), b.AddCertificate(ctx, 2, print, "x")); err != nil {
		t.Fatal(err)
	}
	for _, disabled := range []bool{true, false} {
		if err := b.SetDisabled(ctx, 2, disabled); err != nil {
			t.Fatal(err)
		}
		if a, err := b.Account(ctx, 2); err != nil || a.Disabled != disabled {
			t.Errorf("Account = %+v, %v; want disabled %v", a, err, disabled)
		}
		_, err := b.Credential(ctx, a.Address.String())
		if errors.Is(err, mail.ErrNoAccount) != disabled {
			t.Errorf("its password, disabled %v: %v", disabled, err)
		}
		_, err = b.Token(ctx, hash)
		if errors.Is(err, mail.ErrDenied) != disabled {
			t.Errorf("its token, disabled %v: %v", disabled, err)
		}
		if _, known := b.CertificateOwner(print); known == disabled {
			t.Errorf("its certificate, disabled %v: %v", disabled, known)
		}
		if got, err := b.resolve(a.Address.String()); got != 2 || err != nil {
			t.Errorf("its mail goes to %v, %v", got, err)
		}
	}
	// Of two administrators one can be disabled; postmaster's mail goes to the other.
	if err := errors.Join(b.SetRole(ctx, 2, mail.RoleAdmin, nil), b.SetDisabled(ctx, 1, true)); err != nil {
		t.Fatal(err)
	}
	if got, err := b.resolve("postmaster@example.test"); got != 2 || err != nil {
		t.Errorf("postmaster's mail goes to %v, %v; want 2", got, err)
	}
	if err := b.SetDisabled(ctx, 2, true); !errors.Is(err, mail.ErrLastAdmin) {
		t.Errorf("the last one who can log in: %v", err)
	}
}

func TestAdmins(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	if err := b.SetRole(ctx, 1, mail.RoleUser, nil); !errors.Is(err, mail.ErrLastAdmin) {
		t.Errorf("SetRole(1, none) = %v, want mail.ErrLastAdmin", err)
	}
	if err := b.SetRole(ctx, 2, mail.RoleAdmin, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.SetRole(ctx, 1, mail.RoleUser, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := b.resolve("postmaster@example.test"); got != 2 || err != nil {
		t.Errorf("postmaster's mail goes to %v, %v; want 2", got, err)
	}
	if c, err := b.Credential(ctx, "alice@example.test"); err != nil || !c.Login.Admin {
		t.Errorf("Credential = %+v, %v; want an administrator", c.Login, err)
	}
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	authenticator := auth.New(b, auth.Options{Key: b.key})
	peer := netip.MustParseAddr("192.0.2.1")
	login := func(password string) error {
		_, err := authenticator.Password(ctx, peer, "alice@example.test", password)
		return err
	}
	if err := login(testPassword); err != nil {
		t.Fatalf("log-in = %v", err)
	}
	if err := b.SetPassword(ctx, 2, "eight brown bottles"); err != nil {
		t.Fatal(err)
	}
	if err := login(testPassword); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("log-in with the old password = %v, want ErrDenied", err)
	}
	if err := login("eight brown bottles"); err != nil {
		t.Errorf("log-in with the new password = %v", err)
	}
	if err := b.SetPassword(ctx, 2, "alice in wonderland"); !errors.Is(err, auth.ErrWeakPassword) {
		t.Errorf("SetPassword to a weak one = %v, want ErrWeakPassword", err)
	}
	if err := b.SetPassword(ctx, 9, testPassword); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("SetPassword of nobody = %v, want ErrNoAccount", err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	hash := [32]byte{1, 2, 3}
	if _, err := b.Token(ctx, hash); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("Token of no token = %v, want ErrDenied", err)
	}
	if err := b.AddToken(ctx, Token{Hash: hash, Owner: 9, Name: "x"}); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("AddToken for nobody = %v, want ErrNoAccount", err)
	}
	if err := b.AddToken(ctx, Token{Hash: hash, Owner: 1, Name: "backup script", Scopes: []string{"trace:read"}}); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.start()
	if got, err := b.Token(ctx, hash); err != nil || got.Owner != 1 || !slices.Equal(got.Scopes, []string{"trace:read"}) {
		t.Errorf("Token = %+v, %v", got, err)
	}
	if tokens, err := b.Tokens(ctx, 1); err != nil || len(tokens) != 1 || tokens[0].Name != "backup script" || tokens[0].Hash != hash || tokens[0].Created.IsZero() {
		t.Errorf("Tokens = %+v, %v", tokens, err)
	}
	if err := b.RemoveToken(ctx, hash); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveToken(ctx, hash); !errors.Is(err, ErrNoToken) {
		t.Errorf("RemoveToken again = %v, want ErrNoToken", err)
	}
	for i := range maxTokens {
		if err := b.AddToken(ctx, Token{Hash: [32]byte{9, byte(i)}, Owner: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.AddToken(ctx, Token{Hash: [32]byte{10}, Owner: 2}); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("AddToken over the bound = %v, want ErrTooMany", err)
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	bob := b.mustAdd("bob@example.test")
	b.mail.fail = iotest.ErrTimeout
	if err := b.RemoveAccount(t.Context(), bob.ID); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("RemoveAccount = %v, want the mailboxes' error", err)
	}
	// What a crash leaves: bob is removed, his mailboxes are there; alice's got lost.
	b.mail.fail = nil
	b.mail.have[2] = false
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.mail.has(bob.ID) || !b.mail.has(2) || !b.mail.has(1) {
		t.Errorf("after Settle the mailboxes are %v", b.mail.have)
	}
	if err := b.Settle(t.Context()); err != nil {
		t.Errorf("Settle again = %v", err)
	}
}

func TestInUse(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	if _, err := OpenIndex(filepath.Join(b.path, File)); !errors.Is(err, ErrInUse) {
		t.Errorf("OpenIndex of an open index = %v, want ErrInUse", err)
	}
}

// Readers run beside changes and never see half of one. (Run it with -race.)
func TestConcurrency(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if id, err := b.resolve("alice@example.test"); id != 2 || err != nil {
					t.Errorf("Resolve = %v, %v", id, err)
					return
				}
				accounts, err := b.Accounts(ctx)
				if err != nil || len(accounts) < 2 {
					t.Errorf("Accounts = %v, %v", accounts, err)
					return
				}
				for _, a := range accounts {
					if !b.mail.has(a.ID) {
						t.Errorf("account %s can be seen without mailboxes", a.Address)
					}
				}
			}
		})
	}
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for j := range 3 {
				b.mustAdd("person" + string(rune('a'+i)) + string(rune('a'+j)) + "@example.test")
			}
			if err := b.AddToken(ctx, Token{Hash: [32]byte{byte(i + 1)}, Owner: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	close(stop)
	wait.Wait()
	if accounts, _ := b.Accounts(ctx); len(accounts) != 14 {
		t.Errorf("there are %d accounts, want 14", len(accounts))
	}
}
