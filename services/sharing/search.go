package sharing

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Search finds the messages for which the query holds. In another's mailbox his index
// is asked.
func (a *Account) Search(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (mail.UIDSet, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.Search(ctx, mailbox, query)
	}
	p, err := a.at(ctx, mailbox, mail.RightRead)
	if err != nil {
		return nil, err
	}
	return p.Search(ctx, p.id, asked(p.owner, query))
}

// Relevance weighs the messages of a mailbox.
func (a *Account) Relevance(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (map[mail.UID]float64, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.Relevance(ctx, mailbox, query)
	}
	p, err := a.at(ctx, mailbox, mail.RightRead)
	if err != nil {
		return nil, err
	}
	return p.Relevance(ctx, p.id, asked(p.owner, query))
}

// asked is the query with the numbers that mails and conversations have for their
// owner. A number of anybody else's is of nothing there.
func asked(of mail.AccountID, query mail.Query) mail.Query {
	all := func(list []mail.Query) []mail.Query {
		asks := make([]mail.Query, len(list))
		for i, q := range list {
			asks[i] = asked(of, q)
		}
		return asks
	}
	switch q := query.(type) {
	case mail.And:
		return mail.And(all(q))
	case mail.Or:
		return mail.Or(all(q))
	case mail.Not:
		return mail.Not{Query: asked(of, q.Query)}
	case mail.Fuzzy:
		return mail.Fuzzy{Query: asked(of, q.Query)}
	case mail.EmailIs:
		if owner, own := whose(q.Email); owner == of {
			return mail.EmailIs{Email: own}
		}
		return mail.Or{}
	case mail.ThreadIs:
		if owner, own := whose(q.Thread); owner == of {
			return mail.ThreadIs{Thread: own}
		}
		return mail.Or{}
	}
	return query
}
