package imapd

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// search is SEARCH and UID SEARCH (RFC 9051 §6.4.4), in the extended form of
// RFC 4731 too, with the saved result of RFC 5182 and the parts of it of RFC 9394.
// SORT and THREAD are this with an order.
type search struct {
	byUID                      bool
	extended                   bool // there is a RETURN
	min, max, all, count, save bool
	relevancy                  bool // how well each message fits is told (fuzzy.go)
	weigh                      bool // and needed for the order
	part                       *partOf
	charset                    string // "" if none is given
	keys                       searchKey
	modseq                     bool        // a key asks for mod-sequences (RFC 7162 §3.1.5)
	numbers                    bool        // a key names messages by number or UID, or is "$"
	seqs                       bool        // a key names messages by number
	followItems                []fetchItem // to tell of each message that comes into the result (RFC 5465 §7)
	follow                     bool        // UPDATE: what changes of the result is told (context.go)
	wholly                     bool        // an order is asked for: of all that is found, or none (RFC 9738 §3.3)
	query                      mail.Query
}

// partOf is the range of a PARTIAL: places in the result counted from 1, from its
// end if they are negative.
type partOf struct{ first, last int64 }

func parseSearch(byUID bool) func(*parser) request {
	return func(p *parser) request {
		c := search{byUID: byUID}
		p.SP()
		word := p.searchWord()
		if word == "RETURN" {
			p.SP()
			c.returnOptions(p)
			p.SP()
			word = p.searchWord()
		}
		c.program(p, word)
		return c
	}
}

// searchWord reads the word that comes next, "" if it is not one.
func (p *parser) searchWord() string {
	if p.Peek() == '(' || isSetStart(p) {
		return ""
	}
	return p.Keyword()
}

// program reads the charset, if there is one, and the keys behind it. Their first
// word may have been read.
func (c *search) program(p *parser, word string) {
	if word == "CHARSET" {
		if p.utf8Only {
			p.Failf("with UTF8=ACCEPT a search has no CHARSET")
		}
		p.SP()
		c.charset = strings.ToUpper(p.AString())
		p.SP()
		word = ""
	}
	c.criteria(p, word)
}

// criteria reads the search keys, of which the first one's name may have been
// read.
func (c *search) criteria(p *parser, word string) {
	keys := &keyParser{parser: p, anyBytes: !c.knownCharset()}
	c.keys = keys.sequence(word)
	c.modseq, c.numbers, c.seqs = keys.modseq, keys.numbers, keys.seqs
	if (c.relevancy || c.weigh) && !keys.fuzzy {
		p.Failf("nothing is RELEVANCY without a FUZZY key") // RFC 6203 §4
	}
}

// returnOptions reads the list behind RETURN; an empty one means ALL.
func (c *search) returnOptions(p *parser) {
	c.extended = true
	hinted := false
	last := ""
	p.List(func() {
		if p.Peek() == '(' && last == "UPDATE" {
			c.followItems, last = p.fetchItems(), ""
			return
		}
		last = p.Keyword()
		switch option := last; option {
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
		case "PARTIAL":
			if c.part != nil {
				p.Failf("one PARTIAL is all that can be asked for")
			}
			c.part = p.partOf()
		case "RELEVANCY":
			c.relevancy = true
		case "UPDATE":
			c.follow = true
		case "CONTEXT": // a hint (RFC 5267 §4.2) that there is nothing to do about
			hinted = true
		default:
			p.Failf("SEARCH can't return %.30s", option)
		}
	})
	if c.all && c.part != nil {
		p.Failf("PARTIAL and ALL can't be asked for together") // RFC 9394 §3.1
	}
	c.all = c.all || !c.min && !c.max && !c.count && !c.save && c.part == nil && !c.relevancy && !c.follow && !hinted
}

// partOf reads the range behind PARTIAL (RFC 9394 §4): both ends count from the
// front, or both from the end.
func (p *parser) partOf() *partOf {
	p.SP()
	back := p.Accept('-')
	first := int64(p.Number())
	p.Expect(':')
	if back {
		p.Expect('-')
	}
	last := int64(p.Number())
	if p.Err() == nil && (first == 0 || last == 0) {
		p.Failf("the places of PARTIAL are counted from 1")
	}
	if first > last {
		first, last = last, first
	}
	if back {
		first, last = -first, -last
	}
	return &partOf{first, last}
}

// String is the range as it is told.
func (part *partOf) String() string { return fmt.Sprintf("%d:%d", part.first, part.last) }

// of is the part of a list of n that the range means, as its first and the one
// behind its last.
func (part *partOf) of(n int) (from, to int) {
	length := int64(n)
	if part.first < 0 {
		return int(max(0, length+part.last)), int(max(0, length+part.first+1))
	}
	return int(min(part.first-1, length)), int(min(part.last, length))
}

// knownCharset reports whether the texts can be read: all are kept as UTF-8.
func (c *search) knownCharset() bool {
	return c.charset == "" || c.charset == "UTF-8" || c.charset == "US-ASCII"
}

func (c search) run(ctx context.Context, s *session) (err error) {
	defer c.forget(s, &err)
	found, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	if s.rev2 && !c.extended {
		c.extended, c.all = true, true // RFC 9051 §6.4.4: always ESEARCH
	}
	weights, err := c.weights(ctx, s, s.view.mailbox)
	if err != nil {
		return err
	}
	return c.tell(ctx, s, result{set: found, weights: weights}, nil)
}

// forget empties the saved result of a search that has failed (RFC 5182 §2.1).
func (c *search) forget(s *session, err *error) {
	if *err != nil && c.save {
		s.view.saved = nil
	}
}

// find gives the messages for which the keys hold, of those that the client knows.
func (c *search) find(ctx context.Context, s *session) (mail.UIDSet, error) {
	if !c.knownCharset() {
		return nil, no("BADCHARSET (US-ASCII UTF-8)", "That charset is not known here")
	}
	if c.seqs && s.uidOnly {
		return nil, uidRequired()
	}
	if c.follow && s.view.live[s.tag] != nil {
		return nil, bad("The tag of a search that is followed can't be used for another")
	}
	if c.modseq {
		if err := s.enableCondstore(ctx); err != nil {
			return nil, err
		}
	}
	c.query = c.keys(s)
	query, whole := s.limitedQuery(c.query)
	if !whole && c.wholly {
		s.lowest = 0
		return nil, s.tooMany()
	}
	uids, err := await(s, func() (mail.UIDSet, error) { return s.account.Search(ctx, s.view.mailbox, query) })
	if err != nil {
		return nil, fmt.Errorf("search mailbox %s: %w", s.view.mailbox, err)
	}
	return s.view.known(uids), nil
}

// result is what a search has found: a set, and the order of it if one was asked
// for (nil: that of the mailbox).
type result struct {
	set     mail.UIDSet
	order   []mail.UID
	weights map[mail.UID]float64 // how well they fit, if that was asked for
}

func (r *result) len() int {
	if r.order != nil {
		return len(r.order)
	}
	return r.set.Len()
}

// part are the places from (counted from 0) up to before to.
func (r *result) part(from, to int) result {
	if r.order != nil {
		return result{order: r.order[from:to]}
	}
	var part mail.UIDSet
	if from >= to {
		return result{}
	}
	for _, run := range r.set {
		length := int(run.Last-run.First) + 1
		if from < length && to > 0 {
			part = append(part, mail.Range[mail.UID]{First: run.First + mail.UID(max(0, from)), Last: run.First + mail.UID(min(to, length)-1)})
		}
		from, to = from-length, to-length
	}
	return result{set: part}
}

// uids are the messages of the result, in no order.
func (r *result) uids() mail.UIDSet {
	if r.order != nil {
		return mail.SetOf(r.order...)
	}
	return r.set
}

// tell saves the result and writes the response. What the result is sorted by is
// nil if it is in the mailbox's order.
func (c *search) tell(ctx context.Context, s *session, r result, by []sortKey) (err error) {
	if c.follow {
		s.follow(c, r, by)
	}
	if c.save {
		s.view.saved = c.returned(r)
	}
	modseq := mail.ModSeq(0)
	if c.modseq {
		if modseq, err = s.highestOf(ctx, s.view.mailbox, c.returned(r)); err != nil {
			return err
		}
	}
	if c.extended {
		c.writeExtended(s, r, modseq)
	} else {
		c.write(s, r, modseq)
	}
	return nil
}

// returned is what RETURN names of the result: all of it, or its ends and a part
// (RFC 5182 §2.4, RFC 9394 §3.3; RFC 4731 §3.2 has the same rule for the
// mod-sequence).
func (c *search) returned(r result) mail.UIDSet {
	n := r.len()
	if n == 0 || c.all || c.part == nil && (c.count || !c.min && !c.max) {
		return r.uids()
	}
	var named []mail.Range[mail.UID]
	take := func(from, to int) {
		piece := r.part(from, to)
		named = append(named, piece.uids()...)
	}
	if c.min {
		take(0, 1)
	}
	if c.max {
		take(n-1, n)
	}
	if c.part != nil {
		take(c.part.of(n))
	}
	return mail.SetOfRanges(named...)
}

// highestOf is the highest mod-sequence among the messages found.
func (s *session) highestOf(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) (mail.ModSeq, error) {
	highest := mail.ModSeq(0)
	for row, err := range s.account.Rows(ctx, mailbox, set) {
		if err != nil {
			return 0, fmt.Errorf("read mod-sequences of mailbox %s: %w", mailbox, err)
		}
		highest = max(highest, row.ModSeq)
	}
	return highest, nil
}

// write is the response of RFC 3501 §7.2.5, and SORT's (RFC 5256 §4).
func (c *search) write(s *session, r result, modseq mail.ModSeq) {
	if r.order != nil {
		s.w.Raw("* SORT")
	} else {
		s.w.Raw("* SEARCH")
	}
	each := func(uid mail.UID) {
		s.w.SP()
		s.w.Number(c.number(s, uid))
	}
	for uid := range r.set.All() {
		each(uid)
	}
	for _, uid := range r.order {
		each(uid)
	}
	if c.modseq && r.len() > 0 {
		s.w.Raw(" (MODSEQ " + decimal(modseq) + ")")
	}
	s.w.CRLF()
}

// number is what the client calls a message.
func (c *search) number(s *session, uid mail.UID) uint64 {
	if c.byUID {
		return uint64(uid)
	}
	return uint64(s.view.seq(uid))
}

// writeExtended is the ESEARCH response (RFC 9051 §7.3.4).
func (c *search) writeExtended(s *session, r result, modseq mail.ModSeq) {
	if !c.answers() {
		return // SAVE alone answers nothing (RFC 5182 §2.1)
	}
	s.correlate(s.tag, c.byUID)
	c.writeResults(s, r, modseq)
}

// writeResults writes what RETURN has asked for, and ends the response.
func (c *search) writeResults(s *session, r result, modseq mail.ModSeq) {
	n := r.len()
	if n > 0 && c.min {
		s.w.Raw(" MIN ")
		c.writeSet(s, r.part(0, 1))
	}
	if n > 0 && c.max {
		s.w.Raw(" MAX ")
		c.writeSet(s, r.part(n-1, n))
	}
	if c.count {
		s.w.Raw(" COUNT ")
		s.w.Number(uint64(n))
	}
	if c.all && n > 0 {
		s.w.Raw(" ALL ")
		c.writeSet(s, r)
	}
	if c.part != nil {
		s.w.Raw(" PARTIAL (" + c.part.String() + " ")
		c.writeSet(s, r.part(c.part.of(n)))
		s.w.Byte(')')
	}
	if c.relevancy && n > 0 {
		c.writeRelevancy(s, r)
	}
	if c.modseq && n > 0 {
		s.w.Raw(" MODSEQ " + decimal(modseq))
	}
	s.w.CRLF()
}

// answers reports whether RETURN names anything to be told.
func (c *search) answers() bool {
	return c.min || c.max || c.all || c.count || c.relevancy || c.part != nil
}

// correlate begins an ESEARCH response to the command of a tag.
func (s *session) correlate(tag string, byUID bool) {
	s.w.Raw("* ESEARCH (TAG ")
	s.w.String(tag)
	s.w.Byte(')')
	if byUID {
		s.w.Raw(" UID")
	}
}

// writeSet writes messages as a set, those that have an order in it (RFC 5267
// §3.2): runs that ascend by one become ranges. Nothing is NIL.
func (c *search) writeSet(s *session, r result) {
	switch {
	case r.len() == 0:
		s.w.Raw("NIL")
		return
	case r.order == nil && c.byUID:
		s.w.Raw(r.set.String())
		return
	case r.order == nil:
		s.w.Raw(s.view.numbers(r.set).String())
		return
	}
	for i := 0; i < len(r.order); {
		first := c.number(s, r.order[i])
		last := first
		if i > 0 {
			s.w.Byte(',')
		}
		for i++; i < len(r.order) && c.number(s, r.order[i]) == last+1; i++ {
			last++
		}
		s.w.Number(first)
		if last > first {
			s.w.Byte(':')
			s.w.Number(last)
		}
	}
}

// numbers are the sequence numbers of messages that the client knows.
func (v *view) numbers(set mail.UIDSet) mail.SeqSet {
	var numbers mail.SeqSet
	for _, r := range set {
		for known := range v.messages.parts(r) {
			numbers = append(numbers, mail.Range[mail.SeqNum]{First: v.seq(known.First), Last: v.seq(known.Last)})
		}
	}
	return mail.SetOfRanges(numbers...)
}

func isSetStart(p *parser) bool { return wire.IsSetStart(p.Peek()) }
