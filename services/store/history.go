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

// cut finds the place in the log that stands for a moment: that with the fewest
// records on the wrong side of it, younger ones before or older ones behind. With a
// clock that only goes on there is none. One that was wrong for a while, by decades
// perhaps, has written few records of many then, and does no harm.
func (s *Store) cut(ctx context.Context, moment time.Time, tell func(done journal.LSN)) (journal.LSN, error) {
	last, score, best, n := journal.LSN(0), 0, 0, 0
	err := s.journal.Replay(ctx, journal.FamilyStore, 1, func(r journal.Record) error {
		if n++; n%progressEvery == 0 {
			tell(r.LSN)
		}
		if r.Time.After(moment) {
			score--
			return nil
		}
		if score++; score >= best {
			last, best = r.LSN, score
		}
		return nil
	})
	return last, err
}

// at reads from the log what the account was at a moment (see cut). tell is called
// now and then with how far the log has been read, which is done twice.
func (s *Store) at(ctx context.Context, id mail.AccountID, moment time.Time, tell func(done, total int64)) (*past, error) {
	all := int64(s.journal.Durable())
	last, err := s.cut(ctx, moment, func(done journal.LSN) { tell(min(int64(done), all), 2*all) })
	if err != nil {
		return nil, fmt.Errorf("read the history of account %s: %w", id, err)
	}
	p := newPast(id)
	created, n := false, 0
	err = s.journal.Replay(ctx, journal.FamilyStore, 1, func(r journal.Record) error {
		if r.LSN > last {
			return errStop
		}
		if n++; n%progressEvery == 0 {
			tell(min(all+int64(r.LSN), 2*all), 2*all)
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
	tell(2*all, 2*all)
	return p, nil
}
