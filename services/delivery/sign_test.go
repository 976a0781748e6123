package delivery

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeSigner says what it was asked for.
type fakeSigner struct {
	asked int
	err   error
}

func (s *fakeSigner) field(name string) ([]byte, error) {
	s.asked++
	return []byte(name + ": x\r\n"), s.err
}

func (s *fakeSigner) Sign(context.Context, *mail.Envelope, *draft.Draft) ([]byte, error) {
	return s.field("DKIM-Signature")
}

func (s *fakeSigner) Seal(context.Context, *mail.Envelope, *draft.Draft) ([]byte, error) {
	return s.field("ARC-Seal")
}

// TestSigned: what leaves is signed or sealed once, above all else that the box adds;
// what stays is neither; and nothing is lost for a signature.
func TestSigned(t *testing.T) {
	t.Parallel()
	alice := mail.Peer{Login: mail.Login{Account: 1, Address: address(t, "alice@example.test")}, Protocol: "ESMTPSA"}
	stranger := mail.Peer{Protocol: "ESMTP", Helo: "there"}
	for name, test := range map[string]struct {
		peer  mail.Peer
		to    string
		err   error
		want  string
		asked int
	}{
		"sent":            {alice, "x@elsewhere.test", nil, "DKIM-Signature: x\r\nReceived: ", 1},
		"of the box":      {mail.Peer{}, "x@elsewhere.test", nil, "DKIM-Signature: x\r\nReceived: ", 1},
		"inside":          {alice, "alice@example.test", nil, "", 0},
		"passed on":       {stranger, "away@example.test", nil, "ARC-Seal: x\r\nDelivered-To: away@example.test\r\nReceived: ", 1},
		"can't be":        {alice, "x@elsewhere.test", errors.New("no key"), "Received: ", 1},
		"sent, passed on": {alice, "away@example.test", nil, "DKIM-Signature: x\r\nDelivered-To: away@example.test\r\nReceived: ", 1},
	} {
		signer, post := &fakeSigner{err: test.err}, &fakePost{}
		b := testBook()
		b.group("away", mail.WhoAnybody, nil, "y@elsewhere.test", "z@elsewhere.test")
		room := New(Options{Directory: b, Store: &fakeStore{}, Post: post, Signer: signer, Place: testPlace(), Log: slog.New(slog.DiscardHandler)})
		envelope := &mail.Envelope{From: address(t, "alice@example.test"), To: mail.To(address(t, test.to)), Peer: test.peer}
		if err := room.Deliver(t.Context(), envelope, nil); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got string
		if len(post.outbound) > 0 {
			got = string(post.outbound[0].Prefix)
		}
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" || signer.asked != test.asked {
			t.Errorf("%s: leaves with %q, asked %d times; want %q, %d", name, got, signer.asked, test.want, test.asked)
		}
	}
}
