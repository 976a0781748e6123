package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	witness "github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// The message and keys of RFC 8463 appendix A.
const rfc8463Message = `From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
`

const rfc8463Signatures = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
`

// The message of RFC 6376 appendix A.2, and its key of appendix C.
const rfc6376Message = `DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
`

func internet(t testing.TB) *resolvertest.Internet {
	return resolvertest.New(t, map[string]string{
		"example.com": `brisbane._domainkey TXT "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb" "to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
brisbane._domainkey.football TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
test._domainkey.football TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"`,
	})
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func open(t testing.TB, text string) *Message {
	t.Helper()
	m, err := Open(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func verify(t testing.TB, d DNS, text string) []Result {
	t.Helper()
	results, err := Verify(t.Context(), d, open(t, text), 10)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestPublishedMessages(t *testing.T) {
	t.Parallel()
	d := internet(t).Client()
	for name, text := range map[string]string{"RFC 8463": rfc8463Signatures + rfc8463Message, "RFC 6376": rfc6376Message} {
		for _, r := range verify(t, d, crlf(text)) {
			if r.Word != Pass {
				t.Errorf("%s: %s: got %s (%s), want pass", name, r.Algorithm, r.Word, r.Reason)
			}
		}
		changed := crlf(strings.Replace(text, "hungry", "thirsty", 1))
		for _, r := range verify(t, d, changed) {
			if r.Word != Fail || !strings.Contains(r.Reason, "text was changed") {
				t.Errorf("%s, other text: got %s (%s)", name, r.Word, r.Reason)
			}
		}
		for _, r := range verify(t, d, crlf(strings.Replace(text, "Is dinner", "Was dinner", 1))) {
			if r.Word != Fail || !strings.Contains(r.Reason, "header was changed") {
				t.Errorf("%s, other subject: got %s (%s)", name, r.Word, r.Reason)
			}
		}
	}
}

// TestCanonical holds the examples of RFC 6376 §3.4.5 and the corners beside them.
func TestCanonical(t *testing.T) {
	t.Parallel()
	if got, want := string(canonicalField([]byte("A: X\r\n"), true))+string(canonicalField([]byte("B : Y\t\r\n\tZ  \r\n"), true)), "a:X\r\nb:Y Z\r\n"; got != want {
		t.Errorf("relaxed header: got %q, want %q", got, want)
	}
	if got, want := string(canonicalField([]byte("B : Y\t\r\n\tZ  \r\n"), false)), "B : Y\t\r\n\tZ  \r\n"; got != want {
		t.Errorf("simple header: got %q, want %q", got, want)
	}
	for _, test := range []struct{ in, simple, relaxed string }{
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		{"", "\r\n", ""},
		{"\r\n\r\n", "\r\n", ""},
		{" \r\n\t\r\n", " \r\n\t\r\n", ""},
		{"a", "a\r\n", "a\r\n"},
		{"a\nb", "a\r\nb\r\n", "a\r\nb\r\n"},
		{"a\rb\r", "a\rb\r\r\n", "a\rb\r\r\n"},
		{"a\r\n\r\n b", "a\r\n\r\n b\r\n", "a\r\n\r\n b\r\n"},
	} {
		for _, relaxed := range []bool{false, true} {
			want := test.simple
			if relaxed {
				want = test.relaxed
			}
			whole := newBodyWriter(digest{relaxed, -1})
			whole.write([]byte(test.in))
			bits := newBodyWriter(digest{relaxed, -1})
			for i := range len(test.in) {
				bits.write([]byte{test.in[i]})
			}
			reference := newBodyWriter(digest{false, -1})
			reference.add([]byte(want))
			reference.hash.Write(reference.out)
			got := whole.finish()
			if got != bits.finish() {
				t.Errorf("%q in bits hashes otherwise than whole (relaxed %t)", test.in, relaxed)
			}
			if got.total != int64(len(want)) || string(got.sum[:]) != string(reference.hash.Sum(nil)) {
				t.Errorf("%q (relaxed %t): got %d canonical bytes, want %q", test.in, relaxed, got.total, want)
			}
		}
	}
}

// testKeys is a domain's keys, published. They are those of the golden file: to
// make new ones takes longer than all else.
func testKeys(t testing.TB, n *resolvertest.Internet, domain string) *Keys {
	t.Helper()
	data, err := os.ReadFile("testdata/keys.v1")
	if err != nil {
		t.Fatal(err)
	}
	k, err := DecodeKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	if domain == "list.example.com" {
		k.Current = *k.Next
	}
	k = &Keys{Domain: domain, Current: k.Current}
	publish(t, n, k)
	return k
}

func publish(t testing.TB, n *resolvertest.Internet, k *Keys) {
	t.Helper()
	for _, r := range k.Records() {
		n.Remove(r.Name)
		n.Add(t, k.Domain, fmt.Sprintf("%s. 300 TXT %s\n", r.Name, r.ZoneText()))
	}
}

func sign(t testing.TB, k *Keys, text string) string {
	t.Helper()
	fields, err := Sign(t.Context(), open(t, text), k.Signing(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

// TestSign signs, verifies, and lets go-msgauth verify.
func TestSign(t *testing.T) {
	t.Parallel()
	n := internet(t)
	k := testKeys(t, n, "office.example.com")
	for name, text := range map[string]string{
		"ordinary":      crlf(rfc8463Message),
		"without text":  "From: a@office.example.com\r\n",
		"empty text":    "From: a@office.example.com\r\n\r\n",
		"blank ends":    "From: a@office.example.com\r\n\r\na  b \r\n\r\n\r\n",
		"no last line":  "From: a@office.example.com\r\n\r\na",
		"many fields":   "Received: x\r\nReceived: y\r\nTo: a@b.example\r\nFrom: a@office.example.com\r\nTo: second@b.example\r\nList-Id: <x>\r\nMIME-Version: 1.0\r\n\r\ntext\r\n",
		"Latin-1":       "From: \xe4 <a@office.example.com>\r\nSubject:  \xff \t\r\n x\r\n\r\n\xe4\r\n",
		"a long folded": "From: a@office.example.com\r\nSubject: " + strings.Repeat("word\r\n ", 500) + "end\r\n\r\n" + strings.Repeat("x", 100_000) + "\r\n",
	} {
		signed := sign(t, k, text)
		for line := range strings.SplitSeq(strings.TrimSuffix(signed, text), "\r\n") {
			if len(line) > 78 && !strings.HasPrefix(line, "DKIM-Signature:") {
				t.Errorf("%s: a line of %d characters: %s", name, len(line), line)
			}
		}
		results := verify(t, n.Client(), signed)
		if len(results) != 2 || results[0].Word != Pass || results[1].Word != Pass {
			t.Errorf("%s: got %+v, want two passes", name, results)
		}
		if !strings.Contains(text, "\r\n\r\n") {
			continue // go-msgauth wants the blank line
		}
		verifications, err := witness.VerifyWithOptions(strings.NewReader(signed), &witness.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			a, err := n.Client().TXT(context.Background(), name)
			return a.Records, err
		}})
		if err != nil || len(verifications) != 2 || verifications[0].Err != nil || verifications[1].Err != nil {
			t.Errorf("%s: go-msgauth says %v, %+v", name, err, verifications)
		}
		added := strings.Replace(signed, "From: ", "From: evil@other.example\r\nFrom: ", 1)
		for _, r := range verify(t, n.Client(), added) {
			if r.Word == Pass {
				t.Errorf("%s: passes with a second From", name)
			}
		}
		added = strings.Replace(signed, "From: ", "Subject: other\r\nFrom: ", 1)
		for _, r := range verify(t, n.Client(), added) {
			if r.Word == Pass {
				t.Errorf("%s: passes with another Subject", name)
			}
		}
	}
	if _, err := Sign(t.Context(), open(t, "To: a@b.example\r\n\r\n"), k.Signing(), time.Now()); err != ErrNoFrom {
		t.Errorf("without From: got %v, want ErrNoFrom", err)
	}
}

// TestWitnessSigns verifies what go-msgauth signs, in all its forms.
func TestWitnessSigns(t *testing.T) {
	t.Parallel()
	n := internet(t)
	k := testKeys(t, n, "office.example.com")
	for _, key := range k.Signing() {
		for _, head := range []witness.Canonicalization{witness.CanonicalizationSimple, witness.CanonicalizationRelaxed} {
			for _, body := range []witness.Canonicalization{witness.CanonicalizationSimple, witness.CanonicalizationRelaxed} {
				var b bytes.Buffer
				text := crlf("From:  a@office.example.com \nSubject: a\n\tb\n\nline  with   space \n\n\n")
				err := witness.Sign(&b, strings.NewReader(text), &witness.SignOptions{Domain: key.Domain, Selector: key.Selector, Signer: key.Signer, HeaderCanonicalization: head, BodyCanonicalization: body})
				if err != nil {
					t.Fatal(err)
				}
				results := verify(t, n.Client(), b.String())
				if len(results) != 1 || results[0].Word != Pass {
					t.Errorf("%s, %s/%s: got %+v", key.algorithm(), head, body, results)
				}
			}
		}
	}
}

// TestJudgement holds what becomes of signatures that are wrong in some way.
func TestJudgement(t *testing.T) {
	t.Parallel()
	n := internet(t)
	k := testKeys(t, n, "office.example.com")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&weak.PublicKey))
	n.Add(t, "office.example.com", `
ok._domainkey      TXT "p=`+public+`"
revoked._domainkey TXT "v=DKIM1; p="
nokey._domainkey   TXT "v=DKIM1"
dkim2._domainkey   TXT "v=DKIM2; p=`+public+`"
sha1._domainkey    TXT "h=sha1; p=`+public+`"
tlsrpt._domainkey  TXT "s=tlsrpt; p=`+public+`"
strict._domainkey  TXT "t=s; p=`+public+`"
test._domainkey    TXT "t=y; p=`+public+`"
short._domainkey   TXT "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALbI/RkAQ/qvq1ts0Cw2ZYJyFuFZGjI7yVzMCuDZ3pxYd6FHLG1A8tBU4MvuWWDM5+sN6nJ5YGyWGe2T5jnIWLkCAwEAAQ=="
two._domainkey     TXT "p=`+public+`"
two._domainkey     TXT "p=`+public+`; n=x"
junk._domainkey    TXT "p=!!!!"
kind._domainkey    TXT "k=mldsa; p=`+public+`"
`)
	n.Fail("down._domainkey.office.example.com", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	text := crlf("From: a@office.example.com\nSubject: x\n\nfirst\nsecond\n")
	signed := func(selector, extra string) string {
		// Made by hand, so that any tag can be said.
		body := newBodyWriter(digest{true, -1})
		if strings.Contains(extra, "l=7;") {
			body = newBodyWriter(digest{true, 7})
		}
		body.write([]byte("first\r\nsecond\r\n"))
		sum := body.finish().sum
		m := open(t, text)
		raw := "DKIM-Signature: v=1; c=relaxed/relaxed; d=office.example.com; s=" + selector + "; bh=" + base64.StdEncoding.EncodeToString(sum[:]) + "; " + extra + " b="
		if !strings.Contains(extra, "a=") {
			raw = strings.Replace(raw, "c=", "a=rsa-sha256; c=", 1)
		}
		names := []string{"from", "subject"}
		if !strings.Contains(extra, "h=") {
			raw = strings.Replace(raw, "c=", "h=from:subject; c=", 1)
		}
		s := &Signature{headerRelaxed: true, names: names, raw: []byte(raw)}
		value, err := Key{Signer: weak}.sign(s.headerHash(m))
		if err != nil {
			t.Fatal(err)
		}
		return raw + base64.StdEncoding.EncodeToString(value) + "\r\n" + text
	}
	now := time.Now().Unix()
	for _, test := range []struct {
		selector, extra string
		want            Word
		reason          string
	}{
		{"ok", "", Pass, "Signed by office.example.com"},
		{"test", "", Pass, ""},
		{"ok", "i=@office.example.com;", Pass, ""},
		{"ok", "i=b@sub.office.example.com;", Pass, ""},
		{"strict", "i=b@sub.office.example.com;", PermError, "below its domain"},
		{"ok", "i=@example.com;", PermError, "another domain"},
		{"ok", "i=@notoffice.example.com;", PermError, "another domain"},
		{"ok", "l=15;", Pass, ""},
		{"ok", "l=7;", Policy, "covers 7 of 15 bytes"},
		{"ok", "l=99;", PermError, "more text than there is"},
		{"ok", "l=-1;", PermError, "wrongly"},
		{"ok", "h=subject;", PermError, "does not cover the sender"},
		{"ok", "a=rsa-sha1;", Policy, "SHA-1"},
		{"ok", "a=mldsa-sha256;", Neutral, "unknown kind"},
		{"ok", "a=ed25519-sha256;", Fail, ""},
		{"ok", fmt.Sprintf("t=%d; x=%d;", now-100, now-50), Fail, "ended on"},
		{"ok", fmt.Sprintf("t=%d; x=%d;", now-100, now+50), Pass, ""},
		{"ok", fmt.Sprintf("t=%d;", now+7200), PermError, "future"},
		{"ok", fmt.Sprintf("t=%d; x=%d;", now+200, now+100), PermError, "ended before"},
		{"ok", "q=http/get;", PermError, "not in DNS"},
		{"ok", "v=2;", PermError, "wrongly"},
		{"revoked", "", PermError, "withdrawn"},
		{"nokey", "", PermError, "0 keys"},
		{"dkim2", "", PermError, "unknown version"},
		{"sha1", "", PermError, "not for SHA-256"},
		{"tlsrpt", "", PermError, "not for mail"},
		{"short", "", PermError, "512 bits"},
		{"two", "", PermError, "2 keys"},
		{"junk", "", PermError, "wrongly"},
		{"kind", "", PermError, "unknown kind"},
		{"missing", "", PermError, "not in DNS"},
		{"down", "", TempError, "just now"},
	} {
		results := verify(t, n.Client(), signed(test.selector, test.extra))
		if len(results) != 1 || results[0].Word != test.want || !strings.Contains(results[0].Reason, test.reason) {
			t.Errorf("key %s, %q: got %+v, want %s with %q", test.selector, test.extra, results, test.want, test.reason)
		}
	}
	for _, extra := range []string{fmt.Sprintf("t=%d; x=%d;", now-100, now-50), fmt.Sprintf("t=%d;", now+7200)} {
		m, err := Open(strings.NewReader(signed("ok", extra)), int64(len(signed("ok", extra))))
		if err != nil {
			t.Fatal(err)
		}
		m.Undated = true
		results, err := Verify(t.Context(), n.Client(), m, 1)
		if err != nil || len(results) != 1 || results[0].Word != Pass {
			t.Errorf("%q, dates not judged: got %+v, %v, want pass", extra, results, err)
		}
	}
	many := verify(t, n.Client(), strings.Repeat("DKIM-Signature: x\r\n", 50)+sign(t, k, text))
	if len(many) != 11 || many[10].Word != Policy {
		t.Errorf("52 signatures: got %d results", len(many))
	}
}

func TestHeaderBounds(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"long":        "Subject: " + strings.Repeat("x", MaxHeader) + "\r\n\r\n",
		"many fields": strings.Repeat("a: b\r\n", maxFields+1) + "\r\n",
	} {
		if _, err := Open(strings.NewReader(text), int64(len(text))); err != ErrHeader {
			t.Errorf("%s: got %v, want ErrHeader", name, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	n := internet(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, n.Client(), open(t, crlf(rfc6376Message)), 10); err == nil {
		t.Error("a cancelled check gives results")
	}
}

// TestRotation walks a domain's keys through a change.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := internet(t)
		k, err := NewKeys("office.example.com", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, n, k)
		text := crlf("From: a@office.example.com\n\nx\n")
		before := sign(t, k, text)
		if err := k.Switch(time.Now()); err != ErrNotPrepared {
			t.Errorf("Switch without next keys: got %v", err)
		}
		if err := k.Prepare(time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := k.Prepare(time.Now()); err != nil || len(k.Records()) != 4 {
			t.Errorf("Prepare twice: got %v and %d records, want 4", err, len(k.Records()))
		}
		for _, r := range k.Records() {
			published, err := r.Published(t.Context(), n.Client())
			if want := r.Use == UseCurrent; err != nil || published != want {
				t.Errorf("%s (%s): published %t, %v; want %t", r.Name, r.Use, published, err, want)
			}
		}
		publish(t, n, k)
		again, err := DecodeKeys(k.Encode())
		if err != nil {
			t.Fatal(err)
		}
		k = again
		if err := k.Switch(time.Now()); err != nil {
			t.Fatal(err)
		}
		after := sign(t, k, text)
		for name, m := range map[string]string{"before": before, "after": after} {
			for _, r := range verify(t, n.Client(), m) {
				if r.Word != Pass {
					t.Errorf("signed %s the change: got %s (%s)", name, r.Word, r.Reason)
				}
			}
		}
		if before[:300] == after[:300] {
			t.Error("the same selector signs after the change")
		}
		time.Sleep(StaleAfter - time.Hour)
		if k.Prune(time.Now()) || len(k.Records()) != 4 {
			t.Errorf("old keys were dropped too early: %d records", len(k.Records()))
		}
		time.Sleep(2 * time.Hour)
		if !k.Prune(time.Now()) || len(k.Records()) != 2 {
			t.Errorf("old keys were not dropped: %d records", len(k.Records()))
		}
	})
	if _, err := DecodeKeys([]byte{2, '{', '}'}); err != ErrKeys {
		t.Errorf("a later version: got %v, want ErrKeys", err)
	}
}

var _ DNS = (*resolver.Client)(nil)

func FuzzVerify(f *testing.F) {
	f.Add([]byte(crlf(rfc8463Signatures + rfc8463Message)))
	f.Add([]byte(crlf(rfc6376Message)))
	f.Add([]byte("ARC-Seal: i=1; cv=none; a=rsa-sha256; d=example.com; s=x; b=aaaa\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=example.com; s=x; h=from; bh=aaaa; b=aaaa\r\nARC-Authentication-Results: i=1; a; none\r\nFrom: a\r\n\r\n"))
	n := internet(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Open(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		if _, err := Verify(t.Context(), n.Client(), m, 10); err != nil {
			t.Error(err)
		}
		if _, err := VerifyChain(t.Context(), n.Client(), m); err != nil {
			t.Error(err)
		}
	})
}

// TestManyWays: each other "l=" would be one more pass of a hash over the body.
func TestManyWays(t *testing.T) {
	t.Parallel()
	n := internet(t)
	var b strings.Builder
	for i := range 9 {
		fmt.Fprintf(&b, "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=brisbane; h=from; bh=aaaa; l=%d; b=aaaa\r\n", i)
	}
	results := verify(t, n.Client(), b.String()+crlf(rfc6376Message))
	if len(results) != 10 || results[5].Word != Policy || results[0].Word != Fail {
		t.Errorf("got %+v", results)
	}
}

// BenchmarkVerify is a message with a large attachment, beside its hash alone.
func BenchmarkVerify(b *testing.B) {
	n := internet(b)
	k := testKeys(b, n, "office.example.com")
	line := strings.Repeat("x", 76) + "\r\n"
	text := sign(b, k, "From: a@office.example.com\r\n\r\n"+strings.Repeat(line, 10<<20/len(line)))
	d := n.Client()
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if r := verify(b, d, text); r[0].Word != Pass {
				b.Fatal(r)
			}
		}
	})
	b.Run("hash", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			sha256.Sum256([]byte(text))
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Add("v=DKIM1; h=sha1:sha256; s=email; t=y:s; p=MIGf")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err == nil && r.Key == nil {
			t.Errorf("%q: no key and no error", text)
		}
	})
}

// TestGoldenKeys reads keys as version 1 stored them, for ever.
func TestGoldenKeys(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/keys.v1")
	if err != nil {
		t.Fatal(err)
	}
	k, err := DecodeKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Encode(), data) {
		t.Error("the keys are written otherwise than they were: that is another version")
	}
	var names []string
	for _, r := range k.Records() {
		names = append(names, string(r.Use)+" "+r.Name)
	}
	if want := []string{
		"current r20261122b._domainkey.office.example", "current e20261122b._domainkey.office.example",
		"next r20261123._domainkey.office.example", "next e20261123._domainkey.office.example",
		"retired r20261122._domainkey.office.example", "retired e20261122._domainkey.office.example",
	}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

// BenchmarkSign is what a letter's two signatures cost, and how much of that is RSA, which nothing here can change.
func BenchmarkSign(b *testing.B) {
	keys, err := NewKeys("office.test", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if keys, err = DecodeKeys(keys.Encode()); err != nil { // as they are at work
		b.Fatal(err)
	}
	b.Run("letter of 4 KiB", func(b *testing.B) {
		text := "From: a@office.test\r\nTo: b@far.test\r\nSubject: s\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <1@office.test>\r\n\r\n" +
			strings.Repeat("a line of forty-two letters and its end.\r\n", 4<<10/42)
		b.ReportAllocs()
		for b.Loop() {
			m, err := Open(strings.NewReader(text), int64(len(text)))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Sign(b.Context(), m, keys.Signing(), time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	sum := sha256.Sum256(nil)
	b.Run("RSA alone", func(b *testing.B) {
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(nil, keys.Current.RSA, crypto.SHA256, sum[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Ed25519 alone", func(b *testing.B) {
		for b.Loop() {
			ed25519.Sign(keys.Current.Ed25519, sum[:])
		}
	})
}
