package office

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/trust"
)

// judge says for the SMTP server what is known of strangers and of their mail.
type judge struct {
	of       *trust.Judge
	seen     func(dmarc.Observation) // what its author's domain may want to hear
	hostname func() string
	isSpare  func(netip.Addr) bool // of the office's own spare servers
}

// Judge judges a message.
func (j judge) Judge(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) (mail.Judgement, error) {
	spare := j.isSpare(envelope.Peer.Addr)
	if spare {
		envelope = j.behind(envelope, body)
	}
	found := j.of.Message(ctx, envelope, body.Reader(), body.Size())
	if spare {
		lenient(found)
	}
	judgement, trouble := j.judgement(found)
	if o, ok := found.Observation(envelope); ok && found.Disposition.Action != trust.TryLater && envelope.Peer.Addr.IsValid() { // it will come again
		j.seen(o)
	}
	if refusal := found.Disposition.Refusal; refusal != nil {
		return judgement, refusal
	}
	return judgement, trouble
}

// Collected judges a message that lay at a provider.
func (j judge) Collected(ctx context.Context, envelope *mail.Envelope, provider string, body *draft.Draft) mail.Judgement {
	judgement, _ := j.judgement(j.of.Collected(ctx, envelope, provider, body.Reader(), body.Size()))
	return judgement
}

// judgement is what was found in the words of the others, with what kept it from
// being found out.
func (j judge) judgement(found *trust.Judgement) (mail.Judgement, error) {
	judgement := mail.Judgement{
		Fields: string(found.AuthenticationResults(j.hostname())),
		Junk:   found.Disposition.Action == trust.Junk,
		Reason: found.Disposition.Reason,
	}
	var trouble error
	for _, v := range found.Verdicts {
		judgement.Verdicts = append(judgement.Verdicts, mail.Verdict{Method: string(v.Method), Result: string(v.Result), Reason: v.Reason})
		if v.Cause != nil && trouble == nil {
			trouble = fmt.Errorf("judge %s: %w", v.Method, v.Cause)
		}
	}
	return judgement, trouble
}

// listBook is which block lists are asked, for the pages.
type listBook struct{ o *Office }

// BlockLists are those that are asked.
func (l listBook) BlockLists() mail.BlockLists { return l.o.directory.BlockLists() }

// SetBlockLists says which are asked, from the next connection on.
func (l listBook) SetBlockLists(ctx context.Context, b mail.BlockLists) error {
	return l.o.directory.SetBlockLists(ctx, b)
}

// Troubles are the lists that don't answer now.
func (l listBook) Troubles() []mail.ListTrouble { return l.o.judge.of.Troubles() }

// CheckList says what is wrong with a list; "" if it works.
func (l listBook) CheckList(ctx context.Context, zone string) string {
	return l.o.judge.of.CheckList(ctx, zone)
}

// SizeBounds lists the largest messages of people and domains.
func (l listBook) SizeBounds() []mail.SizeBound { return l.o.directory.SizeBounds() }

// SetSizeBound sets one.
func (l listBook) SetSizeBound(ctx context.Context, b mail.SizeBound) error {
	return l.o.directory.SetSizeBound(ctx, b)
}

// HidesClients says whether Received leaves out people's devices.
func (l listBook) HidesClients() bool { return l.o.directory.HidesClients() }

// SetHideClients sets that.
func (l listBook) SetHideClients(ctx context.Context, hide bool) error {
	return l.o.directory.SetHideClients(ctx, hide)
}

// Reporting lists who gets which daily reports.
func (l listBook) Reporting() []mail.Reporting { return l.o.directory.Reporting() }

// SetReporting says which a domain gets.
func (l listBook) SetReporting(ctx context.Context, r mail.Reporting) error {
	return l.o.directory.SetReporting(ctx, r)
}

// Screen says whether mail is wanted from an address at all.
func (j judge) Screen(ctx context.Context, addr netip.Addr) error {
	_, err := j.of.Connection(ctx, addr)
	return err
}
