package directory

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// logFile finds the one segment of a small journal.
func logFile(t testing.TB, path string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(path, "log", "*.seg"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the log has the files %v, %v; want one", files, err)
	}
	return files[0]
}

// A cut at any point of the log leaves what was acknowledged before it, with the
// index of then, with one that is older, with one that is ahead, and without.
func TestJournalIsCut(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	type moment struct {
		size    int64
		summary string
	}
	now := func() moment {
		info, err := os.Stat(logFile(t, b.path))
		if err != nil {
			t.Fatal(err)
		}
		return moment{info.Size(), b.summary()}
	}
	ctx := t.Context()
	if err := b.SetUp(ctx, testSetup(t)); err != nil {
		t.Fatal(err)
	}
	moments := []moment{now()}
	early := copyDir(t, b.path)
	for _, step := range []func() error{
		func() error { b.mustAdd("bob@example.test"); return nil },
		func() error { return b.SetPassword(ctx, 2, "eight brown bottles") },
		func() error { return b.AddToken(ctx, Token{Hash: [32]byte{7}, Owner: 3, Name: "x"}) },
		func() error { return b.SetRole(ctx, 2, mail.RoleAdmin, nil) },
		func() error { return b.SetDisabled(ctx, 3, true) },
		func() error { return b.SetDisabled(ctx, 3, false) },
		func() error { return b.SetDomain(ctx, mail.Domain{Name: "b.test", AliasOf: "example.test"}) },
		func() error { return b.SetDomain(ctx, mail.Domain{Name: "example.test", CatchAll: 3}) },
		func() error { return b.set("info@example.test", mail.ListingAlias, "bob@example.test") },
		func() error { return b.set("team@b.test", mail.ListingGroup, "bob@b.test", "x@elsewhere.test") },
		func() error {
			return b.SetRules(ctx, 3, mail.Rules{Forward: members("y@elsewhere.test"), Keep: true, SendAs: members("team@example.test")})
		},
		func() error { return b.RemoveListing(ctx, mail.Address{Local: "team", Domain: "example.test"}) },
		func() error { return b.SetDomain(ctx, mail.Domain{Name: "c.test"}) },
		func() error { return b.SetSigningKeys(ctx, "c.test", []byte("keys of c")) },
		func() error { return b.SetSigningKeys(ctx, "example.test", []byte("the office's keys")) },
		func() error { return b.RemoveDomain(ctx, "c.test") },
		func() error { return b.RemoveDomain(ctx, "b.test") },
		func() error { return b.SetShares(ctx, 2, []mail.Share{share(2, 4, 3, "lrs"), share(2, 4, 0, "l")}) },
		func() error { return b.SetShares(ctx, 3, []mail.Share{share(3, 1, 2, "lrswipkxtea")}) },
		func() error { return b.SetShares(ctx, 2, []mail.Share{share(2, 4, 0, "")}) },
		func() error {
			_, err := b.AddAppPassword(ctx, 2, mail.AppPassword{Name: "phone", Services: []mail.Service{mail.ServiceIMAP}})
			return err
		},
		func() error { return b.SetOnlyPrograms(ctx, 2, true) },
		func() error { return b.RemoveAppPassword(ctx, 2, 1) },
		func() error {
			return b.AddPasskey(ctx, 2, mail.Passkey{ID: []byte("a"), Key: []byte("key"), Host: "box.test", Name: "phone"})
		},
		func() error {
			return b.UsePasskey(ctx, 2, []byte("a"), func(mail.Passkey) (uint32, error) { return 7, nil })
		},
		func() error { return b.RemovePasskey(ctx, 2, []byte("a")) },
		func() error { return b.RemoveAccount(ctx, 3) },
		func() error { _, err := b.RestoreAccount(ctx, 3, mail.Address{}, ""); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		moments = append(moments, now())
	}
	late := copyDir(t, b.path)
	for i, m := range moments {
		cuts := []int64{m.size}
		if i+1 < len(moments) {
			next := moments[i+1].size
			cuts = append(cuts, m.size+1, m.size+rand.Int64N(next-m.size), next-1)
		}
		for _, cut := range cuts {
			for name, index := range map[string]string{"no": "", "an old": early, "a new": late} {
				verifyCut(t, late, cut, index, name, m.summary)
			}
		}
	}
}

func verifyCut(t *testing.T, from string, cut int64, index, name, want string) {
	t.Helper()
	path := copyDir(t, from)
	if err := os.Truncate(logFile(t, path), cut); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, File)); err != nil {
		t.Fatal(err)
	}
	if index != "" {
		data, err := os.ReadFile(filepath.Join(index, File))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, File), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBox(t, path)
	if got := b.summary(); got != want {
		t.Errorf("log cut at %d with %s index:\n got %s\nwant %s", cut, name, got, want)
	}
	b.check()
	b.stop()
}

// A damaged index is made anew, with everything in it.
func TestIndexIsDamaged(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	b.mustAdd("bob@example.test")
	want := b.summary()
	b.stop()
	for name, damage := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"short":     func(data []byte) []byte { return data[:100] },
		"other":     func([]byte) []byte { return []byte(strings.Repeat("this is not a database ", 2000)) },
		"bad value": func(data []byte) []byte { return []byte(strings.ReplaceAll(string(data), `"alice"`, `"alicf"`)) },
	} {
		path := copyDir(t, b.path)
		file := filepath.Join(path, File)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, damage(data), 0o600); err != nil {
			t.Fatal(err)
		}
		again := newBox(t, path)
		if got := again.summary(); got != want {
			t.Errorf("%s index:\n got %s\nwant %s", name, got, want)
		}
	}
	b.start()
}

// Whatever happens to a page of the index, the box starts, with everything that
// the journal has. bbolt panics on many of these, or reads beyond the file.
func TestPagesAreDamaged(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	b.mustAdd("bob@example.test")
	want := b.summary()
	b.stop()
	data, err := os.ReadFile(filepath.Join(b.path, File))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := 0; at+page <= len(data); at += page {
		if len(bytes.Trim(data[at:at+page], "\x00")) == 0 {
			continue // never written
		}
		for name, damage := range map[string]func(hurt []byte) []byte{
			"zero":  func(hurt []byte) []byte { clear(hurt[at : at+page]); return hurt },
			"noise": func(hurt []byte) []byte { copy(hurt[at:], bytes.Repeat([]byte{0xa5, 3, 0, 0xff}, page/4)); return hurt },
			"cut":   func(hurt []byte) []byte { return hurt[:at] },
		} {
			path := copyDir(t, b.path)
			if err := os.WriteFile(filepath.Join(path, File), damage(bytes.Clone(data)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, start := range []string{"first", "second"} {
				again := newBox(t, path)
				if got := again.summary(); got != want {
					t.Errorf("%s from %d, %s start:\n got %s\nwant %s", name, at, start, got, want)
				}
				again.stop()
			}
		}
	}
	b.start()
}

// Random changes beside a simple model, with restarts, ends as the model says;
// Check runs when the box is closed.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	b := newOffice(t)
	ctx := t.Context()
	type person struct {
		id    mail.AccountID
		admin bool
	}
	model := map[string]person{"admin": {1, true}, "alice": {2, false}}
	admins := func() (n int) {
		for _, p := range model {
			if p.admin {
				n++
			}
		}
		return n
	}
	names := []string{"admin", "alice", "bob", "carol", "dan", "erin"}
	last := mail.AccountID(2)
	for range 60 {
		name := names[random.IntN(len(names))]
		p, there := model[name]
		switch op := random.IntN(10); {
		case op < 3:
			a, err := b.AddAccount(ctx, mail.Account{Address: mail.Address{Local: strings.ToUpper(name), Domain: "example.test"}}, testPassword)
			if there != errors.Is(err, mail.ErrAddressTaken) || !there && (err != nil || a.ID <= last) {
				t.Fatalf("AddAccount(%s) = %v, %v with %v before", name, a, err, p)
			}
			if !there {
				model[name], last = person{a.ID, false}, a.ID
			}
		case op < 5:
			err := b.RemoveAccount(ctx, p.id)
			want := error(nil)
			if !there {
				want = mail.ErrNoAccount
			} else if p.admin && admins() == 1 {
				want = mail.ErrLastAdmin
			}
			if !errors.Is(err, want) {
				t.Fatalf("RemoveAccount(%s) = %v, want %v", name, err, want)
			}
			if err == nil {
				delete(model, name)
			}
		case op < 8:
			admin := random.IntN(2) == 0
			err := b.SetRole(ctx, p.id, roleIf(admin), nil)
			want := error(nil)
			if !there {
				want = mail.ErrNoAccount
			} else if p.admin && !admin && admins() == 1 {
				want = mail.ErrLastAdmin
			}
			if !errors.Is(err, want) {
				t.Fatalf("SetRole(%s, %v) = %v, want %v", name, admin, err, want)
			}
			if err == nil {
				model[name] = person{p.id, admin}
			}
		case op < 9:
			b.stop()
			if random.IntN(2) == 0 {
				if err := os.Remove(filepath.Join(b.path, File)); err != nil {
					t.Fatal(err)
				}
			}
			b.start()
		default:
			if err := b.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			p, there := model[name]
			id, err := b.resolve(name + "@example.test")
			if there && (id != p.id || err != nil) || !there && !errors.Is(err, mail.ErrNoSuchAddress) {
				t.Fatalf("Resolve(%s) = %v, %v; want %v", name, id, err, p)
			}
			if a, err := b.Account(ctx, p.id); there && (err != nil || a.Role.Admin() != p.admin) {
				t.Fatalf("Account(%s) = %+v, %v; want %v", name, a, err, p)
			}
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for k := kindSetUp; k <= kindSetSigning; k++ {
		f.Add(uint8(k), []byte("\x01{}"))
	}
	f.Add(uint8(kindSetShares), []byte(`{"owner":1,"mailbox":2,"grants":[{"rights":"lr"}]}`))
	f.Add(uint8(kindSetAppPassword), []byte(`{"id":1,"number":1,"hash":"AAEC","services":["imap"]}`))
	f.Add(uint8(kindSetPasskey), []byte(`{"id":1,"passkey":"AAEC","key":"AAEC","count":1}`))
	f.Add(uint8(kindSetFactor), []byte(`{"id":1,"secret":"AAEC"}`))
	f.Add(uint8(kindSetAdmission), []byte(`{"office":["10.0.0.0/8"],"doors":[{"service":"imap","networks":["::/0"]}]}`))
	f.Add(uint8(kindAddAccount), []byte(`{"id":3,"local":"a","domain":"b.test"}`))
	f.Fuzz(func(t *testing.T, k uint8, payload []byte) {
		record, err := decodeRecord(kind(k), payload)
		if err != nil {
			return
		}
		s := emptyState()
		if next, _, err := s.apply(record); err == nil && len(next.accounts) != len(next.addresses) {
			t.Errorf("%d accounts have %d addresses", len(next.accounts), len(next.addresses))
		}
		if len(s.accounts) != 0 || s.box != nil {
			t.Error("apply changed the state it was called on")
		}
	})
}
