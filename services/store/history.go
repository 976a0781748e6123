package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
//
// It is looked for behind an LSN, before which nothing may be asked for any more.
func (s *Store) cut(ctx context.Context, behind journal.LSN, moment time.Time, tell func(done journal.LSN)) (journal.LSN, error) {
	last, score, best, n := behind, 0, 0, 0
	err := s.journal.Replay(ctx, journal.FamilyStore, behind+1, func(r journal.Record) error {
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

// at reads from the log what the account was at a moment (see cut): from its last
// snapshot before that on, if there is one. tell is called now and then with how far
// the log has been read, which is done twice. mail.ErrGone when the moment is before
// all that may be asked for.
func (a *account) at(ctx context.Context, moment time.Time, tell func(done, total int64)) (*past, error) {
	s := a.store
	defer s.snapshots.pin(a.id)()
	list := a.history()
	var first noted // zero: the first record
	if len(list) > 0 && a.expiredWith(&list[0].snapshot) {
		first = list[0]
	}
	h := &reading{store: s, id: a.id, from: first.lsn, all: int64(s.journal.Durable() - first.lsn), tell: tell}
	last, err := s.cut(ctx, first.lsn, moment, func(done journal.LSN) { h.told(done, 0) })
	if err != nil {
		return nil, fmt.Errorf("read the history of account %s: %w", a.id, err)
	}
	if first.lsn != 0 && last == first.lsn && moment.Unix() < first.changed {
		return nil, mail.ErrGone
	}
	for n, snap := range slices.Backward(list) {
		if snap.lsn > last {
			continue
		}
		p, err := h.past(ctx, &snap.snapshot, last)
		if !errors.Is(err, errSnapshot) {
			return p, err
		}
		s.log.Error("store: a snapshot can't be read; going by what is older", "account", a.id, "snapshot", snap.at, "error", err)
		if n == 0 && first.lsn != 0 {
			return nil, fmt.Errorf("read the history of account %s: %w", a.id, err)
		}
	}
	return h.past(ctx, nil, last)
}

// expiredWith says whether nothing before the snapshot can be asked for.
func (a *account) expiredWith(snap *snapshot) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return snap.last.modSeq <= a.last.expired
}

// reading is a history being read.
type reading struct {
	store *Store
	id    mail.AccountID
	from  journal.LSN
	all   int64 // records from there on
	tell  func(done, total int64)
}

// told says how far the reading is, which is done for the nth time.
func (h *reading) told(lsn journal.LSN, n int64) {
	h.tell(min(n*h.all+max(0, int64(lsn)-int64(h.from)), 2*h.all), 2*h.all)
}

// past reads the account as it was at an LSN, from a snapshot on or, without one,
// from the first record.
func (h *reading) past(ctx context.Context, from *snapshot, last journal.LSN) (*past, error) {
	p := newPast(h.id)
	created, n, lsn := from != nil, 0, journal.LSN(0)
	if from != nil {
		if err := p.loadSnapshot(ctx, h.store, from); err != nil {
			return nil, err
		}
		lsn = from.lsn
	}
	err := h.store.journal.Replay(ctx, journal.FamilyStore, lsn+1, func(r journal.Record) error {
		if r.LSN > last {
			return errStop
		}
		if n++; n%progressEvery == 0 {
			h.told(r.LSN, 1)
		}
		c, err := decodeChange(r.Payload)
		if err != nil {
			return err
		}
		for i := range c {
			if c[i].account != h.id || c[i].snapshot() != nil {
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
		return nil, fmt.Errorf("read the history of account %s: %w", h.id, err)
	}
	h.tell(2*h.all, 2*h.all)
	return p, nil
}
