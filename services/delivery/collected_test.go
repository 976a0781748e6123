package delivery

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

func collected(t *testing.T, to ...string) *mail.Collected {
	c := &mail.Collected{Keeper: address(t, "alice@example.test"), Envelope: mail.Envelope{
		ID: mail.NewID(time.Now()), Received: time.Now().Add(-time.Hour), From: address(t, "s@far.test"), Peer: mail.Peer{Helo: "imap.provider.test", Protocol: "IMAP"},
	}}
	for _, a := range to {
		c.Envelope.To = append(c.Envelope.To, mail.Recipient{Address: address(t, a), Notify: mail.NotifyNever})
	}
	return c
}

// TestCollect: the office's rules hold for collected mail, and what they don't let
// through goes to the keeper.
func TestCollect(t *testing.T) {
	t.Parallel()
	ours := "Delivered-To: dan@example.test\r\nReceived: from x by box.example.test with ESMTP; Mon, 1 Jan 2024 00:00:00 +0000\r\nSubject: s\r\n\r\nt\r\n"
	for _, test := range []struct {
		to     string
		change func(*mail.Collected)
		text   string
		want   string
		sorted bool
	}{
		{to: "bob@example.test", want: "a2", sorted: true},
		{to: "Bob+list@example.test info@example.test", want: "a1 a2", sorted: true},
		{to: "desk@example.test", want: "a1 a2", sorted: true},
		{to: "carol@example.test", want: "a1"}, // local-only
		{to: "carol@example.test bob@example.test", want: "a1 a2"},
		{to: "office@example.test", want: "a1"}, // a group for the office alone
		{to: "nobody@example.test", want: "a1"},
		{to: "x@out.test", want: "a1"}, // nothing is relayed
		{to: "", want: "a1"},
		{to: "dan@example.test", want: "dan@out.test(null)", sorted: true},
		{to: "erin@example.test", want: "a2 a5 erin@out.test(null)", sorted: true},
		{to: "dan@example.test", text: ours, want: "a4", sorted: true}, // forwarded from here, collected again
		{to: "dan@example.test", change: func(c *mail.Collected) { c.Round = true }, want: "a4", sorted: true},
		{to: "all@example.test", change: func(c *mail.Collected) { c.Round = true }, want: "a1"},
		{to: "dan@example.test", change: func(c *mail.Collected) { c.Envelope.Judgement.Junk = true }, want: "a4", sorted: true},
		{to: "dan@example.test", change: func(c *mail.Collected) { c.Envelope.From = mail.Address{} }, want: "dan@out.test", sorted: true}, // an automatic reply
	} {
		room := newRoom(testBook())
		text := test.text
		if text == "" {
			text = "Subject: s\r\n\r\nt\r\n"
		}
		c := collected(t, strings.Fields(test.to)...)
		if test.change != nil {
			test.change(c)
		}
		sorted, err := room.Collect(t.Context(), c, storetest.NewDraft(t, storetest.NewSpool(t), text), room.post)
		if err != nil {
			t.Errorf("%q: %v", test.to, err)
			continue
		}
		if got := strings.ReplaceAll(room.said(&c.Envelope), "#", "a"); got != test.want || sorted != test.sorted {
			t.Errorf("%q goes to %q, sorted %v; want %q, %v", test.to, got, sorted, test.want, test.sorted)
		}
		for _, o := range room.post.outbound {
			if !o.From.IsZero() {
				t.Errorf("%q: collected mail leaves with the reverse-path %s; want none, so that nothing comes of it", test.to, o.From)
			}
			for _, to := range o.To {
				if to.Notify != mail.NotifyNever {
					t.Errorf("%q: reports about %s are asked for", test.to, to)
				}
			}
		}
		for _, in := range room.post.targets {
			want := mail.RoleInbox
			if c.Envelope.Judgement.Junk {
				want = mail.RoleJunk
			}
			if p := string(in.Prefix); in.Role != want || !strings.HasPrefix(p, "Delivered-To: ") || strings.Contains(p, "Return-Path") || !strings.Contains(p, "with IMAP") {
				t.Errorf("%q: role %v, fields %q", test.to, in.Role, p)
			}
		}
	}
}

// TestCollectFull: mail for a full mailbox waits at the provider; after the grace it
// does so alone, while others get theirs.
func TestCollectFull(t *testing.T) {
	t.Parallel()
	over := &mail.QuotaError{Account: 2}
	room := newRoom(testBook())
	room.quota = Quota{Grace: time.Minute, Fits: func(_ context.Context, id mail.AccountID, _ mail.Usage) error {
		if id == 2 {
			return over
		}
		return nil
	}}
	room.fullness.grace = time.Minute
	collect := func(to ...string) (string, error) {
		room.post.targets = nil
		c := collected(t, to...)
		_, err := room.Collect(t.Context(), c, storetest.NewDraft(t, storetest.NewSpool(t), "Subject: s\r\n\r\nt\r\n"), room.post)
		return room.said(&c.Envelope), err
	}
	if _, err := collect("bob@example.test", "dan@example.test"); len(mail.OverQuota(err)) != 1 {
		t.Errorf("a full mailbox: %v; want an error that says so", err)
	}
	room.fullness.all[2] = func() full { f := room.fullness.all[2]; f.since = f.since.Add(-time.Hour); return f }()
	if got, err := collect("bob@example.test"); len(mail.OverQuota(err)) != 1 || got != "" {
		t.Errorf("one recipient after the grace: %q, %v; want that it stays at the provider", got, err)
	}
	if got, err := collect("bob@example.test", "erin@example.test"); err != nil || !strings.Contains(got, "erin@out.test") {
		t.Errorf("two recipients after the grace: %q, %v; want that the other and the keeper get it", got, err)
	}
	broken := errors.New("broken")
	if _, err := room.Collect(t.Context(), collected(t, "alice@example.test"), storetest.NewDraft(t, storetest.NewSpool(t), "\r\n"), failing{broken}); !errors.Is(err, broken) {
		t.Errorf("a commit that fails: %v; want its error", err)
	}
}

// failing refuses everything.
type failing struct{ err error }

func (f failing) Deliver(context.Context, *mail.Envelope, []mail.Target, []mail.Outbound, *draft.Draft) error {
	return f.err
}

// TestCollectScreened: rules about what is in a message hold for collected mail too;
// what they refuse goes to the keeper.
func TestCollectScreened(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	f := &fakeScreener{}
	room.screener = f
	collect := func() (string, bool, error) {
		room.post.targets, room.post.outbound = nil, nil
		c := collected(t, "bob@example.test")
		sorted, err := room.Collect(t.Context(), c, storetest.NewDraft(t, storetest.NewSpool(t), "Subject: s\r\n\r\nt\r\n"), room.post)
		return room.said(&c.Envelope), sorted, err
	}
	if got, sorted, err := collect(); got != "a2" || !sorted || err != nil || len(f.seen) != 1 || len(f.seen[0].In) != 1 {
		t.Errorf("nothing is said: %q, %v, %v, seen %+v", got, sorted, err, f.seen)
	}
	f.err = &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "no"}
	if got, sorted, err := collect(); got != "a1" || sorted || err != nil {
		t.Errorf("refused: %q, %v, %v; want that the keeper has it", got, sorted, err)
	}
	f.err = errors.New("trouble")
	if got, _, err := collect(); got != "" || !errors.Is(err, f.err) {
		t.Errorf("trouble: %q, %v; want that it stays at the provider", got, err)
	}
	f.err, f.says.Keep = nil, "it waits"
	if got, sorted, err := collect(); got != "" || !sorted || err != nil || len(f.kept) != 1 {
		t.Errorf("held: %q, %v, %v, kept %v; want that it is noted and waits", got, sorted, err, f.kept)
	}
	// What is for nobody here waits for the keeper, who would have got it.
	for _, to := range [][]string{nil, {"nobody@example.test"}, {"bob@example.test", "nobody@example.test"}} {
		c := collected(t, to...)
		_, err := room.Collect(t.Context(), c, storetest.NewDraft(t, storetest.NewSpool(t), "Subject: s\r\n\r\nt\r\n"), room.post)
		n := len(f.waits)
		if err != nil || n == 0 || f.waits[n-1].Address != c.Keeper || n != max(len(to), 1) {
			t.Errorf("held, to %v: %v, waits for %v; want the keeper in place of who is not here", to, err, f.waits)
		}
	}
	f.keepOn = errors.New("disk")
	if _, _, err := collect(); !errors.Is(err, f.keepOn) {
		t.Errorf("what can't be held: %v; want its error", err)
	}
}
