package fetched

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestFirst(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	f := OpenFirst(files, "fetched")
	known := map[[3]uint64]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		id, owner, email := 1+r.Uint64N(3), 1+r.Uint64N(3), r.Uint64N(2000)
		key := [3]uint64{id, owner, email}
		if got, want := f.Is(mail.AccountID(id), mail.AccountID(owner), mail.EmailID(email)), email != 0 && !known[key]; got != want {
			t.Fatalf("account %d has fetched email %d of %d first: %v, want %v", id, email, owner, got, want)
		}
		known[key] = true
		if r.IntN(500) == 0 {
			if err := f.Save(); err != nil {
				t.Fatal(err)
			}
			if r.IntN(2) == 0 {
				f = OpenFirst(files, "fetched")
			}
		}
	}
	if f.Is(1, 1, maxEmails) || f.Is(1, 1, 1<<40) || f.Is(1, 1, 0) {
		t.Error("of an email behind all that are kept it is said that it is the first time")
	}
	if err := f.Forget(1); err != nil {
		t.Fatal(err)
	}
	if !f.Is(1, 1, 7) {
		t.Error("an account that was forgotten is remembered")
	}
	if ids, err := Open(files, "fetched").Accounts(); err != nil || len(ids) != 0 {
		t.Errorf("the book of what leaves has accounts %v, %v; want none", ids, err)
	}
}

// TestFirstCrash cuts the power at each operation of Save: what was saved before is there,
// and what is there was fetched.
func TestFirstCrash(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	f := OpenFirst(disk, "fetched")
	save := func(email mail.EmailID) int {
		f.Is(1, 1, email)
		if err := f.Save(); err != nil {
			t.Fatal(err)
		}
		return disk.Ops()
	}
	begun, ended := save(5), save(6)
	for point := range crashfs.Points(begun, ended) {
		for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			again := OpenFirst(disk.Crash(point, chance), "fetched")
			if again.Is(1, 1, 5) || !again.Is(1, 1, 7) || point == ended && again.Is(1, 1, 6) {
				t.Errorf("cut behind operation %d, chance %d: what was saved is not what is known", point, i)
			}
		}
	}
}

func FuzzFirst(f *testing.F) {
	f.Add(appendFirst([]byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := decodeFirst(text)
		if err != nil {
			if !errors.Is(err, mail.ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decodeFirst(appendFirst(set)); err != nil || !bytes.Equal(again, set) {
			t.Fatalf("%x is read back as %x, %v", set, again, err)
		}
	})
}

func BenchmarkFirst(b *testing.B) {
	f := OpenFirst(crashfs.New(), "fetched")
	n := mail.EmailID(0)
	for b.Loop() {
		n = n%1_000_000 + 1
		f.Is(1, 1, n)
	}
}
