package office

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/trust"
)

// verdicts is what is known of people's mail, for the pages.
type verdicts struct{ o *Office }

// Verdicts gives what was found out about a message when it came.
func (v verdicts) Verdicts(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, uid mail.UID) ([]mail.Verdict, bool, error) {
	handle, err := v.o.store.Account(ctx, account)
	if err != nil {
		return nil, false, err
	}
	stored, err := handle.Open(ctx, mailbox, uid)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = stored.Close() }() // only read from
	found, judged, err := trust.Stored(stored.Reader(), v.o.hostname())
	list := make([]mail.Verdict, len(found))
	for i, f := range found {
		list[i] = mail.Verdict{Method: string(f.Method), Result: string(f.Result), Reason: f.Reason}
	}
	return list, judged, err
}
