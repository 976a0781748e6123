package office

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// TestCollecting: collected mail goes by aliases and forwarding into mailboxes and the
// queue, in one record with the note that it was collected; when that can't be
// written, nothing has gone anywhere.
func TestCollecting(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{"far.test.": "@ IN MX 10 mx\nmx IN A 127.0.0.9\n"})
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: 1} // nobody listens there
	})
	o.setUpNow(t, 0)
	address := func(local string) mail.Address { return mail.Address{Local: local, Domain: testDomain} }
	if _, err := o.directory.SetListing(t.Context(), mail.Listing{Kind: mail.ListingShared, Address: address("desk"), Members: []mail.Member{{Account: 2}, {Account: 3}}}); err != nil {
		t.Fatal(err)
	}
	if err := o.directory.ChangeRules(t.Context(), 3, func(r *mail.Rules) {
		r.Forward, r.Keep = []mail.Member{{Address: mail.Address{Local: "bob", Domain: "far.test"}}}, true
	}); err != nil {
		t.Fatal(err)
	}
	collect := func(note func(journal.Slot) ([]byte, error)) error {
		body := o.spool.New(mail.MaxMessage)
		defer body.Discard()
		if _, err := body.Write([]byte("From: x@elsewhere.test\r\nSubject: collected\r\n\r\nhello\r\n")); err != nil {
			return err
		}
		if err := body.Finish(); err != nil {
			return err
		}
		m := &mail.Collected{Keeper: address("postmaster"), Envelope: mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now(), From: mail.Address{Local: "x", Domain: "elsewhere.test"},
			To: []mail.Recipient{{Address: address("desk"), Notify: mail.NotifyNever}}, Peer: mail.Peer{Helo: "pop.provider.test", Protocol: "POP3", Addr: netip.Addr{}}}}
		sorted, err := collecting{o.Office}.Collect(t.Context(), m, body, &journal.Entry{Family: journal.FamilyCollect, Prepare: note})
		if err == nil && !sorted {
			err = errors.New("it was not sorted")
		}
		return err
	}
	broken := errors.New("no note")
	if err := collect(func(journal.Slot) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("without its note: %v; want that it is not delivered", err)
	}
	if n := len(o.fetch(t, "alice")) + o.queue.Stats().Items; n != 0 {
		t.Errorf("without its note it went to %d places", n)
	}
	noted := false
	if err := collect(func(journal.Slot) ([]byte, error) { noted = true; return nil, nil }); err != nil || !noted {
		t.Fatalf("collect = %v, noted %v", err, noted)
	}
	for _, name := range []string{"alice", "bob"} {
		inbox := o.fetch(t, name)
		if len(inbox) != 1 || !strings.Contains(inbox[0], "with POP3 id") && !strings.Contains(inbox[0], "with POP3\r\n\tid") {
			t.Errorf("%s has %q; want the message", name, inbox)
		}
	}
	items, _, err := o.queue.List(t.Context(), queue.Filter{}, queue.Page{})
	if err != nil || len(items) != 1 {
		t.Fatalf("in the queue are %d, %v; want one", len(items), err)
	}
	if it := items[0]; !it.From.IsZero() || len(it.To) != 1 || it.To[0].Notify != mail.NotifyNever {
		t.Errorf("it leaves from %q, %+v; want the null path and no report", it.From, it.To)
	}
}
