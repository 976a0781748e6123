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
	var found mail.UIDSet
	if c.changedSince == nil {
		found = s.view.known(without(set, s.view.gone))
	} else {
		for row, err := range s.account.Rows(ctx, s.view.mailbox, set) {
			if err != nil {
				return nil, fmt.Errorf("read index of mailbox %s: %w", s.view.mailbox, err)
			}
			if row.ModSeq > *c.changedSince && s.view.seq(row.UID) != 0 {
				found = found.Add(row.UID)
			}
		}
	}
	counted := numbered(found)
	from, to := c.part.of(counted.len())
	narrowed := mail.UIDSet{} // never nil, which might mean all
	for i := from; i < to; i++ {
		narrowed = narrowed.Add(counted.uid(mail.SeqNum(i + 1)))
	}
	return narrowed, nil
}
