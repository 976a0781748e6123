package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// progressEvery is how many records of the log are read between two words about
// it: several a second.
const progressEvery = 10_000

// past is an account as it was at a moment: what the log says up to there. It is
// a ledger that keeps rows and mailboxes and nothing else, 60 bytes for a
// message, so that a mailbox of a million takes as much as when it is selected.
type past struct {
	id    mail.AccountID
	last  counters
	boxes map[mail.MailboxID]*box
	table map[mail.MailboxID]*table
	words *keywords
}

func newPast(id mail.AccountID) *past {
	return &past{id: id, boxes: map[mail.MailboxID]*box{}, table: map[mail.MailboxID]*table{}, words: newKeywords()}
}

func (p *past) counters() *counters                  { return &p.last }
func (p *past) box(id mail.MailboxID) *box           { return p.boxes[id] }
func (p *past) setName(string, mail.MailboxID)       {}
func (p *past) setSubscribed(string, bool)           {}
func (p *past) putEmail(mail.EmailID, email)         {}
func (p *past) setThread(threadKey, mail.ThreadID)   {}
func (p *past) keywordSets() *keywords               { return p.words }
func (p *past) putRow(mailbox mail.MailboxID, r row) { p.table[mailbox].put(r) }

func (p *past) addBox(b box) {
	p.boxes[b.id], p.table[b.id] = &b, &table{}
}

func (p *past) dropBox(id mail.MailboxID) {
	delete(p.boxes, id)
	delete(p.table, id)
}

func (p *past) dropRow(mailbox mail.MailboxID, r row, _ moment) { p.table[mailbox].remove(r.uid) }

func (p *past) row(mailbox mail.MailboxID, uid mail.UID) (row, bool, error) {
	if r := p.table[mailbox].get(uid); r != nil {
		return *r, true, nil
	}
	return row{}, false, nil
}

// at reads from the log what the account was at a moment: after the last of the
// records before the first that is younger. (So a clock that was put back once
// does no harm.) tell is called now and then with how far the log has been read.
func (s *Store) at(ctx context.Context, id mail.AccountID, moment time.Time, tell func(done, total int64)) (*past, error) {
	p := newPast(id)
	total, created, n := int64(s.journal.Durable()), false, 0
	err := s.journal.Replay(ctx, journal.FamilyStore, 1, func(r journal.Record) error {
		if r.Time.After(moment) {
			return errStop
		}
		if n++; n%progressEvery == 0 {
			tell(int64(r.LSN), total)
		}
		c, err := decodeChange(r.Payload)
		if err != nil {
			return err
		}
		for i := range c {
			if c[i].account != id {
				continue
			}
			if created = created || c[i].creates(); !created {
				continue
			}
			if err := apply(p, &c[i], momentOfRecord(&r)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, fmt.Errorf("read the history of account %s: %w", id, err)
	}
	tell(total, total)
	return p, nil
}
