package relay

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// memoryFile is a PolicyFile in memory.
type memoryFile struct {
	text  []byte
	saves int
}

func (f *memoryFile) Load() ([]byte, error) { return f.text, nil }
func (f *memoryFile) Save(text []byte) error {
	f.text = text
	f.saves++
	return nil
}

// TestPolicySurvives: a promise holds over a restart, while somebody hides the record and
// takes STARTTLS away; and no longer than max_age.
func TestPolicySurvives(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Remove("_mta-sts.peer.test")
		w.Add(t, "peer.test", "_mta-sts TXT \"v=STSv1; id=a1;\"\nmta-sts A 192.0.2.80")
		h := &policyHost{text: policyText, kind: "text/plain", code: 200}
		w.hosts["192.0.2.80:443"] = h.serve(ca.server(later(), "mta-sts.peer.test"))
		s := &server{tls: ca.server(later(), "mx.peer.test")}
		w.hosts["192.0.2.1:25"] = s.serve
		file := &memoryFile{}
		start := func() *Client {
			return w.client(t, func(o *Options) { o.Roots, o.Policies = ca.pool(), file })
		}
		first := start()
		if got := first.Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != "relayed 250 2.0.0" {
			t.Fatalf("at first: %s", fates(got))
		}
		time.Sleep(policySaveDelay)
		synctest.Wait()
		if file.saves != 1 {
			t.Fatalf("%d writes before the end; want 1", file.saves)
		}
		first.Close()
		s.tls = nil
		w.Remove("_mta-sts.peer.test")
		if got := start().Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != "deferred 0 4.7.4" {
			t.Errorf("after a restart: %s; want it kept back", fates(got))
		}
		time.Sleep(604800 * time.Second)
		if got := start().Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != "relayed 250 2.0.0" {
			t.Errorf("after max_age: %s", fates(got))
		}
		for _, text := range []string{"garbage", `{"version":2}`, strings.Repeat(" ", maxPolicyFile+1)} {
			file.text = []byte(text)
			if got := start().Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != "relayed 250 2.0.0" {
				t.Errorf("with a file that can't be read: %s", fates(got))
			}
		}
	})
}

func FuzzDecodePolicies(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	f.Add(encodePolicies(map[mail.Hop]keptEntry{"peer.test": {"peer.test", "a1", now.Add(-time.Hour), strings.Split(strings.TrimSpace(policyText), "\n")}}))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := decodePolicies(text, now)
		if err != nil {
			return
		}
		kept := map[mail.Hop]keptEntry{}
		for _, k := range list {
			kept[k.Domain] = k
		}
		again := encodePolicies(kept)
		if len(again) > maxPolicyFile {
			t.Errorf("%d bytes are written", len(again))
		}
		if _, err := decodePolicies(again, now); err != nil || errors.Is(err, mail.ErrNewer) {
			t.Errorf("what was written can't be read: %v", err)
		}
	})
}
