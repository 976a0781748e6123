package imapd

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// search is SEARCH and UID SEARCH (RFC 9051 §6.4.4), in the extended form of
// RFC 4731 too, with the saved result of RFC 5182.
type search struct {
	byUID                      bool
	extended                   bool // there is a RETURN
	min, max, all, count, save bool
	charset                    string // "" if none is given
	keys                       searchKey
	modseq                     bool // a key asks for mod-sequences (RFC 7162 §3.1.5)
}

func parseSearch(byUID bool) func(*parser) request {
	return func(p *parser) request {
		c := search{byUID: byUID}
		p.SP()
		keys := &keyParser{parser: p}
		var word string
		if p.Peek() != '(' && !isSetStart(p) {
			word = p.Keyword()
		}
		if word == "RETURN" {
			p.SP()
			c.returnOptions(p)
			p.SP()
			if word = ""; p.Peek() != '(' && !isSetStart(p) {
				word = p.Keyword()
			}
		}
		if word == "CHARSET" {
			if p.utf8Only {
				p.Failf("with UTF8=ACCEPT a search has no CHARSET")
			}
			p.SP()
			c.charset = strings.ToUpper(p.AString())
			keys.anyBytes = !c.knownCharset()
			p.SP()
			word = ""
		}
		c.keys = keys.sequence(word)
		c.modseq = keys.modseq
		return c
	}
}

// returnOptions reads the list behind RETURN; an empty one means ALL.
func (c *search) returnOptions(p *parser) {
	c.extended = true
	p.List(func() {
		switch option := p.Keyword(); option {
		case "MIN":
			c.min = true
		case "MAX":
			c.max = true
		case "ALL":
			c.all = true
		case "COUNT":
			c.count = true
		case "SAVE":
			c.save = true
		default:
			p.Failf("SEARCH can't return %.30s", option)
		}
	})
	c.all = c.all || !c.min && !c.max && !c.count && !c.save
}

// knownCharset reports whether the texts can be read: all are kept as UTF-8.
func (c *search) knownCharset() bool {
	return c.charset == "" || c.charset == "UTF-8" || c.charset == "US-ASCII"
}

func (c search) run(ctx context.Context, s *session) (err error) {
	defer func() {
		if err != nil && c.save {
			s.view.saved = nil // RFC 5182 §2.1
		}
	}()
	if !c.knownCharset() {
		return no("BADCHARSET (US-ASCII UTF-8)", "That charset is not known here")
	}
	if c.modseq {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	uids, err := s.account.Search(ctx, s.view.mailbox, c.keys(s))
	if err != nil {
		return fmt.Errorf("search mailbox %s: %w", s.view.mailbox, err)
	}
	found := s.view.known(uids)
	if c.save {
		s.view.saved = c.toSave(found)
	}
	if s.rev2 && !c.extended {
		c.extended, c.all = true, true // RFC 9051 §6.4.4: always ESEARCH
	}
	modseq := mail.ModSeq(0)
	if c.modseq {
		if modseq, err = s.highestOf(ctx, c.toSave(found)); err != nil {
			return err
		}
	}
	if c.extended {
		c.writeExtended(s, found, modseq)
	} else {
		c.write(s, found, modseq)
	}
	return nil
}

// toSave is what RETURN names of the result: all of it, or its ends alone
// (RFC 5182 §2.4; RFC 4731 §3.2 has the same rule for the mod-sequence).
func (c search) toSave(found mail.UIDSet) mail.UIDSet {
	if len(found) == 0 || c.all || c.count || !c.min && !c.max {
		return found
	}
	var ends mail.UIDSet
	if c.min {
		ends = ends.Add(found[0].First)
	}
	if last := found[len(found)-1].Last; c.max && (len(ends) == 0 || last > found[0].First) {
		ends = ends.Add(last)
	}
	return ends
}

// highestOf is the highest mod-sequence among the messages found.
func (s *session) highestOf(ctx context.Context, set mail.UIDSet) (mail.ModSeq, error) {
	highest := mail.ModSeq(0)
	for row, err := range s.account.Rows(ctx, s.view.mailbox, set) {
		if err != nil {
			return 0, fmt.Errorf("read mod-sequences of mailbox %s: %w", s.view.mailbox, err)
		}
		highest = max(highest, row.ModSeq)
	}
	return highest, nil
}

// write is the response of RFC 3501 §7.2.5.
func (c search) write(s *session, found mail.UIDSet, modseq mail.ModSeq) {
	s.w.Raw("* SEARCH")
	each := func(n uint64) {
		s.w.SP()
		s.w.Number(n)
	}
	for uid := range found.All() {
		if c.byUID {
			each(uint64(uid))
		} else {
			each(uint64(s.view.seq(uid)))
		}
	}
	if c.modseq && len(found) > 0 {
		s.w.Raw(" (MODSEQ " + decimal(modseq) + ")")
	}
	s.w.CRLF()
}

// writeExtended is the ESEARCH response (RFC 9051 §7.3.4).
func (c search) writeExtended(s *session, found mail.UIDSet, modseq mail.ModSeq) {
	if !c.min && !c.max && !c.all && !c.count {
		return // SAVE alone answers nothing (RFC 5182 §2.1)
	}
	s.w.Raw("* ESEARCH (TAG ")
	s.w.String(s.tag)
	s.w.Byte(')')
	if c.byUID {
		s.w.Raw(" UID")
	}
	number := func(uid mail.UID) string {
		if c.byUID {
			return decimal(uid)
		}
		return decimal(s.view.seq(uid))
	}
	if len(found) > 0 {
		if c.min {
			s.w.Raw(" MIN " + number(found[0].First))
		}
		if c.max {
			s.w.Raw(" MAX " + number(found[len(found)-1].Last))
		}
	}
	if c.count {
		s.w.Raw(" COUNT ")
		s.w.Number(uint64(found.Len()))
	}
	if c.all && len(found) > 0 {
		s.w.Raw(" ALL ")
		if c.byUID {
			s.w.Raw(found.String())
		} else {
			s.w.Raw(s.view.numbers(found).String())
		}
	}
	if c.modseq && len(found) > 0 {
		s.w.Raw(" MODSEQ " + decimal(modseq))
	}
	s.w.CRLF()
}

// numbers are the sequence numbers of messages that the client knows.
func (v *view) numbers(set mail.UIDSet) mail.SeqSet {
	var numbers mail.SeqSet
	for _, r := range set {
		if from, to := v.span(r.First, r.Last); from < to {
			numbers = append(numbers, mail.Range[mail.SeqNum]{First: mail.SeqNum(from + 1), Last: mail.SeqNum(to)})
		}
	}
	return mail.SetOfRanges(numbers...)
}

func isSetStart(p *parser) bool { return wire.IsSetStart(p.Peek()) }
