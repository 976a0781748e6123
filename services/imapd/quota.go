package imapd

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// quotaUnit is what one of STORAGE is, in bytes (RFC 9208 §5.1).
const quotaUnit = 1024

// quotaRoot is the name of the account's quota root: one bound is over all of its
// mailboxes. That of somebody else is named by the address. An account without a bound has no root, since a root has at least one
// resource (RFC 9208 §8, quota-list).
const quotaRoot = ""

// getQuota is GETQUOTA (RFC 9208 §4.1.1).
type getQuota struct{ root string }

func parseGetQuota(p *parser) request {
	p.SP()
	return getQuota{p.AString()}
}

func (c getQuota) run(ctx context.Context, s *session) error {
	root, used, bound, err := s.rootOf(ctx, c.root)
	if err != nil {
		return err
	}
	if bound == (mail.Quota{}) {
		return no("NONEXISTENT", "There is no such quota root")
	}
	s.quota(root, used, bound)
	return nil
}

// rootOf finds a quota root: the account's own, or one of somebody who lets it read a
// mailbox. No bound means that there is none.
func (s *session) rootOf(ctx context.Context, root string) (string, mail.Usage, mail.Quota, error) {
	if root == quotaRoot {
		used, bound, err := s.account.Quota(ctx)
		if err != nil {
			err = fmt.Errorf("ask for the quota: %w", err)
		}
		return root, used, bound, err
	}
	if s.sharing == nil {
		return root, mail.Usage{}, mail.Quota{}, nil
	}
	mailboxes, err := s.account.Mailboxes(ctx)
	if err != nil {
		return root, mail.Usage{}, mail.Quota{}, fmt.Errorf("list mailboxes for their quota: %w", err)
	}
	for i := range mailboxes {
		m := &mailboxes[i]
		if !s.sharing.Foreign(m.ID) || s.allow(ctx, m.ID, mail.RightRead) != nil {
			continue
		}
		owner, used, bound, err := s.sharing.QuotaOf(ctx, m.ID)
		if err == nil && strings.EqualFold(owner, root) {
			return owner, used, bound, nil
		}
	}
	return root, mail.Usage{}, mail.Quota{}, nil
}

// getQuotaRoot is GETQUOTAROOT (RFC 9208 §4.1.2).
type getQuotaRoot struct{ name string }

func parseGetQuotaRoot(p *parser) request {
	p.SP()
	return getQuotaRoot{p.Mailbox()}
}

func (c getQuotaRoot) run(ctx context.Context, s *session) error {
	mailbox, err := s.account.Mailbox(ctx, c.name)
	if err != nil {
		return err
	}
	root, used, bound, err := s.quotaOver(ctx, mailbox.ID)
	if err != nil {
		return err
	}
	s.w.Raw("* QUOTAROOT ")
	s.w.Mailbox(mailbox.Name)
	if bound == (mail.Quota{}) {
		s.w.CRLF()
		return nil
	}
	s.w.SP()
	s.w.AString(root)
	s.w.CRLF()
	s.quota(root, used, bound)
	return nil
}

// quotaOver is the root over a mailbox, of whoever owns it (RFC 4314 §4: who may read it
// may see that).
func (s *session) quotaOver(ctx context.Context, id mail.MailboxID) (root string, used mail.Usage, bound mail.Quota, err error) {
	if err = s.allow(ctx, id, mail.RightRead); err != nil {
		return "", used, bound, err
	}
	if s.foreign(id) {
		root, used, bound, err = s.sharing.QuotaOf(ctx, id)
	} else {
		root = quotaRoot
		used, bound, err = s.account.Quota(ctx)
	}
	if err != nil {
		err = fmt.Errorf("ask for the quota over mailbox %s: %w", id, err)
	}
	return root, used, bound, err
}

// quota writes the QUOTA response (RFC 9208 §4.2.1): the resources with a bound.
func (s *session) quota(root string, used mail.Usage, bound mail.Quota) {
	s.w.Raw("* QUOTA ")
	s.w.AString(root)
	separator := " ("
	resource := func(name string, used, bound int64) {
		s.w.Raw(separator + name + " ")
		s.w.Number(uint64(used))
		s.w.SP()
		s.w.Number(uint64(bound))
		separator = " "
	}
	if bound.Bytes > 0 {
		resource("STORAGE", quotaUnits(used.Bytes), quotaUnits(bound.Bytes))
	}
	if bound.Messages > 0 {
		resource("MESSAGE", used.Messages, bound.Messages)
	}
	s.w.Raw(")\r\n")
}

// quotaUnits rounds up, what is used as what is allowed: nobody who keeps to the
// bound is shown to be over it.
func quotaUnits(bytes int64) int64 {
	units := bytes / quotaUnit
	if bytes%quotaUnit > 0 {
		units++
	}
	return units
}

// maxQuotaResources is more than there are.
const maxQuotaResources = 16

// setQuota is SETQUOTA (RFC 9208 §4.1.3), which is not for clients: quotas are the
// administrator's, so QUOTASET is not advertised and the answer is always NO.
type setQuota struct{}

func parseSetQuota(p *parser) request {
	p.SP()
	p.AString()
	p.SP()
	n := 0
	p.List(func() {
		if n++; n > maxQuotaResources {
			p.Failf("more than %d resources", maxQuotaResources)
		}
		p.Atom()
		p.SP()
		p.Number64()
	})
	return setQuota{}
}

func (setQuota) run(context.Context, *session) error {
	return no("NOPERM", "Only the administrator sets quotas")
}

// deletedStorage is what EXPUNGE would free in a mailbox, in bytes. Only the
// messages that are deleted are looked at.
func (s *session) deletedStorage(ctx context.Context, mailbox mail.Mailbox) (int64, error) {
	if mailbox.Deleted == 0 {
		return 0, nil
	}
	set, err := s.account.Search(ctx, mailbox.ID, hasFlag(mail.Deleted))
	if err != nil {
		return 0, fmt.Errorf("find deleted messages of mailbox %s: %w", mailbox.ID, err)
	}
	size := int64(0)
	for row, err := range s.account.Rows(ctx, mailbox.ID, set) {
		if err != nil {
			return 0, fmt.Errorf("add up deleted messages of mailbox %s: %w", mailbox.ID, err)
		}
		size += row.Size
	}
	return size, nil
}
