package delivery

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestFull: a recipient without room is told so at RCPT when the size was
// announced, and on the sender's second try when it was not; the others get it.
func TestFull(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	fits := mail.Quota{Bytes: 2000}
	room.quota.Fits = func(_ context.Context, id mail.AccountID, more mail.Usage) error {
		if id != 2 {
			return nil
		}
		return fits.Fits(id, mail.Usage{Bytes: 1000, Messages: 1}, more)
	}
	alice, bob := address(t, "alice@example.test"), address(t, "bob@example.test")
	envelope := &mail.Envelope{From: address(t, "x@else.test")}
	status := func(to mail.Address) mail.Status {
		t.Helper()
		err := room.Recipient(t.Context(), envelope, to)
		if r, ok := errors.AsType[*mail.Refusal](err); ok {
			return r.Status
		}
		if err != nil {
			t.Errorf("Recipient(%s) = %v", to, err)
		}
		return mail.Status2_0_0OK
	}
	check := func(what string, a, b mail.Status) {
		t.Helper()
		if gotA, gotB := status(alice), status(bob); gotA != a || gotB != b {
			t.Errorf("%s: alice %s, bob %s; want %s, %s", what, gotA, gotB, a, b)
		}
	}
	check("no size", mail.Status2_0_0OK, mail.Status2_0_0OK)
	envelope.Size = 500
	check("small", mail.Status2_0_0OK, mail.Status2_0_0OK)
	envelope.Size = 5000
	check("large", mail.Status2_0_0OK, mail.Status4_2_2MailboxFull)

	// Without an announcement it turns out at the end, for all.
	envelope.Size, envelope.To = 0, mail.To(alice, bob)
	store.err = errors.Join(fmt.Errorf("deliver: %w", &mail.QuotaError{Account: 2}))
	body := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message(string(make([]byte, 3000))))
	err := room.Deliver(t.Context(), envelope, body)
	if r, ok := errors.AsType[*mail.Refusal](err); !ok || r.Status != mail.Status4_2_2MailboxFull || !errors.Is(err, mail.ErrOverQuota) {
		t.Errorf("Deliver = %v; want 4.2.2", err)
	}
	check("the second try", mail.Status2_0_0OK, mail.Status4_2_2MailboxFull)
	envelope.From = address(t, "y@else.test")
	check("another sender", mail.Status2_0_0OK, mail.Status2_0_0OK)
}

// TestGrace: a full mailbox is temporary at first, and for good after some days in
// which nobody made room; the days begin anew when somebody does.
func TestGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room, store := newTestRoom()
		room.fullness.grace = Grace
		quota, used := mail.Quota{Messages: 5}, mail.Usage{Messages: 5, Bytes: 500}
		room.quota.Fits = func(_ context.Context, id mail.AccountID, more mail.Usage) error {
			if id != 2 {
				return nil
			}
			return quota.Fits(id, used, more)
		}
		alice, bob := address(t, "alice@example.test"), address(t, "bob@example.test")
		envelope := &mail.Envelope{From: address(t, "x@else.test")}
		check := func(when string, want mail.Status) {
			t.Helper()
			r, _ := errors.AsType[*mail.Refusal](room.Recipient(t.Context(), envelope, bob))
			if r == nil && want != mail.Status2_0_0OK || r != nil && r.Status != want {
				t.Errorf("%s: %v; want %s", when, r, want)
			}
		}
		full := func(when string) {
			t.Helper()
			check(when+", at first", mail.Status4_2_2MailboxFull)
			time.Sleep(Grace - time.Second)
			check(when+", in the grace", mail.Status4_2_2MailboxFull)
			time.Sleep(time.Second)
			check(when+", after it", mail.Status5_2_2MailboxFull)
		}
		full("full")
		// At the end of a message it is the same, unless somebody else may get it.
		body := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("x"))
		store.err = &mail.QuotaError{Account: 2, Quota: quota, Usage: used}
		for n, want := range map[int]mail.Status{1: mail.Status5_2_2MailboxFull, 2: mail.Status4_2_2MailboxFull} {
			envelope.To = mail.To(bob, alice)[:n]
			err := room.Deliver(t.Context(), envelope, body)
			if r, ok := errors.AsType[*mail.Refusal](err); !ok || r.Status != want {
				t.Errorf("Deliver to %d = %v; want %s", n, err, want)
			}
		}
		used.Messages, used.Bytes = 5, 400 // a smaller one came in the place of another
		full("some deleted")
		quota.Bytes = 1000
		full("another bound")
		// It takes mail, and is full again.
		used.Messages, store.err = 4, nil
		check("with room", mail.Status2_0_0OK)
		envelope.To = mail.To(bob)
		if err := room.Deliver(t.Context(), envelope, body); err != nil {
			t.Fatal(err)
		}
		used.Messages, used.Bytes = 5, 900
		full("once more")
	})
}

// TestRefusals: sizes are forgotten in time, and never fill the memory.
func TestRefusals(t *testing.T) {
	t.Parallel()
	var r refusals
	now := time.Unix(1e9, 0)
	k := refusedKey{account: 1}
	r.note(k, 7, now)
	if got := r.size(k, now.Add(refusedFor-1)); got != 7 {
		t.Errorf("size = %d; want 7", got)
	}
	if got := r.size(k, now.Add(refusedFor)); got != 0 {
		t.Errorf("size = %d; want it forgotten", got)
	}
	for i := range 3 * refusedMost {
		r.note(refusedKey{account: mail.AccountID(i)}, 1, now)
	}
	if len(r.all) > refusedMost {
		t.Errorf("%d are remembered; want at most %d", len(r.all), refusedMost)
	}
}
