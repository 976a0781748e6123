package trust

import (
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestCollected: a provider's results count by the name that is believed, and by
// no other; without them nothing counts against a message but a mark as spam.
func TestCollected(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "bank.example")
	forged := letter("a@bank.example")
	results := func(host, text string) string { return "Authentication-Results: " + host + "; " + text + "\r\n" }
	bad, good := "spf=fail smtp.mailfrom=x@soft.example; dmarc=fail header.from=bank.example", "spf=pass smtp.mailfrom=x@bank.example"
	for _, test := range []struct {
		name, text string
		believe    string
		junk       bool
		dmarc      Result
	}{
		{"nothing is known", forged, "", false, None},
		{"signed", f.sign(t, "bank.example", forged), "", false, Pass},
		{"others' results", results("mx.provider.example", bad) + forged, "", false, None},
		{"by another name", results("mx.provider.example", bad) + forged, "mx.else.example", false, None},
		{"forged", results("mx.provider.example", bad) + forged, "mx.Provider.example", true, Fail},
		{"SPF passed there", results("mx.provider.example", good) + forged, "mx.provider.example", false, Pass},
		{"DMARC passed there", results("mx.provider.example", "spf=none smtp.mailfrom=x@else.example; dmarc=pass header.from=bank.example") + forged, "mx.provider.example", false, Pass},
		{"two fields", results("mx.provider.example", "dkim=none") + results("mx.provider.example", good) + forged, "mx.provider.example", false, Pass},
		{"a later one is the sender's", results("mx.provider.example", bad) + "Received: from x\r\n" + results("mx.provider.example", good) + forged, "mx.provider.example", true, Fail},
		{"spam", "X-Spam-Flag: YES\r\n" + f.sign(t, "bank.example", forged), "", true, Pass},
		{"not spam", "X-Spam-Status: No, score=1\r\n" + forged, "", false, None},
		{"a sender without DMARC", letter("a@silent.example"), "", false, None},
		{"no results inside", results("mx.provider.example", "dmarc=pass") + forged, "mx.provider.example", false, TempError},
	} {
		e := &mail.Envelope{From: mail.Address{Local: "x", Domain: "soft.example"}, Peer: mail.Peer{Helo: "imap.provider.example", Protocol: "IMAP"}}
		r := New(f.net.Client(), Options{}).Collected(t.Context(), e, test.believe, strings.NewReader(test.text), int64(len(test.text)))
		if got := r.Disposition.Action == Junk; got != test.junk || r.Disposition.Refusal != nil || r.Disposition.Action > Junk {
			t.Errorf("%s: %+v; want junk %v", test.name, r.Disposition, test.junk)
		}
		if v := find(r, DMARC, ""); v.Result != test.dmarc {
			t.Errorf("%s: DMARC %s (%s); want %s", test.name, v.Result, v.Reason, test.dmarc)
		}
		if field := string(r.AuthenticationResults("box.example")); strings.Contains(field, "iprev") {
			t.Errorf("%s: the result tells of a peer that there was not: %s", test.name, field)
		}
	}
}

func FuzzProvided(f *testing.F) {
	f.Add("Authentication-Results: h; spf=pass smtp.mailfrom=a@b.test\r\nX-Spam-Flag: YES\r\n\r\n")
	f.Add("Authentication-Results: h; spf=pass smtp.helo=@\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := look(strings.NewReader(text), int64(len(text)), "h")
		if s := p.spf(); s.verdict.Result == Pass && s.domain == "" {
			t.Errorf("SPF passes for no domain: %q", text)
		}
	})
}
