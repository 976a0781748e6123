package delivery

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeDirectory knows addresses by their canonical form.
type fakeDirectory map[mail.CanonicalAddress]mail.AccountID

var errBroken = errors.New("the directory is broken")

func (d fakeDirectory) Look(_ context.Context, to mail.Address) (mail.Found, error) {
	switch id, ok := d[to.Canonical()]; {
	case to.Local == "broken":
		return mail.Found{}, errBroken
	case ok:
		return mail.Found{Account: id, Listing: mail.Listing{Address: to, Kind: mail.ListingAccount}}, nil
	case to.Domain == "example.test":
		return mail.Found{}, mail.ErrNoSuchAddress
	}
	return mail.Found{}, mail.ErrNotOurDomain
}

func (d fakeDirectory) Rules(context.Context, mail.AccountID) (mail.Rules, error) {
	return mail.Rules{}, nil
}

func (d fakeDirectory) Owns(_ context.Context, account mail.AccountID, from mail.Address) (bool, error) {
	if from.Local == "broken" {
		return false, errBroken
	}
	return d[from.Canonical()] == account, nil
}

// fakeStore remembers what it was given.
type fakeStore struct {
	targets []mail.Target
	err     error
}

func (s *fakeStore) Deliver(_ context.Context, _ *mail.Envelope, targets []mail.Target, _ *draft.Draft) error {
	s.targets = targets
	return s.err
}

func newTestRoom() (*Mailroom, *fakeStore) {
	store := &fakeStore{}
	directory := fakeDirectory{"alice@example.test": 1, "info@example.test": 1, "bob@example.test": 2}
	return New(Options{Directory: directory, Store: store, Place: testPlace(), Log: slog.New(slog.DiscardHandler)}), store
}

func testPlace() Place {
	return Place{
		Hostname: func() string { return "box.example.test" },
		Zone:     func() *time.Location { return time.FixedZone("", 3600) },
	}
}

func address(t *testing.T, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRecipientAndSender(t *testing.T) {
	t.Parallel()
	room, _ := newTestRoom()
	stranger := &mail.Peer{Protocol: "ESMTP"}
	alice := &mail.Peer{Login: mail.Login{Account: 1, Address: address(t, "alice@example.test")}}
	status := func(err error) string {
		if err == nil {
			return "ok"
		}
		if r, ok := errors.AsType[*mail.Refusal](err); ok {
			return r.Status.String()
		}
		return "temporary"
	}
	for _, test := range []struct {
		peer                *mail.Peer
		address             string
		recipient, asSender string
	}{
		{stranger, "Alice@EXAMPLE.test", "ok", "ok"},
		{stranger, "carol@example.test", "5.1.1", "ok"},
		{stranger, "x@elsewhere.test", "5.7.1", "ok"},
		{stranger, "broken@example.test", "temporary", "ok"},
		{alice, "info@example.test", "ok", "ok"},
		{alice, "bob@example.test", "ok", "5.7.1"},
		{alice, "x@elsewhere.test", "5.4.0", "5.7.1"},
		{alice, "broken@example.test", "temporary", "temporary"},
	} {
		a := address(t, test.address)
		if got := status(room.Recipient(t.Context(), &mail.Envelope{Peer: *test.peer}, a)); got != test.recipient {
			t.Errorf("Recipient(%v, %s): got %s; want %s", test.peer.Login.Address, a, got, test.recipient)
		}
		if got := status(room.Sender(t.Context(), test.peer, a)); got != test.asSender {
			t.Errorf("Sender(%v, %s): got %s; want %s", test.peer.Login.Address, a, got, test.asSender)
		}
	}
	if err := room.Sender(t.Context(), alice, mail.Address{}); err != nil {
		t.Errorf("the null sender was refused: %v", err)
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	envelope := &mail.Envelope{
		ID: mail.NewID(at), Received: at, From: address(t, "bob@else.test"),
		To:   mail.To(address(t, "info@example.test"), address(t, "bob@example.test"), address(t, "alice@example.test")),
		Peer: mail.Peer{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "else.test", Protocol: "ESMTPS"},
	}
	if err := room.Deliver(t.Context(), envelope, nil); err != nil {
		t.Fatal(err)
	}
	if len(store.targets) != 2 || store.targets[0].Account != 1 || store.targets[1].Account != 2 {
		t.Fatalf("targets are %+v; want one for each of the two accounts", store.targets)
	}
	prefix := string(store.targets[0].Prefix)
	for _, want := range []string{"Return-Path: <bob@else.test>\r\nDelivered-To: info@example.test\r\nReceived: from else.test ([192.0.2.7])", "by box.example.test", envelope.ID.String(), "11:00:00 +0100"} {
		if !strings.Contains(prefix, want) {
			t.Errorf("the prefix %q lacks %q", prefix, want)
		}
	}
	if strings.Contains(strings.ReplaceAll(prefix, "\r\n", ""), "\n") || !strings.HasSuffix(prefix, "\r\n") || strings.Contains(prefix, "\r\n\r\n") {
		t.Errorf("the prefix %q is not whole header lines", prefix)
	}
}

// TestDeliverFails: an account that went after RCPT is trouble of ours, and
// temporary, whatever was said at RCPT.
func TestDeliverFails(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	gone := &mail.Envelope{To: mail.To(address(t, "alice@example.test"), address(t, "carol@example.test"))}
	err := room.Deliver(t.Context(), gone, nil)
	if _, refused := errors.AsType[*mail.Refusal](err); err == nil || refused || store.targets != nil {
		t.Errorf("got %v, targets %v; want a temporary error and nothing stored", err, store.targets)
	}
	store.err = mail.ErrNoSpace
	err = room.Deliver(t.Context(), &mail.Envelope{To: gone.To[:1]}, nil)
	if !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("got %v; want the store's error", err)
	}
}

// TestDeliverJudged: what was found out stands between Delivered-To and Received,
// and junk goes to the junk mailbox.
func TestDeliverJudged(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	envelope := &mail.Envelope{
		ID: mail.NewID(time.Now()), Received: time.Now(), To: mail.To(address(t, "alice@example.test")),
		Judgement: mail.Judgement{Junk: true, Fields: "Authentication-Results: mail.example.test; none\r\n"},
	}
	if err := room.Deliver(t.Context(), envelope, nil); err != nil {
		t.Fatal(err)
	}
	const want = "\r\nDelivered-To: alice@example.test\r\nAuthentication-Results: mail.example.test; none\r\nReceived: "
	if target := store.targets[0]; target.Role != mail.RoleJunk || !strings.Contains(string(target.Prefix), want) {
		t.Errorf("got role %v and prefix %q; want junk, and %q in it", target.Role, target.Prefix, want)
	}
}
