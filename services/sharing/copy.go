package sharing

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// What is copied from account to account at once, before it is appended: enough for
// few syncs, and little beside what the spool may hold.
const (
	batchMessages = 64
	batchBytes    = 16 << 20
)

// Copy puts the messages of set that exist into another mailbox, of whomever they are.
func (a *Account) Copy(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	if !a.Foreign(from) && !a.Foreign(to) {
		return a.Mail.Copy(ctx, from, set, to)
	}
	source, target, err := a.ends(ctx, from, mail.RightRead, to)
	if err != nil {
		return mail.Copied{}, err
	}
	if source.owner == target.owner && target.rights.Has(flagRights) {
		return source.Copy(ctx, source.id, set, target.id)
	}
	return a.transfer(ctx, source, set, target)
}

// Move puts the messages of set that exist into another mailbox and takes them away
// from the first, in this order.
func (a *Account) Move(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	if !a.Foreign(from) && !a.Foreign(to) {
		return a.Mail.Move(ctx, from, set, to)
	}
	// RFC 6851 §4.4: what COPY, STORE of \Deleted and EXPUNGE need together.
	const removing = mail.RightDeleteMessages | mail.RightExpunge
	source, target, err := a.ends(ctx, from, mail.RightRead|removing, to)
	if err != nil {
		return mail.Copied{}, err
	}
	if source.owner == target.owner && target.rights.Has(flagRights) {
		copied, err := source.Move(ctx, source.id, set, target.id)
		if n := len(copied.Source); n > 0 && a.Foreign(from) {
			a.note(ctx, "messages of another moved", source, "messages", n, "to", target.owner.String())
		}
		return copied, err
	}
	copied, err := a.transfer(ctx, source, set, target)
	if err != nil || len(copied.Source) == 0 {
		return copied, err
	}
	if _, err := a.still(source, removing); err != nil {
		return mail.Copied{}, target.takeBack(ctx, copied, err)
	}
	if _, err := source.Expunge(ctx, source.id, mail.SetOf(copied.Source...), false); err != nil {
		return mail.Copied{}, fmt.Errorf("take away what was copied: %w", err)
	}
	if a.Foreign(from) {
		a.note(ctx, "messages of another moved", source, "messages", len(copied.Source), "to", target.owner.String())
	}
	return copied, nil
}

// ends opens both mailboxes of a copy.
func (a *Account) ends(ctx context.Context, from mail.MailboxID, need mail.Rights, to mail.MailboxID) (source, target place, err error) {
	if source, err = a.anyPlace(ctx, from, need); err != nil {
		return source, target, err
	}
	target, err = a.anyPlace(ctx, to, mail.RightInsert)
	return source, target, err
}

// anyPlace is at for own mailboxes too.
func (a *Account) anyPlace(ctx context.Context, id mail.MailboxID, need mail.Rights) (place, error) {
	if a.Foreign(id) {
		return a.at(ctx, id, need)
	}
	return place{a.Mail, a.id, id, mail.AllRights}, nil
}

// transfer copies from mailbox to mailbox by reading and appending: all, or it takes
// back what was copied.
func (a *Account) transfer(ctx context.Context, source place, set mail.UIDSet, target place) (mail.Copied, error) {
	if _, err := target.MailboxByID(ctx, target.id); err != nil {
		return mail.Copied{}, err // also of no messages
	}
	all, err := source.fitting(ctx, set, target)
	if err != nil || len(all) == 0 {
		return mail.Copied{}, err
	}
	var copied mail.Copied
	for rest := all; len(rest) > 0 && err == nil; {
		n, size := 1, rest[0].size
		for n < len(rest) && n < batchMessages && size+rest[n].size <= batchBytes {
			size += rest[n].size
			n++
		}
		err = a.batch(ctx, source, rest[:n], target, &copied)
		rest = rest[n:]
	}
	if err == nil {
		return copied, nil
	}
	return mail.Copied{}, fmt.Errorf("copy from account %s to %s: %w", source.owner, target.owner, target.takeBack(ctx, copied, err))
}

// takeBack makes the target of a copy what it was before, for why (RFC 9051 §6.4.7). What
// was put there is nobody's loss: it is in the source.
func (p place) takeBack(ctx context.Context, copied mail.Copied, why error) error {
	if len(copied.Target) == 0 {
		return why
	}
	_, err := p.Expunge(context.WithoutCancel(ctx), p.id, mail.SetOf(copied.Target...), false)
	return errors.Join(why, err)
}

// sized is a message that is to be copied; a mailbox can have a million.
type sized struct {
	uid  mail.UID
	size int64
}

// fitting lists the messages of set that exist, if there is room for them where they go.
func (p place) fitting(ctx context.Context, set mail.UIDSet, target place) ([]sized, error) {
	var all []sized
	var more mail.Usage
	for row, err := range p.Rows(ctx, p.id, set) {
		if err != nil {
			return nil, err
		}
		all = append(all, sized{row.UID, row.Size})
		more.Messages++
		more.Bytes += row.Size
	}
	used, bound, err := target.Quota(ctx)
	if err != nil {
		return nil, err
	}
	return all, bound.Fits(target.owner, used, more)
}

// batch copies some messages and notes where they went. Each step asks for the rights
// again: a long copy ends where they do.
func (a *Account) batch(ctx context.Context, source place, some []sized, target place, copied *mail.Copied) error {
	var messages []draft.Append
	defer func() {
		for _, m := range messages {
			m.Draft.Discard()
		}
	}()
	var uids []mail.UID
	for _, next := range some {
		if _, err := a.still(source, mail.RightRead); err != nil {
			return err
		}
		m, err := a.take(ctx, source, next.uid)
		if errors.Is(err, mail.ErrNoMessage) {
			continue // gone meanwhile
		}
		if err != nil {
			return err
		}
		messages, uids = append(messages, m), append(uids, next.uid)
	}
	if len(messages) == 0 {
		return nil
	}
	rights, err := a.still(target, mail.RightInsert)
	if err != nil {
		return err
	}
	appended, err := target.Append(ctx, target.id, permitted(rights, messages))
	if err != nil {
		return err
	}
	copied.UIDValidity = appended.UIDValidity
	copied.Source, copied.Target = append(copied.Source, uids...), append(copied.Target, appended.UIDs...)
	return nil
}

// still gives the rights that there are now, if what was allowed when the work began is
// allowed yet.
func (a *Account) still(p place, need mail.Rights) (mail.Rights, error) {
	if p.owner == a.id {
		return mail.AllRights, nil
	}
	return a.allowed(p.owner, p.id, need)
}

// take reads one message into a draft.
func (a *Account) take(ctx context.Context, source place, uid mail.UID) (draft.Append, error) {
	m, err := source.Open(ctx, source.id, uid)
	if err != nil {
		return draft.Append{}, err
	}
	defer m.Close()
	body := a.shares.opt.Draft(m.Size())
	if _, err = io.Copy(body, m.Reader()); err == nil {
		err = body.Finish()
	}
	if err != nil {
		body.Discard()
		return draft.Append{}, fmt.Errorf("copy message %s: %w", m.Row.ID, err)
	}
	return draft.Append{Draft: body, Flags: m.Row.Flags, Internal: m.Row.Internal}, nil
}
