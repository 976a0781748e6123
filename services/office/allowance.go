package office

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/allowance"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// allowanceFile is what people have sent, see package allowance.
const allowanceFile = "mail/sent.counts"

// openAllowance opens what counts how much people send.
func (o *Office) openAllowance() {
	o.allowance = allowance.Open(allowance.Options{
		FS: o.files, File: allowanceFile, Limits: o.limits, Exhausted: o.exhausted, ReadOnly: o.onlyRead != nil, Log: o.log,
	})
	o.close = append(o.close, o.allowance.Close)
}

// limits is what holds for an account.
func (o *Office) limits(id mail.AccountID) mail.Limits {
	return o.directory.Limits(id).Or(o.directory.Limits(0)).Or(mail.StandardLimits())
}

// senders counts for the SMTP server what people hand in.
type senders struct{ o *Office }

// Message counts a message that an account begins to hand in.
func (s senders) Message(account mail.AccountID) error { return s.o.allowance.Message(account) }

// Recipient counts a recipient elsewhere: writing to all of the office is no run.
func (s senders) Recipient(account mail.AccountID, to mail.Address) error {
	if _, err := s.o.directory.Look(context.Background(), to); !errors.Is(err, mail.ErrNotOurDomain) {
		return nil
	}
	return s.o.allowance.Recipient(account, to)
}

// exhausted tells the administrator that somebody sends unusually much.
func (o *Office) exhausted(e allowance.Exhausted) {
	f := o.exhaustedFinding(e)
	o.notify(notice{
		to: o.postmaster(), subject: "Somebody in the office sends unusually much mail",
		text: f.What + "\n\n" + f.ToDo + "\n\nAs long as nothing is changed, more is taken bit by bit, as what was sent becomes a day old.",
	})
}

// exhaustedFinding is a used-up bound in words.
func (o *Office) exhaustedFinding(e allowance.Exhausted) mail.Finding {
	who := "account " + e.Account.String()
	if a, err := o.directory.Account(context.Background(), e.Account); err == nil {
		who = a.Address.String()
	}
	did, flag := fmt.Sprintf("has sent %d messages", e.Limit), "messages"
	if e.Bound == allowance.Recipients {
		did, flag = fmt.Sprintf("has written to %d addresses for the first time", e.Limit), "recipients"
	}
	return mail.Finding{
		What: fmt.Sprintf("%s %s within a day, the most that is allowed. What comes beyond that is turned away.", who, did),
		ToDo: fmt.Sprintf("Ask whether they did. If not, somebody has their password: change it (boxctl user passwd %s). If yes, allow more (boxctl limits %s --%s %d).", who, who, flag, 5*e.Limit),
	}
}

// sentCounts is how much people may send and have sent, for the pages.
type sentCounts struct{ o *Office }

// Limits is what was set for an account, or for everybody (0).
func (s sentCounts) Limits(id mail.AccountID) mail.Limits { return s.o.directory.Limits(id) }

// SetLimits sets that.
func (s sentCounts) SetLimits(ctx context.Context, id mail.AccountID, limits mail.Limits) error {
	return s.o.directory.SetLimits(ctx, id, limits)
}

// Sent is what an account has sent within a day.
func (s sentCounts) Sent(id mail.AccountID) mail.Limits { return s.o.allowance.Used(id) }
