package imapd

import (
	"context"
	"fmt"
	"math"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// weights says how well the messages of a mailbox fit a search, if RELEVANCY was
// asked for (RFC 6203 §4). An Account that can't tell finds all equally good.
func (c *search) weights(ctx context.Context, s *session, mailbox mail.MailboxID) (map[mail.UID]float64, error) {
	ranker, ok := s.account.(Ranker)
	if !c.relevancy && !c.weigh || !ok {
		return nil, nil
	}
	weights, err := ranker.Relevance(ctx, mailbox, c.query)
	if err != nil {
		return nil, fmt.Errorf("weigh messages of mailbox %s: %w", mailbox, err)
	}
	return weights, nil
}

// writeRelevancy writes a score from 1 to 100 for each message that ALL or PARTIAL
// names, in that order; 100 is the best of all that were found.
func (c *search) writeRelevancy(s *session, r result) {
	best := 0.0
	for uid := range r.uids().All() {
		best = max(best, r.weights[uid])
	}
	if c.part != nil {
		piece := r.part(c.part.of(r.len()))
		piece.weights = r.weights
		r = piece
	}
	s.w.Raw(" RELEVANCY")
	separator := byte('(')
	score := func(uid mail.UID) {
		if separator == '(' {
			s.w.SP()
		}
		s.w.Byte(separator)
		separator = ' '
		n := 100.0
		if best > 0 {
			n = max(1, math.Round(100*r.weights[uid]/best))
		}
		s.w.Number(uint64(n))
	}
	for uid := range r.set.All() {
		score(uid)
	}
	for _, uid := range r.order {
		score(uid)
	}
	if separator == '(' {
		s.w.Raw(" (")
	}
	s.w.Byte(')')
}
