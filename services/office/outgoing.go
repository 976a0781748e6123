package office

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/relay"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/srs"
	"github.com/sanduk-mail/sanduk/services/uplink"
)

// Outgoing is how other servers are reached.
type Outgoing struct {
	DNS   relay.DNS      // nil: the system's servers
	Port  uint16         // of other mail servers; 0: 25
	Roots *x509.CertPool // whose certificates are believed; nil: the system's list
}

// openQueue opens what is on its way out, and makes who sends it.
func (o *Office) openQueue(ctx context.Context, path string) (err error) {
	out := o.options.Outgoing
	if out.DNS == nil {
		out.DNS = o.resolver().Validated()
	}
	o.options.Outgoing.DNS = out.DNS
	client := relay.New(relay.Options{
		Hostname: o.hostname, DNS: out.DNS, Route: o.route, Self: o.isOwn, Port: out.Port, Roots: out.Roots, Policies: policies{o.files}, Evidence: tlsEvidence{o}, Sure: o.options.Sure, Log: o.log.With("protocol", "relay"),
	})
	o.close = append(o.close, func() error { client.Close(); return nil })
	o.relay = client
	o.queue, err = queue.Open(ctx, path, o.journal, queue.Options{
		Sender: client, Post: posting{o: o}, Hostname: o.hostname, Postmaster: o.postmaster, Logger: o.log.With("protocol", "queue"),
		Schedule: o.schedule, Way: o.ways(), Window: o.window, Resumer: resumer{o},
	})
	if err != nil {
		return fmt.Errorf("office: open queue: %w", err)
	}
	o.close = append(o.close, o.queue.Close)
	return nil
}

// resolver is the one that all ask who were given none: what one of them has learnt,
// and that the line is down, is known to the others.
func (o *Office) resolver() *resolver.Client {
	if o.ask == nil {
		o.ask = resolver.New(resolver.Options{Sure: o.options.Sure})
	}
	return o.ask
}

// uplink is who looks, before the set-up, how mail can reach the box.
func (o *Office) uplink() *uplink.Finder {
	dns := o.options.DNS
	if dns == nil {
		dns = o.resolver()
	}
	return &uplink.Finder{DNS: dns, Addresses: o.options.Machine.Addresses, Port: o.options.Outgoing.Port}
}

func (o *Office) isOwn(addr netip.Addr) bool {
	return slices.Contains(o.options.Machine.Addresses(), addr.Unmap())
}

// postmaster is who hears of what can't be returned (RFC 5321 §4.5.1).
func (o *Office) postmaster() mail.Address {
	box, ok := o.directory.Box()
	if !ok {
		return mail.Address{}
	}
	return mail.Address{Local: "postmaster", Domain: string(box.Hostname)}
}

// delivery is what a mailroom needs that hands its mail to p.
func (o *Office) delivery(p posting) delivery.Options {
	d := delivery.Options{
		Directory: addresses{o}, Store: o.store, Post: p, Leaves: o.leaves, SRS: srs.New(o.srsKey), Signer: o.signer, Spare: o.directory,
		Quota: delivery.Quota{Fits: o.fits, Largest: o.directory.Largest, Grace: delivery.Grace}, Place: delivery.Place{Hostname: o.hostname, Zone: o.zone, Private: o.directory.HidesClients}, Log: o.log,
	}
	if p.with != nil {
		d.Store = local{p}
	} else {
		d.Screener = gate{o.screening} // what is posted with something else is the box's own, or has been decided about
		d.Shelf = shelf{o: o}
	}
	return d
}

// posting puts a message into mailboxes and the queue, in one record.
type posting struct {
	o    *Office
	with *journal.Entry // what belongs into that record besides; nil: nothing
	as   mail.ID        // by which the message is known from before; zero: by its envelope's
}

// Deliver makes the message durable for all targets and all who get it elsewhere.
func (p posting) Deliver(ctx context.Context, env *mail.Envelope, targets []mail.Target, outbound []mail.Outbound, body *draft.Draft) error {
	var staged *journal.Staged
	if len(targets)+len(outbound) > 0 {
		var err error
		if staged, err = p.o.store.Stage(ctx, body); err != nil {
			return fmt.Errorf("post: %w", err)
		}
	}
	var entries []*journal.Entry
	if len(targets) > 0 {
		e, err := p.o.store.Entry(ctx, env, targets, body, staged)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if len(outbound) > 0 {
		list := items(env, outbound, body)
		for _, it := range list {
			if p.as != (mail.ID{}) {
				it.Message = p.as
			}
		}
		entries = append(entries, p.o.queue.Entry(staged, list))
	}
	if p.with != nil {
		entries = append(entries, p.with)
	}
	if err := p.o.journal.CommitAll(ctx, entries...); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// items are what the queue gets of a message.
func items(env *mail.Envelope, outbound []mail.Outbound, body *draft.Draft) []*queue.Item {
	list := make([]*queue.Item, len(outbound))
	for i, out := range outbound {
		it := &queue.Item{
			ID: env.ID, Message: env.ID, From: out.From, Wishes: env.Wishes, EightBit: env.EightBit, UTF8: env.UTF8,
			Account: env.Peer.Login.Account, Prefix: out.Prefix, Size: int64(len(out.Prefix)) + body.Size(),
		}
		if i > 0 {
			it.ID = mail.NewID(env.ID.Time())
		}
		for _, to := range out.To {
			r := queue.Recipient{Recipient: to, Hop: hopOf(to.Address)}
			if out.Fate != mail.FateUnknown {
				r.State, r.Last = queue.StateDelivered, mail.Attempt{Fate: out.Fate, Status: mail.Status2_0_0OK, At: env.Received}
			}
			it.To = append(it.To, r)
		}
		list[i] = it
	}
	return list
}

// local is a posting that has nobody elsewhere.
type local struct{ posting }

// Deliver makes the message durable for all targets.
func (l local) Deliver(ctx context.Context, env *mail.Envelope, targets []mail.Target, body *draft.Draft) error {
	return l.posting.Deliver(ctx, env, targets, nil, body)
}

// Post delivers a message of the box's own, in one record with the entry.
func (p posting) Post(ctx context.Context, env *mail.Envelope, text []byte, with *journal.Entry) error {
	body := p.o.spool.New(mail.MaxMessage)
	defer body.Discard()
	if _, err := body.Write(text); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	if err := body.Finish(); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	room := delivery.New(p.o.delivery(posting{o: p.o, with: with}))
	for _, to := range env.To {
		// Nobody has asked as a client does: to Deliver who is not here would be somebody
		// who has gone this moment, and is to be tried again.
		if err := room.Recipient(ctx, env, to.Address); err != nil {
			return fmt.Errorf("post: recipient %s: %w", to.Address, err)
		}
	}
	return room.Deliver(ctx, env, body)
}
