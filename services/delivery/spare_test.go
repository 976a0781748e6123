package delivery

import (
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// friends is a domain with one person.
type friends struct{}

func (friends) Spare(to mail.Address) (spare, unknown bool) {
	spare = strings.EqualFold(to.Domain, "friend.test")
	return spare, spare && to.Local != "ann"
}

// TestSpare: mail for a domain of which the box is a spare server is taken from anybody,
// with its sender as it is, as far as the address may be there and it has not come round.
func TestSpare(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	room.spare = friends{}
	for name, envelope := range senders(t) {
		for to, want := range map[string]string{"ann@friend.test": "ann@friend.test", "bob@friend.test": "5.1.1"} {
			envelope.To = mail.To(address(t, to))
			if got := room.send(t, envelope, nil); got != want && envelope.Peer.Login.Account != 3 { // who stays inside
				t.Errorf("%s to %s: %s; want %s", name, to, got, want)
			}
		}
	}
	stranger := senders(t)["stranger"]
	stranger.To = mail.To(address(t, "ann@friend.test"))
	received := "Received: from x by " + room.place.Hostname() + " with ESMTP id 1; now\r\n"
	for visits, want := range []string{"ann@friend.test", "ann@friend.test", "5.4.6", "5.4.6"} {
		body := storetest.NewDraft(t, storetest.NewSpool(t), strings.Repeat(received, visits)+"Subject: x\r\n\r\ny\r\n")
		if got := room.send(t, stranger, body); got != want {
			t.Errorf("after %d visits: %s; want %s", visits, got, want)
		}
	}
	room.mayLeave = func() bool { return false }
	if got := room.send(t, stranger, nil); got != "5.4.0" {
		t.Errorf("where no mail leaves: %s", got)
	}
}
