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

// Screen says whether mail is wanted from an address at all.
func (j judge) Screen(ctx context.Context, addr netip.Addr) error {
	_, err := j.of.Connection(ctx, addr)
	return err
}
