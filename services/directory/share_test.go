package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenShares: the record must be read for ever.
func TestGoldenShares(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-30.txt")
	want := `map[a1:[{a1 m7 a0 lr} {a1 m7 a3 lrswipkxtea}]]`
	if got := fmt.Sprint(s.shares.given); got != want {
		t.Errorf("shares %s; want %s", got, want)
	}
	if odd := s.oddShares(); odd != nil {
		t.Errorf("odd: %q", odd)
	}
}

func share(owner mail.AccountID, mailbox mail.MailboxID, to mail.AccountID, rights string) mail.Share {
	r, err := mail.ParseRights(rights)
	if err != nil {
		panic(err)
	}
	return mail.Share{Owner: owner, Mailbox: mailbox, To: to, Rights: r}
}

// TestShares: rights are what was given to somebody and to anyone together, and hold
// after every start.
func TestShares(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	b.mustAdd("bob@example.test") // 3
	for _, step := range []error{
		b.SetShares(ctx, 1, []mail.Share{share(1, 7, 2, "lrs"), share(1, 7, 0, "lp")}),
		b.SetShares(ctx, 1, []mail.Share{share(1, 8, 3, "l")}),
		b.SetShares(ctx, 2, []mail.Share{share(2, 7, 1, "lra")}),
		b.SetShares(ctx, 1, []mail.Share{share(2, 7, 3, "lr")}), // by whom the owner lets administer it
		b.SetShares(ctx, 1, nil),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for range 2 {
		got := fmt.Sprint(b.Received(1), b.Received(2), b.Received(3), b.Received(0), b.Received(9), b.Shares(1), b.Sharers(),
			b.Rights(1, 7, 1), b.Rights(1, 7, 2), b.Rights(1, 7, 3), b.Rights(1, 9, 2), b.Rights(3, 7, 1), b.Rights(9, 7, 1), b.Rights(1, 7, 9), b.Rights(9, 7, 9))
		want := "[{a2 m7 a1 lra}] [{a1 m7 a2 lrsp}] [{a1 m7 a3 lp} {a1 m8 a3 l} {a2 m7 a3 lr}] [] [] [{a1 m7 a0 lp} {a1 m7 a2 lrs} {a1 m8 a3 l}] [a1 a2] lrswipkxtea lrsp lp     "
		if got != want {
			t.Errorf("shares\n got %s\nwant %s", got, want)
		}
		b.check()
		b.stop()
		b.start()
	}
	for name, err := range map[string]error{
		"by whom nobody let":  b.SetShares(ctx, 3, []mail.Share{share(1, 7, 3, "lrswa")}),
		"by who can't":        b.SetShares(ctx, 2, []mail.Share{share(1, 7, 3, "lr")}),
		"with the owner":      b.SetShares(ctx, 1, []mail.Share{share(1, 7, 1, "l")}),
		"another's as of old": b.SetShares(ctx, 1, []mail.Share{share(2, 8, 3, "lr")}),
	} {
		if !errors.Is(err, mail.ErrNoRight) {
			t.Errorf("%s: %v; want ErrNoRight", name, err)
		}
	}
	for name, err := range map[string]error{
		"with nobody": b.SetShares(ctx, 0, []mail.Share{share(1, 7, 9, "l")}),
		"of nobody":   b.SetShares(ctx, 0, []mail.Share{share(9, 7, 1, "l")}),
	} {
		if !errors.Is(err, mail.ErrNoAccount) {
			t.Errorf("%s: %v; want ErrNoAccount", name, err)
		}
	}
	if err := b.SetShares(ctx, 1, []mail.Share{share(1, 7, 2, "l"), share(1, 8, 2, "l")}); err == nil {
		t.Error("shares of two mailboxes at once are taken")
	}
	if err := errors.Join(b.SetShares(ctx, 0, []mail.Share{share(1, 7, 2, "")}), b.ForgetMailbox(ctx, 1, 8), b.ForgetMailbox(ctx, 1, 8)); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(b.Received(2), b.Received(3)), "[{a1 m7 a2 lp}] [{a1 m7 a3 lp} {a2 m7 a3 lr}]"; got != want {
		t.Errorf("after the end of two: %s; want %s", got, want)
	}
}

// TestSharesOfRemoved: what somebody gave and got sleeps while he is removed, and goes
// with his mail.
func TestSharesOfRemoved(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	b.mustAdd("bob@example.test") // 3
	if err := errors.Join(b.SetShares(ctx, 2, []mail.Share{share(2, 7, 1, "lr"), share(2, 7, 3, "lr"), share(2, 7, 0, "l")}),
		b.SetShares(ctx, 1, []mail.Share{share(1, 7, 2, "lr"), share(1, 7, 3, "lr")})); err != nil {
		t.Fatal(err)
	}
	all := func() string {
		return fmt.Sprint(b.Received(1), b.Received(2), b.Received(3), b.Shares(1), b.Shares(2), b.Rights(2, 7, 1), b.Rights(1, 7, 2))
	}
	before := all()
	if err := b.RemoveAccount(ctx, 2); err != nil {
		t.Fatal(err)
	}
	without := "[] [] [{a1 m7 a3 lr}] [{a1 m7 a3 lr}] []  "
	if got := all(); got != without {
		t.Errorf("removed: %s; want %s", got, without)
	}
	if err := b.SetShares(ctx, 0, []mail.Share{share(2, 7, 3, "lrs")}); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("a share of a removed account: %v", err)
	}
	if _, err := b.RestoreAccount(ctx, 2, mail.Address{}, ""); err != nil {
		t.Fatal(err)
	}
	if got := all(); got != before {
		t.Errorf("restored: %s; want %s", got, before)
	}
	b.mail.gone = map[mail.AccountID]bool{2: true}
	if err := errors.Join(b.RemoveAccount(ctx, 2), b.Expire(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := all(); got != without {
		t.Errorf("gone for good: %s; want %s", got, without)
	}
	if got, want := fmt.Sprint(b.current.Load().shares.given), "map[a1:[{a1 m7 a3 lr}]]"; got != want {
		t.Errorf("kept: %s; want %s", got, want)
	}
	b.check()
}

// TestSharesAreBounded: what is too many is refused, and can be made fewer.
func TestSharesAreBounded(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, emptyState(), "testdata/records-1.txt")
	for id := range mail.AccountID(MaxGrants) {
		s.accounts[id+10] = s.accounts[1]
	}
	grant := func(mailbox mail.MailboxID, to mail.AccountID, rights string) error {
		next, _, err := s.apply(sharesRecord{Owner: 1, Mailbox: mailbox, Grants: []grantRecord{{to, rights}}})
		if err == nil {
			s = next
		}
		return err
	}
	for id := range mail.AccountID(MaxGrants) {
		if err := grant(1, id+10, "l"); err != nil {
			t.Fatal(err)
		}
	}
	if err := grant(1, 0, "l"); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("one grant too many: %v", err)
	}
	if err := errors.Join(grant(1, 10, "lr"), grant(1, 10, ""), grant(1, 0, "l")); err != nil {
		t.Errorf("another in its place: %v", err)
	}
	for mailbox := range mail.MailboxID(MaxShares - MaxGrants) {
		if err := grant(mailbox+2, 0, "l"); err != nil {
			t.Fatal(err)
		}
	}
	if err := grant(10_000, 0, "l"); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("one mailbox too many: %v", err)
	}
	for owner := mail.AccountID(10); s.shares.size() < MaxAllShares; owner++ {
		s.accounts[owner] = s.accounts[1]
		list := make([]mail.Share, min(MaxShares, MaxAllShares-s.shares.size()))
		for i := range list {
			list[i] = share(owner, mail.MailboxID(i+1), 0, "l")
		}
		s.shares = s.shares.replaced(owner, list)
	}
	next, _, err := s.apply(sharesRecord{Owner: 3, Mailbox: 1, Grants: []grantRecord{{0, "l"}}})
	if !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("more than the box takes: %v, %v", next, err)
	}
}

// TestWatchShares: every change of what is seen wakes, and nothing else does.
func TestWatchShares(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	w := b.WatchShares()
	woken := func(what string, want bool, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-w.C:
			if !want {
				t.Errorf("%s has woken", what)
			}
		default:
			if want {
				t.Errorf("%s has not woken", what)
			}
		}
	}
	woken("an account", false, func() error { b.mustAdd("bob@example.test"); return nil }())
	woken("a share", true, b.SetShares(ctx, 1, []mail.Share{share(1, 7, 3, "lr")}))
	woken("a password", false, b.SetPassword(ctx, 2, "eight brown bottles"))
	woken("its grantee's end", true, b.RemoveAccount(ctx, 3))
	_, err := b.RestoreAccount(ctx, 3, mail.Address{}, "")
	woken("his return", true, err)
	w.Close()
	woken("a share after the end", false, b.SetShares(ctx, 1, []mail.Share{share(1, 7, 3, "")}))
}

// TestSharesAgainstModel: random grants beside a map of them, with restarts with and
// without the index.
func TestSharesAgainstModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	b := newOffice(t)
	ctx := t.Context()
	b.mustAdd("bob@example.test") // 3
	type key struct {
		owner   mail.AccountID
		mailbox mail.MailboxID
		to      mail.AccountID
	}
	model := map[key]mail.Rights{}
	removed := false // of 3
	rights := func(owner mail.AccountID, mailbox mail.MailboxID, who mail.AccountID) mail.Rights {
		switch {
		case removed && (owner == 3 || who == 3):
			return 0
		case owner == who:
			return mail.AllRights
		}
		return model[key{owner, mailbox, who}] | model[key{owner, mailbox, 0}]
	}
	for range 150 {
		owner, mailbox := mail.AccountID(1+random.IntN(3)), mail.MailboxID(1+random.IntN(3))
		to, by := mail.AccountID(random.IntN(4)), mail.AccountID(1+random.IntN(3))
		switch op := random.IntN(20); {
		case op == 0:
			b.stop()
			if random.IntN(2) == 0 {
				if err := os.Remove(filepath.Join(b.path, File)); err != nil {
					t.Fatal(err)
				}
			}
			b.start()
		case op == 1 && removed:
			if _, err := b.RestoreAccount(ctx, 3, mail.Address{}, ""); err != nil {
				t.Fatal(err)
			}
			removed = false
		case op == 1:
			if err := b.RemoveAccount(ctx, 3); err != nil {
				t.Fatal(err)
			}
			removed = true
		case op == 2:
			if err := b.ForgetMailbox(ctx, owner, mailbox); err != nil {
				t.Fatal(err)
			}
			for to := range mail.AccountID(4) {
				delete(model, key{owner, mailbox, to})
			}
		default:
			given := mail.Rights(random.IntN(int(mail.AllRights + 1)))
			if random.IntN(3) == 0 {
				given = 0
			}
			err := b.SetShares(ctx, by, []mail.Share{{Owner: owner, Mailbox: mailbox, To: to, Rights: given}})
			ok := rights(owner, mailbox, by).Has(mail.RightAdminister) && to != owner && (!removed || to != 3 || given == 0)
			if ok != (err == nil) {
				t.Fatalf("%d gives %d the rights %q in %d of %d: %v", by, to, given, mailbox, owner, err)
			}
			if ok {
				model[key{owner, mailbox, to}] = given
			}
		}
		for owner := range mail.AccountID(4) {
			for mailbox := range mail.MailboxID(4) {
				for who := range mail.AccountID(4) {
					if owner == 0 || mailbox == 0 || who == 0 {
						continue
					}
					if got, want := b.Rights(owner, mailbox, who), rights(owner, mailbox, who); got != want {
						t.Fatalf("%d has the rights %q in %d of %d; want %q", who, got, mailbox, owner, want)
					}
				}
			}
		}
	}
}
