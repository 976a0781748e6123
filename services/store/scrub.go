package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Health is how the disk's contents are, as far as the background knows.
type Health struct {
	Space journal.Usage // zero until the first compaction since the start
	Freed int64         // bytes given back since the box was set up
	// LastScrub is when everything had last been read; zero: never yet.
	LastScrub time.Time
	// NextScrub is when reading everything begins again at the latest; zero: it is
	// going on.
	NextScrub time.Time
	Damage    []Hurt // messages that can't be read any more
	// Trouble is why the last pass could not do all that was due; nil: it could.
	Trouble error
}

// Hurt is a message whose body is damaged on the disk.
type Hurt struct {
	Account  mail.AccountID
	Mailbox  string
	UID      mail.UID
	Subject  string // "" when that can't be read either
	Received time.Time
	ID       mail.ID
	Body     journal.BodyRef
}

// String is for people: the console and the log.
func (h Hurt) String() string {
	subject := "a message whose subject can't be read either"
	if h.Subject != "" {
		subject = fmt.Sprintf("the message %q", h.Subject)
	}
	return fmt.Sprintf("account %s, mailbox %s: %s, received %s (UID %d, id %s), is damaged on the disk: restore it from a backup, and have the disk looked at",
		h.Account, h.Mailbox, subject, h.Received.Format("2006-01-02 15:04"), h.UID, h.ID)
}

// Health says how things are. It waits for nothing.
func (u *Upkeep) Health() Health {
	u.healthLock.Lock()
	defer u.healthLock.Unlock()
	h := u.health
	h.Damage = slices.Clone(h.Damage)
	return h
}

// publish brings Health up to date.
func (u *Upkeep) publish() {
	u.healthLock.Lock()
	defer u.healthLock.Unlock()
	h := &u.health
	h.Freed, h.LastScrub, h.NextScrub = u.state.freed, time.Time{}, time.Time{}
	if u.state.scrubDone != 0 {
		h.LastScrub = time.Unix(u.state.scrubDone, 0).UTC()
		if u.state.scrubbed == 0 {
			h.NextScrub = u.store.now().Add(scrubEvery - (u.state.elapsed - u.state.scrubBase)).UTC()
		}
	}
}

// scrub reads the next part of everything, if it is time.
func (u *Upkeep) scrub(ctx context.Context) error {
	s := &u.state
	if s.scrubbed == 0 && s.scrubDone != 0 && s.elapsed-s.scrubBase < scrubEvery {
		u.publish()
		return nil
	}
	if s.scrubbed == 0 {
		s.scrubBase = s.elapsed
	}
	numbers := u.store.journal.Segments()
	part := max(1, (len(numbers)+scrubPasses-1)/scrubPasses)
	done := true
	for _, number := range numbers {
		if number <= s.scrubbed {
			continue
		}
		if part--; part < 0 {
			done = false
			break
		}
		if err := u.read(ctx, number); err != nil {
			return err
		}
		s.scrubbed = number
	}
	if done {
		s.scrubbed, s.scrubDone = 0, u.store.now().Unix()
	}
	if err := u.findHurt(ctx); err != nil {
		return err
	}
	u.publish()
	return s.save(u.store)
}

// read reads a segment and notes the bodies of it that can't be read.
func (u *Upkeep) read(ctx context.Context, number uint32) error {
	bad, err := u.store.journal.ScrubSegment(ctx, number, u.pace)
	if err != nil {
		return err
	}
	// What the round before found stays until its segment is read again.
	hurt := slices.DeleteFunc(u.state.hurt, func(r journal.BodyRef) bool { return r.Segment == number })
	hurt = append(hurt, bad...)
	u.state.hurt = hurt[:min(len(hurt), maxHurt)]
	return nil
}

// findHurt says in Health, and in the log what is new, which messages the damaged
// bodies are of.
func (u *Upkeep) findHurt(ctx context.Context) error {
	hurt, err := u.store.hurt(ctx, u.state.hurt)
	if err != nil {
		return err
	}
	u.healthLock.Lock()
	defer u.healthLock.Unlock()
	for _, h := range hurt {
		if !slices.Contains(u.health.Damage, h) {
			u.opts.Logger.Error("store: a message is damaged on the disk", "what", h.String())
		}
	}
	u.health.Damage = hurt
	return nil
}

// hurt says which messages the bodies are of, in mailboxes that are there.
func (s *Store) hurt(ctx context.Context, refs []journal.BodyRef) ([]Hurt, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	var list []Hurt
	for _, id := range ids {
		a, err := s.anyAccount(ctx, id)
		if err != nil {
			return nil, err
		}
		if a.removed() {
			continue
		}
		of, err := a.emailsOf(refs)
		if err != nil {
			return nil, fmt.Errorf("look for damaged messages of account %s: %w", id, err)
		}
		for _, email := range slices.Sorted(maps.Keys(of)) {
			entries, err := (&Account{a}).Entries(ctx, email)
			if err != nil {
				continue // it stands nowhere any more
			}
			for _, e := range entries {
				list = append(list, a.describeHurt(e, of[email]))
			}
		}
	}
	return list, nil
}

// emailsOf finds the emails of bodies.
func (a *account) emailsOf(refs []journal.BodyRef) (map[mail.EmailID]journal.BodyRef, error) {
	of := map[mail.EmailID]journal.BodyRef{}
	if err := a.checkpoint(); err != nil {
		return nil, err
	}
	err := a.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("emails")).ForEach(func(k, v []byte) error {
				m, err := decodeEmail(mail.EmailID(binary.BigEndian.Uint64(k)), v)
				if err == nil && slices.Contains(refs, m.body) {
					of[mail.EmailID(binary.BigEndian.Uint64(k))] = m.body
				}
				return err
			})
		})
	})
	return of, err
}

func (a *account) describeHurt(e mail.Entry, ref journal.BodyRef) Hurt {
	h := Hurt{Account: a.id, UID: e.Row.UID, Received: e.Row.Internal, ID: e.Row.ID, Body: ref}
	a.mu.RLock()
	if m := a.boxes[e.Mailbox]; m != nil {
		h.Mailbox = m.name
	}
	a.mu.RUnlock()
	if d, err := a.store.digest(ref); err == nil {
		h.Subject = d.Subject()
	}
	return h
}
