package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// errSnapshot says that a snapshot can't be read: an older one, or the records
// before it, are to be read in its place.
var errSnapshot = errors.New("damaged snapshot")

func unixTime(unix int64) time.Time { return time.Unix(unix, 0) }

// readSnapshot gives fn all that a snapshot holds, in its order. An error of fn
// ends it; errSnapshot when something of it is lost or damaged.
func (s *Store) readSnapshot(ctx context.Context, snap *snapshot, fn func(item any) error) error {
	items := uint64(0)
	for _, p := range snap.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		part, err := s.readPart(p)
		if err != nil {
			return err
		}
		n, err := eachItem(part, fn)
		if err != nil {
			return err
		}
		items += n
	}
	if items != snap.items {
		return fmt.Errorf("it has %d items of %d: %w", items, snap.items, errSnapshot)
	}
	return nil
}

func (s *Store) readPart(p snapshotPart) ([]byte, error) {
	b, err := s.journal.Body(p.body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	defer b.Close()
	part := make([]byte, p.size)
	size, err := b.Size()
	if err == nil && size != p.size {
		err = journal.ErrDamaged
	}
	if err == nil {
		_, err = b.ReadAt(part, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: part in %s: %w", errSnapshot, p.body, err)
	}
	return part, nil
}

// snapshotLoader puts a snapshot into an account that has nothing yet.
type snapshotLoader struct {
	account *account
	numbers map[uint16]uint16 // of keywords here, by those of the snapshot
}

// loadSnapshot makes an empty account what it was when the snapshot was taken. It
// goes into the index as it comes, so that memory holds little of it.
func (a *account) loadSnapshot(ctx context.Context, snap *snapshot) error {
	l := &snapshotLoader{account: a, numbers: map[uint16]uint16{0: 0}}
	a.last, a.floor, a.applied = snap.last, snap.floor, snap.lsn
	if err := a.store.readSnapshot(ctx, snap, l.take); err != nil {
		return err
	}
	var usage mail.Usage
	for _, m := range a.boxes {
		usage.Messages += m.usage().Messages
		usage.Bytes += m.usage().Bytes
	}
	if usage != snap.last.usage {
		return fmt.Errorf("its mailboxes hold %+v, noted are %+v: %w", usage, snap.last.usage, errSnapshot)
	}
	l.account.unwritten()
	return nil
}

// unwritten has the next checkpoint write, although the index has this LSN.
func (a *account) unwritten() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.indexed == a.applied {
		a.indexed--
	}
}

func (l *snapshotLoader) take(item any) error {
	a := l.account
	a.mu.Lock()
	err := l.put(item)
	full := a.dirty.size >= checkpointAfter
	a.mu.Unlock()
	if err != nil || !full {
		return err
	}
	a.unwritten()
	return a.checkpoint()
}

// put takes one item over. The caller holds mu.
func (l *snapshotLoader) put(item any) (err error) {
	a := l.account
	switch o := item.(type) {
	case keywordItem:
		l.numbers[o.number], err = a.keywords.number(o.names)
		return err
	case box:
		// Its rows go into the index, and are read from there when they are asked for.
		a.boxes[o.id] = &mailbox{box: o, vanishedFrom: a.last.modSeq}
		a.dirty.boxes[o.id] = true
		a.dirty.size++
		if !o.gone {
			a.names[o.name] = o.id
		}
	case subscribe:
		a.setSubscribed(o.name, true)
	case emailItem:
		a.putEmail(o.id, o.email)
	case rowItem:
		if err := l.known(o.mailbox, &o.row); err != nil {
			return err
		}
		a.boxes[o.mailbox].count(&o.row)
		a.dirty.putRow(o.mailbox, o.row)
		a.dirty.boxes[o.mailbox] = true
	case expungedRow:
		if err := l.known(o.mailbox, &o.row); err != nil {
			return err
		}
		a.dirty.putRow(o.mailbox, o.row)
		a.dirty.left[o.row.modSeq] = o.left
	case threadItem:
		a.setThread(o.key, o.thread)
	case *feedEntry:
		a.putFeed(*o)
		a.dirty.size++
	}
	return nil
}

// known gives a row the account's number of its keywords.
func (l *snapshotLoader) known(id mail.MailboxID, r *row) error {
	n, ok := l.numbers[r.keywords]
	if !ok || l.account.boxes[id] == nil {
		return fmt.Errorf("message %d of mailbox %s: %w", r.uid, id, errSnapshot)
	}
	r.keywords = n
	return nil
}

// loadSnapshot makes the past what the snapshot has of it: mailboxes and the
// messages in them.
func (p *past) loadSnapshot(ctx context.Context, s *Store, snap *snapshot) error {
	numbers := map[uint16]uint16{0: 0}
	p.last = snap.last
	err := s.readSnapshot(ctx, snap, func(item any) (err error) {
		switch o := item.(type) {
		case keywordItem:
			numbers[o.number], err = p.words.number(o.names)
			return err
		case box:
			p.addBox(o)
		case rowItem:
			n, ok := numbers[o.row.keywords]
			if !ok || p.boxes[o.mailbox] == nil {
				return errSnapshot
			}
			o.row.keywords = n
			p.boxes[o.mailbox].count(&o.row)
			p.putRow(o.mailbox, o.row)
		case expungedRow, threadItem, *feedEntry:
			return errStop // nothing that is asked for comes behind
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
