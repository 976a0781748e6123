package pop3d

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxUnnoted is how many fetched messages a power cut may take from the note of what
// was fetched: each note costs a sync.
const maxUnnoted = 256

// leaving is what a session has fetched of a maildrop that mail may be left in for
// some days only.
type leaving struct {
	unsure []*entry // sent; nobody knows yet whether they have arrived
	sure   []mail.Fetched
}

// sent remembers that a message was sent whole. TOP doesn't count, however many lines
// it asks for: a program that looks at the beginnings has not fetched anything.
func (d *maildrop) sent(e *entry) {
	if d.rules.Leave.Enforced && !e.sent {
		e.sent = true
		d.leaving.unsure = append(d.leaving.unsure, e)
	}
}

// arrived is called when the client has said something after it was sent all that it
// had asked for, and its machine has acknowledged that: so it has got it. Who asks
// ahead, in pieces that come one by one, looks like who has waited but for that. Whom a line breaks under has his message counted
// when he fetches it again.
func (s *session) arrived() {
	d := s.drop
	for _, e := range d.leaving.unsure {
		e.fetched = true
		if d.rules.Leave.Days > 0 {
			d.leaving.sure = append(d.leaving.sure, mail.Fetched{UIDValidity: d.validity, UID: e.uid, Email: e.email})
		}
	}
	d.leaving.unsure = nil
	if len(d.leaving.sure) >= maxUnnoted {
		s.note()
	}
}

// note has written down what was fetched. What can't be stays on the box until it is
// fetched once more: that is no reason to trouble the client.
func (s *session) note() {
	l := &s.drop.leaving
	if len(l.sure) == 0 {
		return
	}
	if err := s.server.options.Rules.Fetched(s.login.Account, l.sure); err != nil {
		s.log.Error("it could not be noted what was fetched", "messages", len(l.sure), "err", err)
	}
	l.sure = nil
}

// gone is what QUIT removes besides what DELE has marked: where nothing may be left
// on the box, all that was fetched (RFC 2449 §6.7). What somebody has flagged stays.
func (d *maildrop) gone(ctx context.Context) ([]mail.UID, error) {
	if !d.rules.Leave.Enforced || d.rules.Leave.Days > 0 {
		return nil, nil
	}
	var fetched mail.UIDSet
	for _, e := range d.entries {
		if e.fetched && !e.deleted {
			fetched = fetched.Add(e.uid)
		}
	}
	if len(fetched) == 0 {
		return nil, nil
	}
	var due []mail.UID
	for row, err := range d.account.Rows(ctx, d.mailbox, fetched) {
		if err != nil {
			return nil, fmt.Errorf("look at what was fetched: %w", err)
		}
		if row.Flags.System&mail.Flagged == 0 {
			due = append(due, row.UID)
		}
	}
	return due, nil
}

// rules is what holds for an account.
func (s *Server) rules(id mail.AccountID) mail.POP3 {
	if s.options.Rules == nil {
		return mail.POP3{}
	}
	return s.options.Rules.POP3(id)
}
