package imapd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestWithout(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() mail.UIDSet {
		var uids []mail.UID
		for uid := mail.UID(1); uid < 30; uid++ {
			if random.IntN(2) == 0 {
				uids = append(uids, uid)
			}
		}
		return mail.SetOf(uids...)
	}
	for range 2000 {
		a, b := draw(), draw()
		var want mail.UIDSet
		for uid := range a.All() {
			if !b.Contains(uid) {
				want = want.Add(uid)
			}
		}
		if got := without(a, b); got.String() != want.String() {
			t.Fatalf("without(%s, %s): got %s, want %s", a, b, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	v := &view{messages: numbered(mail.SetOf[mail.UID](2, 3, 7, 9)), last: 9}
	empty := &view{}
	r := func(first, last uint32) wire.NumSet {
		return wire.NumSet{Ranges: []wire.NumRange{{First: first, Last: last}}}
	}
	for _, test := range []struct {
		view  *view
		set   wire.NumSet
		byUID bool
		want  string // within the view
		ok    bool
	}{
		{v, r(1, 0), false, "2:3,7,9", true},
		{v, r(0, 0), false, "9", true},
		{v, r(0, 2), false, "3,7,9", true},
		{v, r(3, 2), false, "3,7", true},
		{v, r(5, 5), false, "", false},
		{v, r(4, 5), false, "9", false},
		{v, r(5, 0), false, "9", true},
		{v, r(0, 9), false, "9", true},
		{v, r(3, 8), true, "3,7", true},
		{v, r(8, 3), true, "3,7", true},
		{v, r(100, 0), true, "9", true},
		{v, r(100, 200), true, "", true},
		{v, r(1, 4294967295), true, "2:3,7,9", true},
		{v, wire.NumSet{Saved: true}, true, "", true},
		{empty, r(1, 0), false, "", true},
		{empty, r(1, 1), false, "", false},
		{empty, r(1, 0), true, "", true},
		{empty, r(0, 0), false, "", true},
	} {
		got, ok := test.view.resolve(test.set, test.byUID)
		if known := test.view.known(got).String(); known != test.want || ok != test.ok {
			t.Errorf("resolve(%v, %v): got %q, %v; want %q, %v", test.set, test.byUID, known, ok, test.want, test.ok)
		}
	}
}

func TestViewExpunge(t *testing.T) {
	t.Parallel()
	v := &view{messages: numbered(mail.SetOf[mail.UID](2, 3, 7, 9)), last: 9, recent: mail.SetOf[mail.UID](7, 9), saved: mail.SetOf[mail.UID](2, 3)}
	v.markGone(mail.SetOf[mail.UID](1, 3, 4, 9, 20))
	v.markGone(mail.SetOf[mail.UID](2))
	var told []mail.SeqNum
	v.expunge(func(n mail.SeqNum) { told = append(told, n) })
	if want := []mail.SeqNum{4, 2, 1}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if v.messages.len() != 1 || v.messages.uid(1) != 7 || v.recent.String() != "7" || v.saved.String() != "" || v.last != 9 {
		t.Errorf("left: %+v", v)
	}
}

// TestViewHoles: the numbers told, each after the ones before it, take exactly
// what is gone out of the client's list.
func TestViewHoles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		v := &view{}
		var gone []mail.UID
		for uid := mail.UID(1); uid < 40; uid++ {
			if random.IntN(4) == 0 {
				continue
			}
			v.add(uid)
			if random.IntN(2) == 0 {
				gone = append(gone, uid)
			}
		}
		client := v.all()
		v.markGone(mail.SetOf(gone...))
		asked := mail.SetOf(mail.UID(random.IntN(40) + 1))
		if got, want := v.hasGone(asked), slices.Contains(gone, asked[0].First); got != want {
			t.Fatalf("hasGone(%s) of %v: got %v, want %v", asked, gone, got, want)
		}
		v.expunge(func(n mail.SeqNum) { client = slices.Delete(client, int(n)-1, int(n)) })
		if !slices.Equal(client, v.all()) || slices.ContainsFunc(v.all(), func(uid mail.UID) bool { return slices.Contains(gone, uid) }) {
			t.Fatalf("without %v the client has %v, the view %v", gone, client, v.all())
		}
	}
}

// TestViewKeywords: FLAGS does not grow without end.
func TestViewKeywords(t *testing.T) {
	t.Parallel()
	v := &view{}
	for i := range 2 * maxToldKeywords {
		if got, want := v.learnKeywords(mail.NewFlags(fmt.Sprintf("k%d", i))), i < maxToldKeywords; got != want {
			t.Fatalf("keyword %d: told %v, want %v", i, got, want)
		}
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	for want, uids := range map[string][]mail.UID{
		"":        nil,
		"4":       {4},
		"4:6,2:3": {4, 5, 6, 2, 3},
		"3,2,1":   {3, 2, 1},
	} {
		if got := inOrder(uids); got != want {
			t.Errorf("inOrder(%v): got %q, want %q", uids, got, want)
		}
	}
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		v := &view{}
		var set, want mail.UIDSet
		for uid := mail.UID(1); uid < 30; uid++ {
			known, asked := random.IntN(2) == 0, random.IntN(2) == 0
			if known {
				v.add(uid)
			}
			if asked {
				set = set.Add(uid)
			}
			if asked && !known {
				want = want.Add(uid)
			}
		}
		if got := v.absent(set); got.String() != want.String() {
			t.Fatalf("absent(%s) of %v: got %s, want %s", set, v.all(), got, want)
		}
	}
	highest := &view{messages: numbered(mail.SetOf(^mail.UID(0)))}
	if got := highest.absent(mail.UIDSet{{First: 5, Last: ^mail.UID(0)}}).String(); got != "5:4294967294" {
		t.Errorf("below the highest UID: got %s", got)
	}
}
