package imapd

import (
	"context"
	"fmt"
	"iter"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// vanishedLine is how long a set in one VANISHED response gets before another
// one begins: a mailbox that lost every second of its messages would else be told
// in a line that is longer than clients read (RFC 7162 §4 has 8192 bytes).
const vanishedLine = 8000

// resync is the QRESYNC parameter of SELECT and EXAMINE (RFC 7162 §3.2.5): what a
// client that comes back knows.
type resync struct {
	uidValidity mail.UIDValidity
	modSeq      mail.ModSeq
	uids        *mail.UIDSet // nil: all that there were
	// match has some messages by sequence number and UID, from the first on.
	seqs mail.SeqSet
	at   mail.UIDSet
}

// resync reads what stands behind QRESYNC.
func (p *parser) resync() *resync {
	q := new(resync)
	p.SP()
	p.Expect('(')
	q.uidValidity = mail.UIDValidity(p.Number())
	p.SP()
	q.modSeq = mail.ModSeq(p.Number64())
	if p.Accept(' ') && p.Peek() != '(' {
		uids := definite[mail.UID](p)
		q.uids = &uids
		if !p.Accept(' ') {
			p.Expect(')')
			return q
		}
	}
	if p.Peek() == '(' {
		p.Expect('(')
		q.seqs = definite[mail.SeqNum](p)
		p.SP()
		q.at = definite[mail.UID](p)
		p.Expect(')')
		if p.Err() == nil && q.seqs.Len() != q.at.Len() {
			p.Failf("there are %d sequence numbers for %d UIDs", q.seqs.Len(), q.at.Len())
		}
	}
	p.Expect(')')
	return q
}

// definite reads a set of numbers without "*" and "$".
func definite[N ~uint32](p *parser) mail.Set[N] {
	set := p.NumSet()
	if p.Err() == nil && set.Saved {
		p.Failf("$ can't stand here")
	}
	ranges := make([]mail.Range[N], 0, len(set.Ranges))
	for _, r := range set.Ranges {
		if r.First == 0 || r.Last == 0 {
			p.Failf("* can't stand here")
			break
		}
		ranges = append(ranges, mail.Range[N]{First: N(min(r.First, r.Last)), Last: N(max(r.First, r.Last))})
	}
	return mail.SetOfRanges(ranges...)
}

// catchUp tells a client that comes back what it has missed, when the mailbox is
// still the one that it knows: first what is gone, then the flags of what is new or
// has changed. What the store does not know to the letter any more, because old
// changes are forgotten, it tells too much of: hearing again of a message that is
// gone harms nobody (RFC 7162 §3.2.6).
func (s *session) catchUp(ctx context.Context, mailbox mail.Mailbox, q *resync) error {
	if q.uidValidity != mailbox.UIDValidity {
		return nil
	}
	v, since := s.view, q.modSeq
	if since > v.until {
		since = 0 // no number of ours; then nothing that the client has is sure
	}
	changes, err := s.account.Changes(ctx, v.mailbox, since)
	if err != nil {
		return fmt.Errorf("look up changes of mailbox %s since %d: %w", v.mailbox, since, err)
	}
	vanished := v.absent(changes.Vanished)
	if matched := q.matched(v); matched > 0 {
		vanished = without(vanished, mail.UIDSet{{First: 1, Last: matched}})
	}
	if q.uids != nil {
		vanished = within(vanished, *q.uids)
	}
	s.tellVanished(vanished, true)
	for i := range changes.Rows {
		row := &changes.Rows[i]
		if q.uids != nil && !q.uids.Contains(row.UID) {
			continue
		}
		if seq := v.seq(row.UID); seq != 0 {
			s.tellFlags(seq, row)
			v.tell(row)
		}
	}
	return nil
}

// matched is the highest UID up to which nothing can have gone, since the client
// has it where it still is: messages come at the end only. 0 if there is none.
func (q *resync) matched(v *view) mail.UID {
	best := mail.UID(0)
	nextUID, stop := iter.Pull(q.at.All())
	defer stop()
	for seq := range q.seqs.All() {
		uid, ok := nextUID()
		if !ok || int64(seq) > int64(v.messages.len()) {
			break
		}
		if v.messages.uid(seq) == uid {
			best = uid
		}
	}
	return best
}

// fetchVanished tells which messages of a UID FETCH with VANISHED are gone (RFC
// 7162 §3.2.6). Those whose removal is due are not among them: what ends the
// command tells it.
func (c fetch) fetchVanished(ctx context.Context, s *session) error {
	v := s.view
	changes, err := s.account.Changes(ctx, v.mailbox, *c.changedSince)
	if err != nil {
		return fmt.Errorf("look up changes of mailbox %s since %d: %w", v.mailbox, *c.changedSince, err)
	}
	s.tellVanished(within(v.absent(changes.Vanished), v.asked(c.set)), true)
	return nil
}

// asked is the set of a UID command as it stands, not cut down to what is there:
// "*" is the highest UID that there ever was.
func (v *view) asked(set wire.NumSet) mail.UIDSet {
	if set.Saved {
		return v.saved
	}
	ranges := make([]mail.Range[mail.UID], 0, len(set.Ranges))
	for _, r := range set.Ranges {
		first, last := mail.UID(r.First), mail.UID(r.Last)
		if first == 0 {
			first = v.last
		}
		if last == 0 {
			last = v.last
		}
		ranges = append(ranges, mail.Range[mail.UID]{First: max(1, min(first, last)), Last: max(1, first, last)})
	}
	return mail.SetOfRanges(ranges...)
}

// tellVanished writes VANISHED responses (RFC 7162 §3.2.10); earlier if the
// messages went before the mailbox was selected.
func (s *session) tellVanished(set mail.UIDSet, earlier bool) {
	name := "* VANISHED "
	if earlier {
		name += "(EARLIER) "
	}
	length := 0
	for _, r := range set {
		text := mail.UIDSet{r}.String()
		switch {
		case length == 0:
			s.w.Raw(name)
		case length+len(text) >= vanishedLine:
			s.w.Raw("\r\n" + name)
			length = 0
		default:
			s.w.Byte(',')
		}
		s.w.Raw(text)
		length += 1 + len(text)
	}
	if length > 0 {
		s.w.CRLF()
	}
}

// tellUntold keeps a client from taking the highest mod-sequence of a response
// for the one up to which it knows everything, as it else may (RFC 7162 §3.1.2.2,
// §3.2.5): removals wait, or news could not be told. It comes before the tagged
// response.
func (s *session) tellUntold(failed bool) {
	if s.view != nil && (s.qresync && len(s.view.gone) > 0 || s.condstore && (failed || s.view.behind)) {
		s.untagged("HIGHESTMODSEQ "+decimal(max(1, s.view.settled)), "Later changes have not all been told")
	}
}

// absent is the part of set that the view does not have.
func (v *view) absent(set mail.UIDSet) mail.UIDSet {
	var left mail.UIDSet
	for _, r := range set {
		first := r.First
		for known := range v.messages.parts(r) {
			if known.First > first {
				left = append(left, mail.Range[mail.UID]{First: first, Last: known.First - 1})
			}
			first = known.Last + 1
		}
		if first <= r.Last && first != 0 {
			left = append(left, mail.Range[mail.UID]{First: first, Last: r.Last})
		}
	}
	return left
}

// within is what is in both sets.
func within(a, b mail.UIDSet) mail.UIDSet { return without(a, without(a, b)) }
