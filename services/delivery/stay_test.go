package delivery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// fakeShelf keeps what is put off.
type fakeShelf struct {
	envelope *mail.Envelope
	stay     Stay
	err      error
}

func (f *fakeShelf) Postpone(_ context.Context, e *mail.Envelope, s Stay, _ *draft.Draft) error {
	f.envelope, f.stay = e, s
	return f.err
}

// fakePost fits the one Post of a test to Resume.
func (p *fakePost) settle(attempts *[]mail.Attempt) func([]mail.Attempt) (Post, error) {
	return func(list []mail.Attempt) (Post, error) {
		*attempts = list
		return p, nil
	}
}

// TestPostponed: what its sender wants to go later goes on the shelf when all else has
// been looked at, and nowhere else; what can't go is refused at once; of strangers and
// of a time that has passed nothing waits.
func TestPostponed(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	shelf := &fakeShelf{}
	room.shelf = shelf
	alice := mail.Peer{Login: mail.Login{Account: 1, Address: address(t, "alice@example.test")}, Protocol: "ESMTPSA"}
	deliver := func(peer mail.Peer, until time.Time) error {
		store.targets, shelf.envelope = nil, nil
		return room.Deliver(t.Context(), &mail.Envelope{Peer: peer, To: mail.To(address(t, "bob@example.test")), Wishes: mail.Wishes{HoldUntil: until}}, nil)
	}
	soon := time.Now().Add(time.Hour)
	if err := deliver(alice, soon); err != nil || store.targets != nil || shelf.envelope == nil || shelf.stay.Fields == "" {
		t.Errorf("for later: %v, stored %v, shelf %+v", err, store.targets, shelf)
	}
	for what, err := range map[string]error{"its time has passed": deliver(alice, time.Now().Add(-time.Hour)), "a stranger's": deliver(mail.Peer{Protocol: "ESMTP"}, soon)} {
		if err != nil || store.targets == nil || shelf.envelope != nil {
			t.Errorf("%s: %v, stored %v, shelf %v", what, err, store.targets, shelf.envelope)
		}
	}
	room.screener = &fakeScreener{err: &mail.Refusal{Status: mail.Status5_7_1NotPermitted}}
	if _, refused := errors.AsType[*mail.Refusal](deliver(alice, soon)); !refused || shelf.envelope != nil {
		t.Error("what a rule refuses waits for its time")
	}
	room.screener, shelf.err = nil, mail.ErrNoSpace
	if err := deliver(alice, soon); !errors.Is(err, mail.ErrNoSpace) || store.targets != nil {
		t.Errorf("what can't wait: %v, stored %v", err, store.targets)
	}
}

// TestResume: each recipient is decided about alone, with what stood in front of the
// message when it came; an error leaves nothing behind.
func TestResume(t *testing.T) {
	t.Parallel()
	room, _ := newTestRoom()
	post := &fakePost{}
	room.post = post
	room.quota.Fits = func(_ context.Context, id mail.AccountID, more mail.Usage) error {
		if id == 2 {
			return &mail.QuotaError{Account: id, Quota: mail.Quota{Bytes: 1}, Usage: mail.Usage{Bytes: 1}}
		}
		return nil
	}
	env := &mail.Envelope{
		ID: mail.NewID(time.Now()), From: address(t, "eve@far.test"), Peer: mail.Peer{Protocol: "ESMTP"}, Judgement: mail.Judgement{Junk: true},
		To: mail.To(address(t, "gone@example.test"), address(t, "bob@example.test"), address(t, "alice@example.test")),
	}
	body := storetest.NewDraft(t, storetest.NewSpool(t), "Subject: x\r\n\r\nx\r\n")
	var attempts []mail.Attempt
	if err := room.Resume(t.Context(), env, Stay{Fields: "Received: then\r\n"}, body, post.settle(&attempts)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []mail.Fate{mail.FateFailed, mail.FateDeferred, mail.FateDelivered} {
		if attempts[i].Fate != want || attempts[i].To != i {
			t.Errorf("recipient %d: %+v; want %v", i, attempts[i], want)
		}
	}
	const prefix = "Return-Path: <eve@far.test>\r\nDelivered-To: alice@example.test\r\nReceived: then\r\n"
	if len(post.targets) != 1 || post.targets[0].Role != mail.RoleJunk || string(post.targets[0].Prefix) != prefix {
		t.Errorf("targets %+v; want junk with %q", post.targets, prefix)
	}
	if err := room.Resume(t.Context(), env, Stay{Fields: "Received: then\r\n", Collected: true}, body, post.settle(&attempts)); err != nil {
		t.Fatal(err)
	}
	if got, want := string(post.targets[0].Prefix), "Delivered-To: alice@example.test\r\nReceived: then\r\n"; got != want {
		t.Errorf("collected, the prefix is %q; want %q", got, want)
	}
	post.targets, attempts, env.To = nil, nil, mail.To(address(t, "alice@example.test"), address(t, "broken@example.test"))
	if err := room.Resume(t.Context(), env, Stay{}, body, post.settle(&attempts)); !errors.Is(err, errBroken) || post.targets != nil || attempts != nil {
		t.Errorf("with a directory that is broken: %v, %v, %v", err, post.targets, attempts)
	}
}

// TestResumeRest: who has a message already, as a recipient or by a copy, gets it no
// second time when it can be taken on for those whose mailboxes were full.
func TestResumeRest(t *testing.T) {
	t.Parallel()
	b := testBook()
	b.copies = []mail.Copy{{To: member("archive@out.test"), In: true, Out: true}}
	b.rule(1, func(r *mail.Rules) { r.Copies = []mail.Copy{{To: member("a3"), Out: true}} })
	room := newRoom(b)
	full := true
	room.quota.Fits = func(_ context.Context, id mail.AccountID, _ mail.Usage) error {
		if id == 2 && full {
			return &mail.QuotaError{Account: id, Quota: mail.Quota{Bytes: 1}, Usage: mail.Usage{Bytes: 1}}
		}
		return nil
	}
	to := mail.To(address(t, "bob@example.test"), address(t, "dan@example.test"), address(t, "desk@example.test"))
	env := &mail.Envelope{ID: mail.NewID(time.Now()), From: address(t, "alice@example.test"), To: to}
	env.Peer = mail.Peer{Login: mail.Login{Account: 1, Address: env.From}, Protocol: "ESMTP"}
	body := storetest.NewDraft(t, storetest.NewSpool(t), "Subject: x\r\n\r\nx\r\n")
	var attempts []mail.Attempt
	if err := room.Resume(t.Context(), env, Stay{}, body, room.post.settle(&attempts)); err != nil {
		t.Fatal(err)
	}
	if attempts[0].Fate != mail.FateDeferred || len(room.post.targets) != 2 || len(room.post.outbound) != 2 {
		t.Fatalf("attempts %+v, targets %+v, outbound %+v; want all but bob", attempts, room.post.targets, room.post.outbound)
	}
	full, env.To = false, to[:1]
	if err := room.Resume(t.Context(), env, Stay{Had: to[1:]}, body, room.post.settle(&attempts)); err != nil {
		t.Fatal(err)
	}
	if attempts[0].Fate != mail.FateDelivered || len(room.post.targets) != 1 || room.post.targets[0].Account != 2 || len(room.post.outbound) != 0 {
		t.Errorf("attempts %+v, targets %+v, outbound %+v; want bob alone", attempts, room.post.targets, room.post.outbound)
	}
}
