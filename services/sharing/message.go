package sharing

import (
	"context"
	"iter"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// rowsPerAsking is after how many messages a long reading of another's mailbox asks
// again whether it may go on.
const rowsPerAsking = 256

// UIDs are all messages, complete up to the ModSeq.
func (a *Account) UIDs(ctx context.Context, mailbox mail.MailboxID) (mail.UIDSet, mail.ModSeq, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.UIDs(ctx, mailbox)
	}
	p, err := a.at(ctx, mailbox, mail.RightRead)
	if err != nil {
		return nil, 0, err
	}
	return p.UIDs(ctx, p.id)
}

// Rows yields what is known of the messages in set that exist, by UID.
func (a *Account) Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error] {
	if !a.Foreign(mailbox) {
		return a.Mail.Rows(ctx, mailbox, set)
	}
	return readable(ctx, a, mailbox, func(p place) iter.Seq2[mail.Row, error] { return p.Rows(ctx, p.id, set) }, row)
}

// Summaries yields what sorting and threading ask of the messages in set that exist,
// by UID.
func (a *Account) Summaries(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[message.Summarized, error] {
	if !a.Foreign(mailbox) {
		return a.Mail.Summaries(ctx, mailbox, set)
	}
	return readable(ctx, a, mailbox, func(p place) iter.Seq2[message.Summarized, error] { return p.Summaries(ctx, p.id, set) },
		func(owner mail.AccountID, s message.Summarized) message.Summarized {
			s.Row = row(owner, s.Row)
			return s
		})
}

// readable yields what read gives of another's mailbox, as others see it, for as long
// as the log-in may read there.
func readable[T any](ctx context.Context, a *Account, mailbox mail.MailboxID, read func(place) iter.Seq2[T, error], see func(mail.AccountID, T) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		p, err := a.at(ctx, mailbox, mail.RightRead)
		if err != nil {
			yield(none, err)
			return
		}
		n := 0
		for item, err := range read(p) {
			if n++; n%rowsPerAsking == 0 && err == nil {
				_, err = a.allowed(p.owner, p.id, mail.RightRead)
			}
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(see(p.owner, item), nil) {
				return
			}
		}
	}
}

// Open opens a message; the caller closes it.
func (a *Account) Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.Open(ctx, mailbox, uid)
	}
	p, err := a.at(ctx, mailbox, mail.RightRead)
	if err != nil {
		return nil, err
	}
	m, err := p.Open(ctx, p.id, uid)
	if err != nil {
		return nil, err
	}
	m.Row = row(p.owner, m.Row)
	return m, nil
}

// Changes says what happened in a mailbox after since.
func (a *Account) Changes(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.Changes(ctx, mailbox, since)
	}
	p, err := a.at(ctx, mailbox, mail.RightRead)
	if err != nil {
		return mail.Changes{}, err
	}
	c, err := p.Changes(ctx, p.id, since)
	rows := make([]mail.Row, len(c.Rows))
	for i, r := range c.Rows {
		rows[i] = row(p.owner, r)
	}
	c.Rows = rows
	return c, err
}

// Append adds messages, all or none, durable on return. In another's mailbox they have
// those of the flags that the log-in may set there (RFC 4314 §4).
func (a *Account) Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.Append(ctx, mailbox, messages)
	}
	p, err := a.at(ctx, mailbox, mail.RightInsert)
	if err != nil {
		return mail.Appended{}, err
	}
	return p.Append(ctx, p.id, permitted(p.rights, messages))
}

// permitted are the messages with the flags that these rights allow.
func permitted(rights mail.Rights, messages []draft.Append) []draft.Append {
	list := make([]draft.Append, len(messages))
	for i, m := range messages {
		m.Flags = settable(rights, m.Flags)
		list[i] = m
	}
	return list
}

// Expunge removes the messages of set, or all, with \Deleted or whether they have it or
// not; the owner can put them back. Without \Deleted it is as if that were set first,
// and needs the right to.
func (a *Account) Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.Expunge(ctx, mailbox, set, onlyDeleted)
	}
	need := mail.RightExpunge
	if !onlyDeleted {
		need |= mail.RightDeleteMessages
	}
	p, err := a.at(ctx, mailbox, need)
	if err != nil {
		return nil, err
	}
	gone, err := p.Expunge(ctx, p.id, set, onlyDeleted)
	if n := gone.Len(); n > 0 {
		a.note(ctx, "messages of another expunged", p, "messages", n)
	}
	return gone, err
}
