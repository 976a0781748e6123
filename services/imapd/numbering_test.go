package imapd

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// all are the UIDs of the view, by sequence number.
func (v *view) all() (uids []mail.UID) {
	for seq := range v.messages.len() {
		uids = append(uids, v.messages.uid(mail.SeqNum(seq+1)))
	}
	return uids
}

// TestNumbering sets a numbering beside the list that it stands for, while messages
// come and go, up to the highest UID.
func TestNumbering(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 300 {
		next := mail.UID(random.IntN(5) + 1)
		if round%2 == 0 {
			next = ^mail.UID(0) - 60
		}
		lowest := next
		v, list := &view{}, []mail.UID(nil)
		for range 6 {
			for range random.IntN(8) {
				if next < lowest { // behind the highest there is none
					break
				}
				list = append(list, next)
				v.add(next)
				if next++; next > lowest && random.IntN(4) == 0 {
					next++
				}
			}
			checkNumbering(t, v, list, lowest)
			gone := slices.DeleteFunc(slices.Clone(list), func(mail.UID) bool { return random.IntN(3) > 0 })
			v.messages.remove(mail.SetOf(gone...))
			list = slices.DeleteFunc(list, func(uid mail.UID) bool { return slices.Contains(gone, uid) })
			checkNumbering(t, v, list, lowest)
		}
	}
}

func checkNumbering(t *testing.T, v *view, list []mail.UID, lowest mail.UID) {
	t.Helper()
	if got := v.all(); !slices.Equal(got, list) {
		t.Fatalf("numbered: got %v, want %v", got, list)
	}
	if got := numbered(mail.SetOf(list...)); !slices.Equal(got, v.messages) {
		t.Fatalf("runs of %v: got %v, want %v", list, v.messages, got)
	}
	for first := lowest - 1; first-lowest+1 <= 62; first++ {
		if got, want := v.seq(first), mail.SeqNum(slices.Index(list, first)+1); got != want {
			t.Fatalf("seq(%d) in %v: got %d, want %d", first, list, got, want)
		}
		for _, length := range []mail.UID{0, 1, 7, 40} {
			last := max(first, first+length) // it may wrap
			var want mail.UIDSet
			for _, uid := range list {
				if uid >= first && uid <= last {
					want = want.Add(uid)
				}
			}
			r := mail.Range[mail.UID]{First: first, Last: last}
			if got := mail.UIDSet(slices.Collect(v.messages.parts(r))); got.String() != want.String() || v.messages.count(r) != want.Len() {
				t.Fatalf("%d:%d of %v: got %s, %d messages; want %s", first, last, list, got, v.messages.count(r), want)
			}
		}
	}
}
