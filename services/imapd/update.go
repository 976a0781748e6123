package imapd

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// update takes in what has happened in the selected mailbox since the last time
// and tells the client (RFC 9051 §5.2, §7.5.1): EXPUNGE only if allowed, else it
// waits in the view; then EXISTS, then the flags that have changed. Nothing can
// be missed: the store is asked what came after the last answer.
func (s *session) update(ctx context.Context, expunge bool) error {
	return s.updateExcept(ctx, expunge, nil)
}

// updateExcept is update that does not tell the flags of rows for which quiet
// holds; with mod-sequences, only their new one (RFC 7162 §3.1.3).
func (s *session) updateExcept(ctx context.Context, expunge bool, quiet func(*mail.Row) bool) error {
	v := s.view
	changes, err := s.account.Changes(ctx, v.mailbox, v.until)
	if err != nil {
		v.told = nil // else it would grow for as long as this goes wrong
		if denied(err) {
			return &Error{Status: BYE, Text: "This mailbox may no longer be read by you"}
		}
		return fmt.Errorf("take in changes of mailbox %s: %w", v.mailbox, err)
	}
	if changes.Gone {
		// RFC 2180 §3.3: no sequence number means anything any more.
		return &Error{Status: BYE, Text: "The mailbox has been deleted in another session"}
	}
	v.markGone(changes.Vanished)
	s.liveRemovals(ctx, &changes)
	if expunge {
		s.tellExpunged()
	}
	if s.muted() {
		// What comes is taken in when it may be told; the client's own doing is told.
		s.tellFlagChanges(changes.Rows, v.last, quiet)
		v.behind = true
		err = s.liveAdditions(ctx, v.last)
		v.told = nil
		return err
	}
	before := v.last
	for i := range changes.Rows {
		if uid := changes.Rows[i].UID; uid > v.last {
			v.add(uid)
		}
	}
	if v.last > before {
		s.claimRecent(before + 1)
		s.exists()
	}
	s.tellFlagChanges(changes.Rows, before, quiet)
	if err := s.liveAdditions(ctx, before); err != nil {
		return err
	}
	v.told = nil
	v.until = changes.Until
	if len(v.gone) == 0 && !v.behind {
		v.settled = v.until
	}
	if v.last > before && s.notify != nil {
		return s.fetchUnasked(ctx, s.notify.items, mail.UIDSet{{First: before + 1, Last: v.last}})
	}
	return nil
}

// tellFlagChanges tells what has changed of the messages up to last that this
// command has not told. What others do is left out where the client does not want
// to hear of it.
func (s *session) tellFlagChanges(rows []mail.Row, last mail.UID, quiet func(*mail.Row) bool) {
	for i := range rows {
		row := &rows[i]
		if row.UID > last || s.view.wasTold(row) {
			continue
		}
		own := quiet != nil && quiet(row)
		if s.deaf() && !own {
			s.view.behind = true
			continue
		}
		if seq := s.view.seq(row.UID); seq != 0 {
			s.tellChange(seq, row, own)
		}
	}
}

// tellExpunged takes what is gone out of the view and says so: with VANISHED to a
// client that has enabled QRESYNC or UIDONLY, everywhere and for ever (RFC 7162
// §3.2.10, RFC 9586 §3.5).
func (s *session) tellExpunged() {
	if s.qresync || s.uidOnly {
		s.tellVanished(s.view.gone, false)
		s.view.expunge(func(mail.SeqNum) {})
		return
	}
	s.view.expunge(func(seq mail.SeqNum) {
		s.w.Raw("* ")
		s.w.Number(uint64(seq))
		s.w.Raw(" EXPUNGE\r\n")
	})
}

// claimRecent makes the messages from first on \Recent here, those that no other
// session has claimed.
func (s *session) claimRecent(first mail.UID) {
	v, marks := s.view, &s.server.recent
	if s.rev2 {
		return
	}
	unclaimed := marks.peek(s.login.Account, v.mailbox)
	if !v.readOnly {
		unclaimed = marks.claim(s.login.Account, v.mailbox, v.last+1)
	}
	if first = max(first, unclaimed); first <= v.last {
		v.recent = mail.SetOfRanges(append(v.recent, mail.Range[mail.UID]{First: first, Last: v.last})...)
	}
}

// exists tells how many messages there are and, to an IMAP4rev1 client, how many
// are recent.
func (s *session) exists() {
	s.w.Raw("* ")
	s.w.Number(uint64(s.view.messages.len()))
	s.w.Raw(" EXISTS\r\n")
	if !s.rev2 {
		s.w.Raw("* ")
		s.w.Number(uint64(s.view.count(s.view.recent)))
		s.w.Raw(" RECENT\r\n")
	}
}

// tellChange tells that a message has changed; quiet if the client knows its
// flags.
func (s *session) tellChange(seq mail.SeqNum, row *mail.Row, quiet bool) {
	switch {
	case !quiet:
		s.tellFlags(seq, row)
	case s.condstore:
		s.unasked(seq, row.UID)
		s.writeModSeq(row)
		s.w.Raw(")\r\n")
	}
}

// tellFlags writes a FETCH response with the flags of a message.
func (s *session) tellFlags(seq mail.SeqNum, row *mail.Row) {
	s.tellKeywords(row.Flags)
	s.unasked(seq, row.UID)
	s.w.Raw("FLAGS ")
	s.writeFlags(row)
	if s.condstore {
		s.w.SP()
		s.writeModSeq(row)
	}
	s.w.Raw(")\r\n")
}

// writeModSeq adds the MODSEQ item to a FETCH response (RFC 7162 §3.1.4.2).
func (s *session) writeModSeq(row *mail.Row) {
	s.toldModSeq = true
	s.w.Raw("MODSEQ (")
	s.w.Number(uint64(row.ModSeq))
	s.w.Byte(')')
}
