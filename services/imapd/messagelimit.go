package imapd

import (
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// defaultMessageLimit is MESSAGELIMIT (RFC 9738) where the options say nothing:
// as many messages as the largest mailbox that the box is made for, so that
// programs that know nothing of limits never meet it. What a command holds for
// each message (SORT some 100 bytes) is bounded by it.
const defaultMessageLimit = 1_000_000

func (s *Server) messageLimit() int {
	if s.options.MessageLimit > 0 {
		return s.options.MessageLimit
	}
	return defaultMessageLimit
}

// limited cuts a set down to what one command may work on: the messages with the
// highest UIDs (RFC 9738 §3.1). The end of the command tells how far it went.
func (s *session) limited(set mail.UIDSet) mail.UIDSet {
	if s.view.count(set) <= s.server.messageLimit() {
		return set
	}
	set = s.view.highest(set, s.server.messageLimit())
	s.lowest = set[0].First
	return set
}

// highest are the last n messages of set, which has more than that.
func (v *view) highest(set mail.UIDSet, n int) mail.UIDSet {
	known := v.known(set)
	counted := numbered(known)
	lowest := counted.uid(mail.SeqNum(counted.len() - n + 1))
	return without(known, mail.UIDSet{{First: 1, Last: lowest - 1}})
}

// limitedQuery narrows a search to the messages with the highest UIDs of those
// that its own keys leave to be looked at. It is false where there were too many.
func (s *session) limitedQuery(query mail.Query) (mail.Query, bool) {
	if s.view.messages.len() <= s.server.messageLimit() {
		return query, true
	}
	looked := candidates(query, s.view.everything())
	if s.view.count(looked) <= s.server.messageLimit() {
		return query, true
	}
	return mail.And{mail.UIDIn{Set: s.limited(looked)}, query}, false
}

// candidates are the messages of set that the UIDs in a query leave, as far as
// one look tells: what stands under OR and NOT leaves all.
func candidates(query mail.Query, set mail.UIDSet) mail.UIDSet {
	switch q := query.(type) {
	case mail.And:
		for _, part := range q {
			set = candidates(part, set)
		}
	case mail.UIDIn:
		return within(set, q.Set)
	}
	return set
}

// tooMany is the answer of a command that does all or nothing.
func (s *session) tooMany() *Error {
	return no(s.limitCode(), "That is more than %d messages; take fewer at once", s.server.messageLimit())
}

// limitCode is the response code. The lowest UID that was worked on stands in it
// where some were.
func (s *session) limitCode() string {
	code := "MESSAGELIMIT " + decimal(uint32(s.server.messageLimit()))
	if s.lowest != 0 {
		code += " " + decimal(s.lowest)
	}
	return code
}

// tellLimit says with the end of a command that it has left messages out. Where
// another code stands there it has a line of its own (RFC 9738 §3.1).
func (s *session) tellLimit(failed bool) {
	switch {
	case s.lowest == 0:
	case s.code == "" && !failed:
		s.code = s.limitCode()
	default:
		s.tagged("*", string(NO), s.limitCode(), "Messages with lower UIDs were left out")
	}
}

// fromLast answers for the messages of set. Where it has been cut down the last
// come first, as RFC 9738 §3.1 asks: a client that is cut off has those that the
// code would have named.
func (f *fetchRun) fromLast(ctx context.Context, set mail.UIDSet) error {
	if f.lowest == 0 {
		return f.all(ctx, set)
	}
	uids := slices.Collect(f.view.known(set).All())
	for len(uids) > 0 {
		from := max(0, len(uids)-aheadRows)
		if err := f.backwards(ctx, mail.SetOf(uids[from:]...)); err != nil {
			return err
		}
		uids = uids[:from]
	}
	return nil
}

// backwards answers for a few messages, the last first.
func (f *fetchRun) backwards(ctx context.Context, set mail.UIDSet) error {
	var list []aheadDigest
	for row, err := range f.account.Rows(ctx, f.view.mailbox, set) {
		if err != nil {
			return fmt.Errorf("read index of mailbox %s: %w", f.view.mailbox, err)
		}
		seq := f.view.seq(row.UID)
		if seq == 0 || f.changedSince != nil && row.ModSeq <= *f.changedSince {
			continue
		}
		list = append(list, aheadDigest{seq: seq, row: row})
	}
	slices.Reverse(list)
	if f.readsAhead() {
		return f.answerAhead(ctx, list)
	}
	for i := range list {
		if err := f.one(ctx, list[i].seq, &list[i].row); err != nil {
			return err
		}
		if err := f.w.Err(); err != nil {
			return err
		}
	}
	return nil
}
