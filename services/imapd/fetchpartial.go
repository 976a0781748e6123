package imapd

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// narrow leaves of set the messages that UID FETCH's PARTIAL means (RFC 9394
// §3.4). It counts those that exist and, with CHANGEDSINCE, have changed since: a
// client then gets as many as it asked for.
func (c fetch) narrow(ctx context.Context, s *session, set mail.UIDSet) (mail.UIDSet, error) {
	var uids []mail.UID
	if c.changedSince == nil {
		for _, r := range without(set, s.view.gone) {
			from, to := s.view.span(r.First, r.Last)
			uids = append(uids, s.view.uids[from:to]...)
		}
	} else {
		for row, err := range s.account.Rows(ctx, s.view.mailbox, set) {
			if err != nil {
				return nil, fmt.Errorf("read index of mailbox %s: %w", s.view.mailbox, err)
			}
			if row.ModSeq > *c.changedSince && s.view.seq(row.UID) != 0 {
				uids = append(uids, row.UID)
			}
		}
	}
	from, to := c.part.of(len(uids))
	narrowed := mail.UIDSet{} // never nil, which might mean all
	for _, uid := range uids[from:to] {
		narrowed = narrowed.Add(uid)
	}
	return narrowed, nil
}
