package office

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/trust"
)

// gate is what every message goes through: it loses what others have written in the
// box's own name (RFC 8601 §5), then the domains' rules on contents are applied.
type gate struct{ *screening }

// Screen gives the message that goes on in Body, where it is not the one that came.
func (g gate) Screen(ctx context.Context, envelope *mail.Envelope, p delivery.Passage, body *draft.Draft) (delivery.Screened, error) {
	honest, err := g.honest(body)
	if err != nil {
		return delivery.Screened{}, fmt.Errorf("foreign results: %w", err)
	}
	if honest == nil {
		return g.screening.Screen(ctx, envelope, p, body)
	}
	g.o.log.Info("results in this box's name are taken out", "verb", "judge", "id", envelope.ID, "bytes", body.Size()-honest.Size())
	s, err := g.screening.Screen(ctx, envelope, p, honest)
	switch {
	case err != nil:
		honest.Discard()
	case s.Body == nil:
		s.Body = honest
	default:
		honest.Discard()
	}
	return s, err
}

// honest is a message without the Authentication-Results fields that claim to be from
// this box; nil where there are none.
func (g gate) honest(body *draft.Draft) (*draft.Draft, error) {
	ranges, err := trust.Foreign(body.Reader(), body.Size(), g.o.hostname())
	if err != nil && !errors.Is(err, message.ErrHeaderTooLong) { // nobody reads a header as far as that
		return nil, err
	}
	if len(ranges) == 0 {
		return nil, nil
	}
	honest := g.o.spool.New(mail.MaxMessage + redactRoom)
	if _, err := io.Copy(honest, trust.Without(body.Reader(), body.Size(), ranges)); err != nil {
		honest.Discard()
		return nil, err
	}
	if err := honest.Finish(); err != nil {
		honest.Discard()
		return nil, err
	}
	return honest, nil
}
