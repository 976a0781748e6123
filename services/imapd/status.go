package imapd

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// status is STATUS (RFC 9051 §6.3.11) with the items of RFC 7162, RFC 7889,
// RFC 8438, RFC 8474 and RFC 9208.
type status struct {
	name  string
	items []statusItem
}

// statusItem is the name of one item, in upper case.
type statusItem string

func parseStatus(p *parser) request {
	p.SP()
	c := status{name: p.Mailbox()}
	p.SP()
	c.items = p.statusItems()
	return c
}

// statusItems reads the list of items.
func (p *parser) statusItems() []statusItem {
	items := []statusItem{}
	p.List(func() {
		item := statusItem(p.Keyword())
		switch item {
		case "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "DELETED-STORAGE", "SIZE", "HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT":
		default:
			p.Failf("STATUS has no item %.30s", string(item))
		}
		if !slices.Contains(items, item) {
			items = append(items, item)
		}
	})
	return items
}

func (c status) run(ctx context.Context, s *session) error {
	mailbox, err := s.account.Mailbox(ctx, c.name)
	if err != nil {
		return err
	}
	if err := s.allow(ctx, mailbox.ID, mail.RightRead); err != nil {
		return err
	}
	if slices.Contains(c.items, "HIGHESTMODSEQ") {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	return s.writeStatus(ctx, mailbox, c.items)
}

func (s *session) writeStatus(ctx context.Context, mailbox mail.Mailbox, items []statusItem) error {
	recent := 0
	if slices.Contains(items, "RECENT") {
		var err error
		if recent, err = s.countRecent(ctx, mailbox); err != nil {
			return err
		}
	}
	reclaimable := int64(0)
	if slices.Contains(items, "DELETED-STORAGE") {
		var err error
		if reclaimable, err = s.deletedStorage(ctx, mailbox); err != nil {
			return err
		}
	}
	s.w.Raw("* STATUS ")
	s.w.Mailbox(mailbox.Name)
	separator := " ("
	for _, item := range items {
		s.w.Raw(separator + string(item) + " ")
		separator = " "
		switch item {
		case "MESSAGES":
			s.w.Number(uint64(mailbox.Total))
		case "RECENT":
			s.w.Number(uint64(recent))
		case "UIDNEXT":
			s.w.Number(uint64(mailbox.UIDNext))
		case "UIDVALIDITY":
			s.w.Number(uint64(mailbox.UIDValidity))
		case "UNSEEN":
			s.w.Number(uint64(mailbox.Unseen))
		case "DELETED":
			s.w.Number(uint64(mailbox.Deleted))
		case "DELETED-STORAGE":
			s.w.Number(uint64(reclaimable))
		case "SIZE":
			s.w.Number(uint64(mailbox.Size))
		case "HIGHESTMODSEQ":
			s.w.Number(uint64(max(mailbox.HighestModSeq, 1)))
		case "MAILBOXID":
			s.w.Raw("(" + mailbox.ID.String() + ")")
		case "APPENDLIMIT":
			s.w.Number(uint64(s.server.options.MaxSize))
		}
	}
	if len(items) == 0 {
		s.w.Raw(" (")
	}
	s.w.Raw(")\r\n")
	return nil
}

// countRecent is how many messages no session has been told of.
func (s *session) countRecent(ctx context.Context, mailbox mail.Mailbox) (int, error) {
	first := s.server.recent.peek(s.login.Account, mailbox.ID)
	if mailbox.Total == 0 || first >= mailbox.UIDNext {
		return 0, nil
	}
	uids, _, err := s.account.UIDs(ctx, mailbox.ID)
	if err != nil {
		return 0, fmt.Errorf("count recent messages of mailbox %s: %w", mailbox.ID, err)
	}
	return numbered(uids).count(mail.Range[mail.UID]{First: first, Last: math.MaxUint32}), nil
}
