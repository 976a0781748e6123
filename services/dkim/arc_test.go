package dkim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

func chain(t testing.TB, n *resolvertest.Internet, text string) *Chain {
	t.Helper()
	c, err := VerifyChain(t.Context(), n.Client(), open(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seal passes the text on as k's owner.
func seal(t testing.TB, n *resolvertest.Internet, k *Keys, text, results string) string {
	t.Helper()
	fields, err := SealMessage(t.Context(), open(t, text), chain(t, n, text), k.Signing()[0], results, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

func TestChain(t *testing.T) {
	t.Parallel()
	n := internet(t)
	list, office := testKeys(t, n, "list.example.com"), testKeys(t, n, "office.example.com")
	text := crlf("From: a@sender.example\nSubject: hello\n\ntext\n")
	if c := chain(t, n, text); c.Word != None {
		t.Errorf("no seals: got %+v", c)
	}
	one := seal(t, n, list, text, "list.example.com; spf=pass smtp.mailfrom=sender.example;\r\n\tdkim=pass header.d=sender.example")
	c := chain(t, n, one)
	if c.Word != Pass || len(c.Seals) != 1 || c.Seals[0].Domain != "list.example.com" ||
		c.Seals[0].Results != "list.example.com; spf=pass smtp.mailfrom=sender.example; dkim=pass header.d=sender.example" {
		t.Errorf("one seal: got %+v", c)
	}
	// Somebody changes the subject and the text, and seals what he made of it.
	changed := strings.ReplaceAll(one, "Subject: hello", "Subject: [list] hello") + "-- \r\nfooter\r\n"
	two := seal(t, n, office, one, "office.example.com; none")
	if c := chain(t, n, two); c.Word != Pass || len(c.Seals) != 2 || c.OldestPass != 0 {
		t.Errorf("two seals: got %+v", c)
	}
	if c := chain(t, n, changed); c.Word != Fail {
		t.Errorf("changed after the seal: got %+v", c)
	}
	failed := seal(t, n, office, changed, "office.example.com; arc=fail")
	if c := chain(t, n, failed); c.Word != Fail || !c.failed {
		t.Errorf("sealed as failed: got %+v", c)
	}
	if again := seal(t, n, list, failed, "x; none"); again != failed {
		t.Error("a chain that says it has failed was sealed again")
	}
	// A mailing list checks, changes, then seals (RFC 8617 §5.1): the first
	// signature no longer holds, the seals do.
	m, before := open(t, changed), chain(t, n, one)
	fields, err := SealMessage(t.Context(), m, before, office.Signing()[0], "office.example.com; arc=pass", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if c := chain(t, n, string(fields)+changed); c.Word != Pass || c.OldestPass != 2 {
		t.Errorf("changed and sealed anew: got %+v, want pass, oldest 2", c)
	}
	for i := range 60 {
		two = seal(t, n, office, two, "office.example.com; none")
		if i == 59 && strings.Count(two, "ARC-Seal:") != 50 {
			t.Errorf("%d seals, want 50 at most", strings.Count(two, "ARC-Seal:"))
		}
	}
}

func TestBrokenChains(t *testing.T) {
	t.Parallel()
	n := internet(t)
	k := testKeys(t, n, "list.example.com")
	text := crlf("From: a@sender.example\nSubject: hello\n\ntext\n")
	one := seal(t, n, k, text, "list.example.com; none")
	two := seal(t, n, k, one, "list.example.com; arc=pass")
	drop := func(s, name, instance string) string {
		at := strings.Index(s, name+": i="+instance+";")
		end := at + 1
		for end += strings.Index(s[end:], "\r\n") + 2; s[end] == '\t'; end += strings.Index(s[end:], "\r\n") + 2 {
		}
		return s[:at] + s[end:]
	}
	for name, text := range map[string]string{
		"no seal":              drop(two, "ARC-Seal", "1"),
		"no signature":         drop(two, "ARC-Message-Signature", "2"),
		"no results":           drop(two, "ARC-Authentication-Results", "1"),
		"results changed":      strings.Replace(two, "i=1;\r\n\tlist.example.com; none", "i=1;\r\n\tlist.example.com; dkim=pass", 1),
		"a gap":                strings.ReplaceAll(one, "i=1;", "i=2;"),
		"number 0":             strings.ReplaceAll(one, "i=1;", "i=0;"),
		"number 51":            strings.ReplaceAll(one, "i=1;", "i=51;"),
		"no number":            strings.ReplaceAll(one, "i=1; ", ""),
		"the first says pass":  strings.Replace(one, "cv=none", "cv=pass", 1),
		"the second says none": strings.Replace(two, "cv=pass", "cv=none", 1),
		"doubled":              one[:strings.Index(one, "ARC-Message")] + one,
		"h= in the seal":       strings.Replace(one, "cv=none;", "cv=none; h=from;", 1),
		"another domain":       strings.Replace(one, "d=list.example.com; s=", "d=football.example.com; s=", 1),
	} {
		if c := chain(t, n, text); c.Word != Fail || c.Reason == "" {
			t.Errorf("%s: got %+v, want fail", name, c)
		}
		if _, err := SealMessage(t.Context(), open(t, text), chain(t, n, text), k.Signing()[0], "x; none", time.Now()); err != nil {
			t.Errorf("%s: seal: %v", name, err)
		}
	}
	n.Fail(fmt.Sprintf("%s._domainkey.list.example.com", k.Signing()[0].Selector), "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	if c := chain(t, n, one); c.Word != TempError {
		t.Errorf("DNS is down: got %+v", c)
	}
}
