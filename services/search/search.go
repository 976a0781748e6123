package search

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

// maxIndexed is how many conditions of one query the index is asked; each may
// read a vocabulary.
const maxIndexed = 64

// Search gives the messages of a mailbox for which the query holds: exactly those
// that package match finds by looking at every one. The index says of most of
// them yes or no; those it doesn't know, or not for sure, are looked at.
func (ix *Index) Search(ctx context.Context, id mail.AccountID, a Account, mailbox mail.MailboxID, q mail.Query) (mail.UIDSet, error) {
	matcher, err := match.Compile(q)
	if err != nil {
		return nil, err
	}
	var n narrowing
	if texts := matcher.Texts(); len(texts) > 0 {
		if n, err = ix.narrow(ctx, id, texts); err != nil {
			return nil, err
		}
	}
	known := n.verdict
	if len(n.segments) == 0 {
		known = nil
	}
	finder := matcher.Finder(ctx, known, func(r mail.Row) (*message.Stored, error) { return a.Open(ctx, mailbox, r.UID) })
	var found mail.UIDSet
	for r, err := range a.Rows(ctx, mailbox, everyUID()) {
		if err != nil {
			return nil, err
		}
		n.look(&r)
		ok, err := finder.Match(r)
		if err != nil {
			return nil, fmt.Errorf("search message %d: %w", r.UID, err)
		}
		if ok {
			found = found.Add(r.UID)
		}
	}
	return found, nil
}

// narrowing is what the index says of the conditions, in each segment, and the
// message in hand.
type narrowing struct {
	segments []narrowed
	at       *narrowed // where the message in hand is; nil: nowhere
	doc      uint32
}

type narrowed struct {
	*segment
	near       int
	yes, maybe []set // by condition
}

// narrow asks the index. It is no error if that doesn't work: then nothing is
// known.
func (ix *Index) narrow(ctx context.Context, id mail.AccountID, texts []match.Text) (n narrowing, err error) {
	a, release, err := ix.acquire(id)
	if err != nil {
		ix.log.Error("search: index is not used", "account", id, "error", err)
		return narrowing{}, nil
	}
	defer release()
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, s := range a.segments {
		asker := s.ask(ctx)
		one := narrowed{segment: s, near: -1}
		for _, t := range texts[:min(len(texts), maxIndexed)] {
			yes, maybe, err := asker.leaf(t)
			switch {
			case ctx.Err() != nil:
				return n, ctx.Err()
			case errors.Is(err, errDamage):
				ix.broken(id, err)
				return narrowing{}, nil
			case err != nil:
				ix.log.Error("search: index is not used", "account", id, "error", err)
				return narrowing{}, nil
			}
			one.yes, one.maybe = append(one.yes, yes), append(one.maybe, maybe)
		}
		n.segments = append(n.segments, one)
	}
	return n, nil
}

// look takes a message in hand.
func (n *narrowing) look(row *mail.Row) {
	n.at = nil
	if len(n.segments) == 0 || row.Email > math.MaxUint32 {
		return
	}
	check := checkOf(row)
	for i := range n.segments {
		s := &n.segments[i]
		if doc, ok := s.find(uint32(row.Email), check, &s.near); ok {
			n.at, n.doc = s, doc
			return
		}
	}
}

// verdict is what is known of a condition for the message in hand.
func (n *narrowing) verdict(place int) match.Verdict {
	switch s := n.at; {
	case s == nil || place >= len(s.yes):
		return match.Unknown
	case s.yes[place].has(n.doc):
		return match.Yes
	case s.maybe[place].has(n.doc):
		return match.Unknown
	}
	return match.No
}
