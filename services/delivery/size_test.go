package delivery

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestLargest: who may have smaller messages only is refused at RCPT where the size is
// known by then, else at the end, where the others are put off once; and sends none.
func TestLargest(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	room.quota.Largest = func(id mail.AccountID) int64 {
		if id == 2 {
			return 1000
		}
		return 0
	}
	alice, bob := address(t, "alice@example.test"), address(t, "bob@example.test")
	status := func(err error) string {
		if r, ok := errors.AsType[*mail.Refusal](err); ok {
			return r.Status.String()
		}
		if err != nil {
			return err.Error()
		}
		return "ok"
	}
	small := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("x"))
	large := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message(strings.Repeat("x", 3000)))
	env := &mail.Envelope{From: address(t, "x@else.test"), Peer: mail.Peer{Protocol: "ESMTP"}, To: mail.To(bob)}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s; want %s", what, got, want)
		}
	}
	check("not announced", status(room.Recipient(t.Context(), env, bob)), "ok")
	check("small", status(room.Deliver(t.Context(), env, small)), "ok")
	store.targets = nil
	check("large, for him", status(room.Deliver(t.Context(), env, large)), "5.2.3")
	env.From = address(t, "y@else.test")
	env.To = mail.To(alice, bob)
	check("large, for both", status(room.Deliver(t.Context(), env, large)), "4.2.3")
	if store.targets != nil {
		t.Errorf("stored %+v", store.targets)
	}
	check("once more, alice", status(room.Recipient(t.Context(), env, alice)), "ok")
	check("once more, bob", status(room.Recipient(t.Context(), env, bob)), "5.2.3")
	env.From, env.Size = address(t, "z@else.test"), 1001
	check("announced", status(room.Recipient(t.Context(), env, bob)), "5.2.3")
	env.Peer.Login, env.Size = mail.Login{Account: 2, Address: bob}, 0
	env.To = mail.To(alice)
	check("sent by him", status(room.Deliver(t.Context(), env, large)), "5.2.3")
	env.Size = 1001
	check("announced by him", status(room.Recipient(t.Context(), env, alice)), "5.2.3")
}

// TestPrivateReceived: the Received field of what people of the office hand in can leave
// out where they stand; that of strangers never does.
func TestPrivateReceived(t *testing.T) {
	t.Parallel()
	room, _ := newTestRoom()
	hide := true
	room.place.Private = func() bool { return hide }
	env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now(), Peer: mail.Peer{Addr: netip.MustParseAddr("192.168.7.9"), Helo: "alices-phone.lan", Protocol: "ESMTPSA", Login: mail.Login{Account: 1}}}
	if got := room.received(env); strings.Contains(got, "192.168") || strings.Contains(got, "phone") || !strings.HasPrefix(got, "Received: from box.example.test by box.example.test with ESMTPSA") {
		t.Errorf("hidden: %q", got)
	}
	hide = false
	if got := room.received(env); !strings.Contains(got, "[192.168.7.9]") {
		t.Errorf("shown: %q", got)
	}
	hide, env.Peer.Login = true, mail.Login{}
	if got := room.received(env); !strings.Contains(got, "[192.168.7.9]") {
		t.Errorf("a stranger's: %q", got)
	}
}
