package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// members are addresses as a person types them.
func members(list ...string) []mail.Member {
	var all []mail.Member
	for _, s := range list {
		a, err := mail.ParseAddress(s)
		if err != nil {
			panic(err) // the test is wrong
		}
		all = append(all, mail.Member{Address: a})
	}
	return all
}

// set makes an address.
func (b *testBox) set(address string, kind mail.ListingKind, to ...string) error {
	_, err := b.SetListing(b.t.Context(), mail.Listing{Address: members(address)[0].Address, Kind: kind, Members: members(to...)})
	return err
}

// look is what an address stands for, in one line.
func (b *testBox) look(address string) string {
	found, err := b.Look(b.t.Context(), members(address)[0].Address)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s %d", found.Address, found.Kind)
	if found.Account != 0 {
		text += " " + found.Account.String()
	}
	if found.Kind == mail.ListingShared || found.Kind == mail.ListingGroup {
		for _, m := range found.Members {
			text += " " + m.Address.String()
		}
	}
	if found.Detail != "" {
		text += " +" + found.Detail
	}
	if found.CatchAll {
		text += " catch-all"
	}
	return text
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	b.mustAdd("bob@example.test")
	must(t,
		b.SetDomain(t.Context(), mail.Domain{Name: "B.test", AliasOf: "example.test"}),
		b.set("info@example.test", mail.ListingAlias, "bob@b.test"),
		b.set("desk@example.test", mail.ListingShared, "alice@example.test", "bob@example.test"),
		b.set("team@b.test", mail.ListingGroup, "desk@example.test", "Info@example.test", "X@Elsewhere.test"),
		b.set("abuse@example.test", mail.ListingAlias, "alice@example.test"),
		b.SetDomain(t.Context(), mail.Domain{Name: "new.test"}),
		b.SetDomain(t.Context(), mail.Domain{Name: "example.test", CatchAll: 2}),
	)
	want := map[string]string{
		"Bob@example.test":        "bob@example.test 1 a3",
		"bob+news@b.test":         "bob@example.test 1 a3 +news",
		"INFO@example.test":       "info@example.test 2 a3",
		"info+x@example.test":     "info@example.test 2 a3 +x",
		"desk@example.test":       "desk@example.test 3 alice@example.test bob@example.test",
		"team+y@b.test":           "team@example.test 4 desk@example.test info@example.test X@elsewhere.test +y",
		"nobody@b.test":           "alice@example.test 1 a2 catch-all",
		"postmaster@b.test":       "admin@example.test 1 a1",
		"abuse@b.test":            "abuse@example.test 2 a2",
		"nobody@new.test":         "nobody has this address",
		"postmaster@new.test":     "admin@example.test 1 a1",
		"x@elsewhere.test":        "not an address of this office",
		"abuse@mail.example.test": "admin@example.test 1 a1",
	}
	for range 2 {
		for address, text := range want {
			if got := b.look(address); got != text {
				t.Errorf("Look(%s) = %s; want %s", address, got, text)
			}
		}
		b.stop()
		b.start()
	}
	// Who is removed is nobody; everything is as before when they are back.
	must(t, b.RemoveAccount(t.Context(), 3))
	for address, text := range map[string]string{
		"info@example.test": "nobody has this address",
		"desk@example.test": "desk@example.test 3 alice@example.test",
		"bob@example.test":  "alice@example.test 1 a2 catch-all",
	} {
		if got := b.look(address); got != text {
			t.Errorf("without bob, Look(%s) = %s; want %s", address, got, text)
		}
	}
	if _, err := b.RestoreAccount(t.Context(), 3, mail.Address{}, ""); err != nil {
		t.Fatal(err)
	}
	if got := b.look("desk@example.test"); got != want["desk@example.test"] {
		t.Errorf("with bob back, desk@ = %s", got)
	}
	// Gone for good, nothing leads to him, whoever has the address next.
	must(t, b.RemoveAccount(t.Context(), 3), b.RemoveListing(t.Context(), members("team@example.test")[0].Address))
	b.mail.gone = map[mail.AccountID]bool{3: true}
	must(t, b.Expire(t.Context()))
	b.mustAdd("bob@example.test")
	if got := b.look("desk@example.test") + b.look("info@example.test"); got != "desk@example.test 3 alice@example.test"+"alice@example.test 1 a2 catch-all" {
		t.Errorf("after bob is forgotten: %s", got)
	}
}

func TestListingRefused(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	b.mustAdd("bob@example.test")
	must(t, b.SetDomain(ctx, mail.Domain{Name: "b.test", AliasOf: "example.test"}),
		b.set("info@example.test", mail.ListingAlias, "bob@example.test"),
		b.set("team@example.test", mail.ListingGroup, "info@example.test"),
		b.set("all@example.test", mail.ListingGroup, "team@example.test", "alice@example.test"),
		b.SetRules(ctx, 2, mail.Rules{Forward: members("bob@example.test")}))
	for i, test := range []struct {
		err  error
		is   error
		says string
	}{
		{b.set("alice@example.test", mail.ListingAlias, "bob@example.test"), mail.ErrAddressTaken, ""},
		{b.set("x@elsewhere.test", mail.ListingAlias, "bob@example.test"), mail.ErrNotOurDomain, ""},
		{b.set(`"a b"@example.test`, mail.ListingAlias, "bob@example.test"), mail.ErrAddress, ""},
		{b.set("x@example.test", mail.ListingAlias, "x@elsewhere.test"), nil, "one person of the office"},
		{b.set("x@example.test", mail.ListingAlias, "alice@example.test", "bob@example.test"), nil, "one person"},
		{b.set("x@example.test", mail.ListingShared, "x@elsewhere.test"), nil, "people of the office"},
		{b.set("x@example.test", mail.ListingGroup), nil, "somebody to whom"},
		{b.set("x@example.test", mail.ListingGroup, "nobody@b.test"), mail.ErrNoSuchAddress, "nobody@example.test"},
		{b.set("x@example.test", mail.ListingGroup, "bob+x@example.test"), nil, "between + and @"},
		{b.set("x@example.test", mail.ListingAccount, "bob@example.test"), nil, "an alias, a shared address or a group"},
		{b.set("team@example.test", mail.ListingGroup, "all@example.test"), mail.ErrCircle, "all@example.test → team@example.test → all@example.test"},
		{b.SetRules(ctx, 3, mail.Rules{Forward: members("all@b.test")}), mail.ErrCircle, "→"},
		{b.SetRules(ctx, 3, mail.Rules{Forward: members("bob@example.test")}), mail.ErrCircle, "bob@example.test → bob@example.test"},
		{b.SetRules(ctx, 3, mail.Rules{LocalOnly: true, Forward: members("x@elsewhere.test")}), nil, "can't forward outside"},
		{b.SetRules(ctx, 3, mail.Rules{SendAs: members("x@elsewhere.test")}), nil, "of the office only"},
		{b.SetRules(ctx, 3, mail.Rules{Copies: []mail.Copy{{To: members("x@elsewhere.test")[0]}}}), nil, "comes in"},
		{b.SetRules(ctx, 9, mail.Rules{}), mail.ErrNoAccount, ""},
		{b.RemoveListing(ctx, members("team@b.test")[0].Address), mail.ErrInUse, "all@example.test has the member team@example.test"},
		{b.RemoveListing(ctx, members("bob@b.test")[0].Address), mail.ErrNoSuchAddress, ""},
		{b.SetDomain(ctx, mail.Domain{Name: "example.test", AliasOf: "сандук.test"}), mail.ErrInUse, ""},
		{b.SetDomain(ctx, mail.Domain{Name: "c.test", AliasOf: "b.test"}), mail.ErrNoDomain, ""},
		{b.SetDomain(ctx, mail.Domain{Name: "b.test", AliasOf: "example.test", CatchAll: 2}), nil, "no rules of its own"},
		{b.SetDomain(ctx, mail.Domain{Name: "example.test", CatchAll: 9}), mail.ErrNoAccount, ""},
		{b.RemoveDomain(ctx, "example.test"), mail.ErrInUse, "main domain"},
		{b.RemoveDomain(ctx, "c.test"), mail.ErrNoDomain, ""},
		{addAccount(b, "info@example.test"), mail.ErrAddressTaken, ""},
		{addAccount(b, "x@b.test"), mail.ErrNotOurDomain, ""},
	} {
		if test.err == nil || test.is != nil && !errors.Is(test.err, test.is) || !strings.Contains(test.err.Error(), test.says) {
			t.Errorf("case %d: got %v; want %v, saying %q", i, test.err, test.is, test.says)
		}
	}
	if got := b.look("all@example.test"); got != "all@example.test 4 team@example.test alice@example.test" {
		t.Errorf("after all that was refused, all@ = %s", got)
	}
}

func addAccount(b *testBox, address string) error {
	_, err := b.AddAccount(b.t.Context(), mail.Account{Address: members(address)[0].Address}, testPassword)
	return err
}

// TestStepsAreBounded: a chain of groups as long as is allowed, and one longer,
// whichever end was made last.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	must(t, b.set("g1@example.test", mail.ListingGroup, "alice@example.test"))
	for i := 2; i <= MaxSteps; i++ {
		must(t, b.set(fmt.Sprintf("g%d@example.test", i), mail.ListingGroup, fmt.Sprintf("g%d@example.test", i-1)))
	}
	if err := b.set("long@example.test", mail.ListingGroup, fmt.Sprintf("g%d@example.test", MaxSteps)); !errors.Is(err, mail.ErrCircle) {
		t.Errorf("a chain of %d: %v; want ErrCircle", MaxSteps+1, err)
	}
	if err := b.SetRules(t.Context(), 2, mail.Rules{Forward: members("admin@example.test")}); !errors.Is(err, mail.ErrCircle) {
		t.Errorf("a chain of %d, longer at its end: %v; want ErrCircle", MaxSteps+1, err)
	}
}

func TestOwnsListings(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	b.mustAdd("bob@example.test")
	must(t,
		b.SetDomain(t.Context(), mail.Domain{Name: "b.test", AliasOf: "example.test"}),
		b.set("info@example.test", mail.ListingAlias, "bob@example.test"),
		b.set("desk@example.test", mail.ListingShared, "alice@example.test", "bob@example.test"),
		b.set("team@example.test", mail.ListingGroup, "alice@example.test", "bob@example.test"),
		b.set("news@example.test", mail.ListingGroup, "alice@example.test"),
		b.SetRules(t.Context(), 3, mail.Rules{SendAs: members("news@example.test", "admin@example.test")}),
	)
	for address, who := range map[string]string{
		"bob@example.test": "3", "bob@b.test": "3", "bob+x@example.test": "3", "info@b.test": "3", "desk@example.test": "23",
		"team@example.test": "", "news@example.test": "3", "admin@example.test": "13", "postmaster@example.test": "13", "x@elsewhere.test": "", "nobody@example.test": "",
	} {
		got := ""
		for id := range mail.AccountID(5) {
			if owns, err := b.Owns(t.Context(), id, members(address)[0].Address); err != nil {
				t.Fatal(err)
			} else if owns {
				got += strings.TrimPrefix(id.String(), "a")
			}
		}
		if got != who {
			t.Errorf("%s may be used by %q; want %q", address, got, who)
		}
	}
	// Leave to send goes with the address.
	must(t, b.RemoveListing(t.Context(), members("news@example.test")[0].Address), b.set("news@example.test", mail.ListingGroup, "alice@example.test"))
	if owns, _ := b.Owns(t.Context(), 3, members("news@example.test")[0].Address); owns {
		t.Error("leave to send as an address came back with another address of the name")
	}
}

// TestRoutingAgainstModel: random changes of addresses, with restarts and lost
// indexes, beside a map of what was acknowledged.
func TestRoutingAgainstModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	b := newOffice(t)
	b.mustAdd("bob@example.test")
	people := []string{"admin@example.test", "alice@example.test", "bob@example.test"}
	model := map[string]string{} // address → what look shows
	for range 120 {
		address := fmt.Sprintf("x%d@example.test", random.IntN(6))
		person := random.IntN(3)
		switch random.IntN(8) {
		case 0, 1, 2:
			must(t, b.set(address, mail.ListingAlias, people[person]))
			model[address] = fmt.Sprintf("%s 2 a%d", address, person+1)
		case 3, 4:
			must(t, b.set(address, mail.ListingGroup, people[person], "y@elsewhere.test"))
			model[address] = fmt.Sprintf("%s 4 %s y@elsewhere.test", address, people[person])
		case 5, 6:
			err := b.RemoveListing(t.Context(), members(address)[0].Address)
			if _, there := model[address]; there != (err == nil) || err != nil && !errors.Is(err, mail.ErrNoSuchAddress) {
				t.Fatalf("RemoveListing(%s) = %v with %q before", address, err, model[address])
			}
			delete(model, address)
		default:
			b.check()
			b.stop()
			if random.IntN(2) == 0 {
				if err := os.Remove(filepath.Join(b.path, File)); err != nil {
					t.Fatal(err)
				}
			}
			b.start()
		}
		for i := range 6 {
			address := fmt.Sprintf("x%d@example.test", i)
			want, there := model[address]
			if !there {
				want = "nobody has this address"
			}
			if got := b.look(address); got != want {
				t.Fatalf("Look(%s) = %s; want %s", address, got, want)
			}
		}
	}
	list, err := b.Listings(t.Context())
	if err != nil || len(list) != len(model) || !slices.IsSortedFunc(list, func(a, b mail.Listing) int { return strings.Compare(a.Address.Local, b.Address.Local) }) {
		t.Errorf("Listings = %v, %v; want %d, in order", list, err, len(model))
	}
}

// TestIndexOfVersion1: an index that knows of no listings is taken as it is; a
// program that knows only of version 1 refuses what this one leaves.
func TestIndexOfVersion1(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	want := b.summary()
	b.stop()
	path := filepath.Join(b.path, File)
	ix, err := OpenIndex(path)
	if err != nil {
		t.Fatal(err)
	}
	err = ix.update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketDomains, bucketListings, bucketRules} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return put(tx, bucketMeta, []byte("version"), 1)
	})
	if err := errors.Join(err, ix.Close()); err != nil {
		t.Fatal(err)
	}
	b.start()
	if got := b.summary(); got != want {
		t.Errorf("out of an index of version 1:\n got %s\nwant %s", got, want)
	}
	must(t, b.set("info@example.test", mail.ListingAlias, "alice@example.test"))
	b.stop()
	b.start()
	if got := b.look("info@example.test"); got != "info@example.test 2 a2" {
		t.Errorf("info@ = %s", got)
	}
	if info, err := filepath.Glob(path + ".damaged"); err != nil || len(info) > 0 {
		t.Errorf("the index was set aside: %v, %v", info, err)
	}
}
