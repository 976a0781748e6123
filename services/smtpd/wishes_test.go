package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// everything is turned on.
var everything = Offers{DSN: true, RequireTLS: true, DeliverBy: true, Priority: true, Future: 7 * 24 * time.Hour}

// fakeTurner has mail for waiting.test.
type fakeTurner struct{}

func (fakeTurner) Turn(_ context.Context, _ *mail.Peer, domain string, below bool) (int, error) {
	switch {
	case domain == "waiting.test" && below:
		return 4, nil
	case domain == "waiting.test":
		return 3, nil
	case domain == "empty.test":
		return 0, nil
	case domain == "trouble.test":
		return 0, errors.New("a broken disk")
	}
	return 0, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "That is not your domain"}
}

// TestDialogues plays testdata; what begins with "submission" over TLS on a
// submission port.
func TestDialogues(t *testing.T) {
	t.Parallel()
	mailtest.RunFiles(t, filepath.Join("testdata", "*.dialogue"), func(t *testing.T) mailtest.Runner {
		s := newTestServer(t)
		s.options.Offers, s.options.Turner = everything, fakeTurner{}
		submission := strings.Contains(t.Name(), "/submission")
		addr := s.listen(t, Mode{Submission: submission, ImplicitTLS: submission})
		config := &tls.Config{InsecureSkipVerify: true}
		return mailtest.Runner{TLS: config, Dial: func() (net.Conn, error) {
			if submission {
				return tls.Dial("tcp", addr, config)
			}
			return net.Dial("tcp", addr)
		}}
	})
}

// TestWishes: what the client asked for is in the envelope that is delivered.
func TestWishes(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	s.options.Offers = everything
	c := dial(t, s.listen(t, Mode{Submission: true, ImplicitTLS: true}))
	c.startTLS()
	c.expect("220")
	before := time.Now()
	c.dialogue(`
		C: EHLO client.test
		S: 250-
		C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
		S: 235
		C: MAIL FROM:<alice@example.test> SMTPUTF8 RET=FULL ENVID=a+2Bb REQUIRETLS BY=90;RT MT-PRIORITY=3 HOLDFOR=60
		S: 250 2.0.0
		C: RCPT TO:<alice@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+3Dy@z.test
		S: 250
		C: RCPT TO:<bob@example.test> NOTIFY=NEVER ORCPT=UTF-8;pošta\x{72}@z.test
		S: 250
		C: RCPT TO:<carol@example.test>
		S: 250
		C: DATA
		S: 354
		C: .
		S: 250`)
	envelope := s.room.taken()[0].envelope
	w := envelope.Wishes
	near := func(got time.Time, want time.Duration) bool {
		return !got.Before(before.Add(want)) && got.Before(time.Now().Add(want+time.Second))
	}
	if !near(w.By, 90*time.Second) || !near(w.HoldUntil, time.Minute) {
		t.Errorf("By is %v, HoldUntil %v; want 90 s and 60 s from now", w.By, w.HoldUntil)
	}
	w.By, w.HoldUntil = time.Time{}, time.Time{}
	if want := (mail.Wishes{Return: mail.ReturnFull, EnvelopeID: "a+b", RequireTLS: true, Priority: 3, ByTrace: true}); w != want {
		t.Errorf("got wishes %+v; want %+v", w, want)
	}
	for i, want := range []mail.Recipient{
		{Notify: mail.NotifySuccess | mail.NotifyDelay, Original: "rfc822;x=y@z.test"},
		{Notify: mail.NotifyNever, Original: "utf-8;poštar@z.test"},
		{},
	} {
		if got := envelope.To[i]; got.Notify != want.Notify || got.Original != want.Original {
			t.Errorf("recipient %d has Notify %d and Original %q; want %d and %q", i, got.Notify, got.Original, want.Notify, want.Original)
		}
	}
}

// TestDeliverByNeedsReports: without DSN nobody could be told that the time is over.
func TestDeliverByNeedsReports(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	s.options.Offers = Offers{DeliverBy: true}
	c := dial(t, s.listen(t, Mode{}))
	c.expect("220")
	c.send("EHLO c.test\r\n")
	if got := c.expect("250-"); strings.Contains(got, "DELIVERBY") {
		t.Errorf("EHLO lists %q; want no DELIVERBY without DSN", got)
	}
	c.dialogue("C: MAIL FROM:<a@b.test> BY=60;R\nS: 555")
}

// TestOriginal holds what is taken for the address that somebody wrote first.
func TestOriginal(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"rfc822;x+3Dy@z.test":      "rfc822;x=y@z.test",
		`UTF-8;po\x{161}ta@z.test`: "utf-8;pošta@z.test",
		"rfc822;po+C5+A1ta@z.test": "utf-8;pošta@z.test", // as Postfix has it
		"rfc822;pošta@z.test":      "utf-8;pošta@z.test",
		"rfc822;po+C5ta@z.test":    "",
		"rfc822;x+0D+0AY:@z.test":  "",
		"x400;po+C5+A1ta@z.test":   "",
		"rfc822":                   "",
	} {
		var r mail.Recipient
		if err := parseOriginal(&r, value, true); r.Original != want || (err == nil) != (want != "") {
			t.Errorf("ORCPT=%s is taken as %q, %v; want %q", value, r.Original, err, want)
		}
	}
}

// FuzzParameters: whatever stands behind MAIL and RCPT, what is taken fits its
// bounds and can stand in a field of a report.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"RET=FULL ENVID=a+2Bb", "BY=-1;N MT-PRIORITY=-9", "HOLDFOR=9 BY=10;RT", "HOLDUNTIL=2031-12-24T18:00:00Z", "REQUIRETLS",
		"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40b", `ORCPT=utf-8;\x{20AC}\x{10FFFF}@x`, "NOTIFY=NEVER", "ORCPT=x-y;+0A+7F",
	} {
		f.Add(seed)
	}
	s := newTestServer(f)
	s.options.Offers = everything
	f.Fuzz(func(t *testing.T, text string) {
		_, parameters, err := cutPath("TO:<a@b.test> "+text, "TO:")
		if err != nil {
			return
		}
		c := newConn(s.Server, &scriptConn{}, Mode{Submission: true})
		c.esmtp, c.tls = true, &tls.ConnectionState{}
		now := time.Unix(1e9, 0)
		var e mail.Envelope
		var r mail.Recipient
		for _, p := range parameters {
			if c.mailParameter(&e, p, now) != nil {
				e = mail.Envelope{}
			}
			if c.recipientWish(&r, p, true) != nil {
				r = mail.Recipient{}
			}
		}
		w := e.Wishes
		if len(w.EnvelopeID) > maxEnvelopeID || !printableASCII(w.EnvelopeID) {
			t.Errorf("%q: the envelope ID is %q", text, w.EnvelopeID)
		}
		if len(r.Original) > maxOriginal || !utf8.ValidString(r.Original) || strings.ContainsAny(r.Original, "\r\n\x00") {
			t.Errorf("%q: the original recipient is %q", text, r.Original)
		}
		if r.Notify&mail.NotifyNever != 0 && r.Notify != mail.NotifyNever || w.Priority < -maxPriority || w.Priority > maxPriority {
			t.Errorf("%q: Notify is %d, Priority %d", text, r.Notify, w.Priority)
		}
		if w.HoldUntil.After(now.Add(everything.Future)) || !w.HoldUntil.IsZero() && w.HoldUntil.Before(now) {
			t.Errorf("%q: held until %v", text, w.HoldUntil)
		}
	})
}

// FuzzXtext compares decoding with an encoder that leaves nothing as it is.
func FuzzXtext(f *testing.F) {
	f.Add("a+b=c", "+41+0a")
	f.Fuzz(func(t *testing.T, plain, raw string) {
		const digits = "0123456789ABCDEF"
		var b strings.Builder
		for i := range len(plain) {
			b.WriteString("+" + string(digits[plain[i]>>4]) + string(digits[plain[i]&15]))
		}
		if got, ok := decodeXtext(b.String()); !ok || got != plain {
			t.Errorf("%q came back as %q, %v", plain, got, ok)
		}
		if got, ok := decodeXtext(raw); ok && len(got) > len(raw) {
			t.Errorf("%q became longer: %q", raw, got)
		}
	})
}
