package imapd

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// selectCommand is SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3), with the
// CONDSTORE and QRESYNC parameters of RFC 7162 §3.1.8 and §3.2.5.
type selectCommand struct {
	name      string
	readOnly  bool
	condstore bool
	resync    *resync // nil: the client has nothing to compare with
}

func parseSelect(readOnly bool) func(*parser) request {
	return func(p *parser) request {
		p.SP()
		c := selectCommand{name: p.Mailbox(), readOnly: readOnly}
		if p.Accept(' ') {
			p.List(func() {
				switch name := p.Keyword(); {
				case name == "CONDSTORE":
					c.condstore = true
				case name == "QRESYNC" && c.resync == nil:
					c.resync = p.resync()
				default:
					p.Failf("SELECT has no parameter %.30s", name)
				}
			})
		}
		return c
	}
}

func (c selectCommand) run(ctx context.Context, s *session) error {
	s.sighted()
	if c.resync != nil && !s.qresync {
		return bad("ENABLE QRESYNC comes first") // RFC 7162 §3.2.5
	}
	if c.resync != nil && len(c.resync.seqs) > 0 && s.uidOnly {
		return uidRequired() // RFC 9586 §3.4
	}
	if s.view != nil {
		s.view = nil // also when what follows goes wrong (RFC 9051 §6.3.2)
		s.untagged("CLOSED", "The previous mailbox is closed")
	}
	mailbox, err := s.account.Mailbox(ctx, c.name)
	if err != nil {
		return err
	}
	rights, err := s.rights(ctx, mailbox.ID)
	if err != nil {
		return err
	}
	if err := s.allow(ctx, mailbox.ID, mail.RightRead); err != nil {
		return err
	}
	if c.condstore {
		s.condstore = true
	}
	uids, until, err := s.account.UIDs(ctx, mailbox.ID)
	if err != nil {
		return fmt.Errorf("list messages of mailbox %s: %w", mailbox.ID, err)
	}
	v := &view{mailbox: mailbox.ID, readOnly: c.readOnly || rights&altering == 0, rights: rights, messages: numbered(uids), until: until, settled: until, keywords: commonKeywords()}
	if len(uids) > 0 {
		v.last = uids[len(uids)-1].Last
	}
	firstUnseen := s.firstUnseen(ctx, mailbox, v)
	s.view = v
	s.claimRecent(1)
	s.describe(mailbox, firstUnseen)
	if c.resync != nil {
		if err := s.catchUp(ctx, mailbox, c.resync); err != nil {
			s.view = nil
			return err
		}
	}
	s.code = "READ-WRITE"
	if v.readOnly {
		s.code = "READ-ONLY"
	}
	return nil
}

// firstUnseen is the first message without \Seen, for the UNSEEN response of
// RFC 3501 §7.1; 0 where it need not be told, or can't be: no SELECT fails for it.
func (s *session) firstUnseen(ctx context.Context, mailbox mail.Mailbox, v *view) mail.SeqNum {
	if s.rev2 || s.uidOnly || mailbox.Unseen == 0 || v.messages.len() > unseenLimit {
		return 0
	}
	unseen, err := s.account.Search(ctx, mailbox.ID, mail.Not{Query: hasFlag(mail.Seen)})
	if err != nil {
		s.log.Warn("unseen messages can't be looked for", "mailbox", mailbox.ID.String(), "err", err)
	}
	if len(unseen) == 0 {
		return 0
	}
	return v.seq(unseen[0].First)
}

// describe writes what SELECT says of a mailbox (RFC 9051 §6.3.2).
func (s *session) describe(mailbox mail.Mailbox, firstUnseen mail.SeqNum) {
	v := s.view
	s.flagsResponse()
	s.exists()
	if firstUnseen != 0 {
		s.untagged("UNSEEN "+decimal(firstUnseen), "The first message that has not been read")
	}
	s.untagged("UIDVALIDITY "+decimal(mailbox.UIDValidity), "UIDs are valid")
	s.untagged("UIDNEXT "+decimal(max(mailbox.UIDNext, v.last+1)), "The next UID")
	s.untagged("HIGHESTMODSEQ "+decimal(max(mailbox.HighestModSeq, 1)), "The latest change")
	s.untagged("MAILBOXID ("+mailbox.ID.String()+")", "The mailbox's own name")
	if s.rev2 {
		s.w.Raw(`* LIST () "` + string(mail.Delimiter) + `" `)
		s.w.Mailbox(mailbox.Name)
		s.w.CRLF()
	}
}

// highestModSeq is the HIGHESTMODSEQ response code of the selected mailbox as
// its client may know it: everything up to there has been told.
func (s *session) highestModSeq(ctx context.Context) (string, error) {
	mailbox, err := s.account.MailboxByID(ctx, s.view.mailbox)
	if err != nil {
		return "", err
	}
	// A change that came after the last update must not count as told.
	return "HIGHESTMODSEQ " + decimal(max(1, min(mailbox.HighestModSeq, s.view.settled))), nil
}

// decimal writes a number of the vocabulary.
func decimal[N ~uint32 | ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }
