package trust

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// TestDeadList: a list that doesn't answer refuses nobody, costs the first strangers a
// bounded time and the later ones none, is told of, and is taken up again when it
// answers.
func TestDeadList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.net.Fail("1.2.0.192.bl.example", "*", resolvertest.Fault{Silent: true})
		j := New(f.net.Client(), Options{Lists: lists(mail.BlockList{Zone: "bl.example", Refuse: true})})
		ask := func() time.Duration {
			began := time.Now()
			verdicts, err := j.Connection(t.Context(), netip.MustParseAddr(ownServer))
			if err != nil || len(verdicts) != 1 || verdicts[0].Result != TempError {
				t.Errorf("a dead list: %+v, %v", verdicts, err)
			}
			return time.Since(began)
		}
		for i := range restAfter {
			if got := j.Troubles(); got != nil {
				t.Errorf("after %d questions: %v", i, got)
			}
			if took := ask(); took > listTime+time.Second {
				t.Errorf("it took %v", took)
			}
			time.Sleep(time.Minute) // the resolver asks again
		}
		if took := ask(); took != 0 {
			t.Errorf("left alone, it took %v", took)
		}
		if got := j.Troubles(); len(got) != 1 || got[0].Zone != "bl.example" || got[0].Reason == "" {
			t.Errorf("Troubles = %+v", got)
		}
		f.net.Fail("1.2.0.192.bl.example", "*", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
		time.Sleep(restFor + time.Minute)
		ask()                                                                                                // one question goes out, and fails
		f.net.Fail("1.2.0.192.bl.example", "*", resolvertest.Fault{Times: 1, Rcode: dns.RcodeServerFailure}) // the resolver asks twice
		time.Sleep(restFor + time.Minute)
		if _, err := j.Connection(t.Context(), netip.MustParseAddr(ownServer)); err == nil || len(j.Troubles()) != 0 {
			t.Errorf("it answers again: %v, troubles %v", err, j.Troubles())
		}
	})
}

// TestAllowed: about servers that the office allows, and those of no public network, no
// list is asked; what comes from a listed one is junk, and says why.
func TestAllowed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j := New(f.net.Client(), Options{Lists: lists(mail.BlockList{Zone: "all.example", Refuse: true})})
	for _, addr := range []string{"203.0.113.7", "::ffff:203.0.113.7", "10.1.2.3", "fe80::1%eth0", "127.0.0.1"} {
		if verdicts, err := j.Connection(t.Context(), netip.MustParseAddr(addr)); err != nil || verdicts != nil {
			t.Errorf("%s: %+v, %v", addr, verdicts, err)
		}
	}
	soft := Options{Lists: lists(mail.BlockList{Zone: "bl.example"})}
	r := f.judge(t, soft, envelope(ownServer, "mx.list.example", "a@soft.example"), letter("a@soft.example"))
	if r.Disposition.Action != Junk || r.Disposition.Reason != `192.0.2.1 is on the block list bl.example: Spam source, see "https://bl.example"` {
		t.Errorf("from a listed server: %+v", r.Disposition)
	}
	if r := f.judge(t, soft, envelope("203.0.113.7", "mx.list.example", "a@soft.example"), letter("a@soft.example")); r.Disposition.Action == Junk {
		t.Errorf("from an allowed server: %+v", r.Disposition)
	}
}
