package directory

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// TestSetCollection: what was set holds after every start, is replaced as a whole,
// and shows no password where records are described.
func TestSetCollection(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	box, _ := b.Box()
	before := len(box.Collect)
	c := setup.Collection{Protocol: setup.ProtocolIMAP, Host: "imap.provider.test", Port: 993, TLS: setup.TLSImplicit, User: "new", Password: "secret", Every: time.Minute,
		IntoDomain: box.Domains[0], Leave: setup.LeaveForEver, Folders: []string{"Work"}, Fields: []string{"X-Rcpt"}, ToCc: true,
		Keeper: mail.Address{Local: "a", Domain: string(box.Domains[0])}, Believe: "mx.provider.test", Paused: true}
	if err := b.SetCollection(ctx, c); err != nil {
		t.Fatal(err)
	}
	changed := c
	changed.Password, changed.Leave, changed.Paused, changed.Keeper = "other", setup.UsualLeave, false, mail.Address{}
	for range 2 {
		for _, want := range []setup.Collection{changed, c} {
			if err := b.SetCollection(ctx, want); err != nil {
				t.Fatal(err)
			}
			b.check()
			b.stop()
			b.start()
			box, _ := b.Box()
			if len(box.Collect) != before+1 || !reflect.DeepEqual(box.Collect[before], want) {
				t.Errorf("Collect = %+v; want %+v at its end", box.Collect, want)
			}
		}
	}
	c.IntoDomain = "else.test"
	if err := b.SetCollection(ctx, c); !errors.Is(err, mail.ErrNotOurDomain) {
		t.Errorf("for a domain of others: %v; want ErrNotOurDomain", err)
	}
	if err := b.RemoveCollection(ctx, c.Protocol, c.Host, "else"); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("RemoveCollection of none = %v; want ErrNoMailbox", err)
	}
	if err := b.RemoveCollection(ctx, c.Protocol, c.Host, c.User); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.start()
	if box, _ := b.Box(); len(box.Collect) != before {
		t.Errorf("removed, there are %d; want %d", len(box.Collect), before)
	}
}
