package delivery

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeScreener does what it is told to.
type fakeScreener struct {
	seen   []Passage
	says   Screened
	err    error
	kept   []string
	waits  []mail.Recipient // for whom the last one that was kept is
	keepOn error
}

func (f *fakeScreener) Screen(_ context.Context, _ *mail.Envelope, p Passage, _ *draft.Draft) (Screened, error) {
	f.seen = append(f.seen, p)
	return f.says, f.err
}

func (f *fakeScreener) Keep(_ context.Context, e *mail.Envelope, _ Stay, why string, _ *draft.Draft) error {
	f.kept, f.waits = append(f.kept, why), e.To
	return f.keepOn
}

// TestScreen: who sends and who gets a message says which rules it is for; what is
// refused, or waits, is stored nowhere.
func TestScreen(t *testing.T) {
	t.Parallel()
	room, store := newTestRoom()
	f := &fakeScreener{}
	room.screener = f
	alice := mail.Peer{Login: mail.Login{Account: 1, Address: address(t, "alice@example.test")}}
	deliver := func(peer mail.Peer) error {
		store.targets = nil
		return room.Deliver(t.Context(), &mail.Envelope{Peer: peer, To: mail.To(address(t, "bob@example.test"))}, nil)
	}
	for _, peer := range []mail.Peer{{}, {Protocol: "ESMTP"}, alice} {
		if err := deliver(peer); err != nil || store.targets == nil {
			t.Errorf("from %+v: %v, %v", peer, err, store.targets)
		}
	}
	if got, want := fmt.Sprint(f.seen), "[{[example.test]  false false} {[] example.test false true}]"; got != want {
		t.Errorf("looked at %s; want %s", got, want)
	}
	f.says = Screened{Keep: "because"}
	if err := deliver(alice); err != nil || store.targets != nil || len(f.kept) != 1 || f.kept[0] != "because" {
		t.Errorf("what waits: %v, stored %v, kept %v", err, store.targets, f.kept)
	}
	f.keepOn = mail.ErrNoSpace
	if err := deliver(alice); !errors.Is(err, mail.ErrNoSpace) || store.targets != nil {
		t.Errorf("what can't wait: %v, stored %v", err, store.targets)
	}
	f.err = &mail.Refusal{Status: mail.Status5_7_1NotPermitted}
	if _, refused := errors.AsType[*mail.Refusal](deliver(alice)); !refused || store.targets != nil {
		t.Errorf("what is refused: %v, stored %v", refused, store.targets)
	}
}
