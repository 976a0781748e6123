package smtpd

import (
	"context"
	"errors"
	"log/slog"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Judge looks at whole messages that strangers bring, before they are delivered.
type Judge interface {
	// Judge says what is known of a message, whose body is finished. A *mail.Refusal
	// is told the client, and the message is not taken. Any other error is the
	// judge's own trouble: it is logged, and the message delivered unjudged.
	Judge(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) (mail.Judgement, error)
}

// judge has a stranger's message judged, and puts what is known into its envelope.
// What somebody of the office hands in, on any port, is not for outsiders' rules
// to judge.
func (c *conn) judge(ctx context.Context, t *transaction, log *slog.Logger) error {
	judge := c.server.options.Judge
	if judge == nil || !c.judged() {
		return nil
	}
	judgement, err := judge.Judge(ctx, &t.envelope, t.body)
	t.envelope.Judgement = judgement
	results := make([]any, 0, len(judgement.Verdicts))
	for _, v := range judgement.Verdicts {
		results = append(results, slog.Group(v.Method, "result", v.Result, "reason", v.Reason))
	}
	log.Info("message judged", "verb", "judge", "junk", judgement.Junk, "reason", judgement.Reason, slog.Group("verdicts", results...), "err", err)
	if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
		return refusal
	}
	return nil
}
