package message

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func received(t *testing.T, env *mail.Envelope) string {
	t.Helper()
	var b strings.Builder
	if err := WriteReceived(&b, "mail.example.test", env); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteReceived(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 15, 0, 0, time.FixedZone("", 3600))
	id := mail.NewID(at)
	env := &mail.Envelope{
		ID: id, Received: at,
		To: mail.To(mail.Address{Local: "alice", Domain: "example.test"}),
		Peer: mail.Peer{
			Addr: netip.MustParseAddr("2001:db8::1"), Helo: "mx.example.org",
			Protocol: "ESMTPS", TLS: "TLS 1.3, TLS_AES_128_GCM_SHA256",
		},
	}
	want := "Received: from mx.example.org ([IPv6:2001:db8::1]) by mail.example.test with\r\n" +
		"\tESMTPS (TLS 1.3, TLS_AES_128_GCM_SHA256) id " + id.String() + " for\r\n" +
		"\t<alice@example.test>; Sun, 22 Nov 2026 09:15:00 +0100\r\n"
	if got := received(t, env); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	env.To = append(env.To, mail.To(mail.Address{Local: "bob", Domain: "example.test"})...)
	if got := received(t, env); strings.Contains(got, "for <") {
		t.Errorf("with two recipients: %q names one", got)
	}
}

// TestReceivedHostile: nothing that a client says can end the line, the field or
// a comment.
func TestReceivedHostile(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"", "a\r\nBcc: x", "(((", "\\", "<x>", "a b; id c", strings.Repeat("x", 10_000), "[127.0.0.1]\x00", "ü.example", "a\xff"} {
		env := &mail.Envelope{Received: time.Unix(0, 0), Peer: mail.Peer{Helo: said, Protocol: said, TLS: said}}
		got := received(t, env)
		lines := strings.SplitAfter(got, "\r\n")
		for i, line := range lines[:len(lines)-1] {
			if i > 0 && line[0] != '\t' || len(line) > 400 {
				t.Errorf("%.50q: line %.200q", said, line)
			}
		}
		if d := scan(t, got); d.HeaderLen != int64(len(got)) || strings.Count(got, ";") != 1 || strings.Count(got, "(") != strings.Count(got, ")") {
			t.Errorf("%.50q: %q", said, got)
		}
	}
}
