package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

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

// hurt says which messages the bodies are of, in mailboxes that are there, and
// those of segments of which something is damaged, where their bodies can't even be
// opened: of these the journal need not know.
func (s *Store) hurt(ctx context.Context, refs []journal.BodyRef) ([]Hurt, error) {
	bad := hurting{refs: map[journal.BodyRef]bool{}, segments: map[uint32]bool{}}
	for _, ref := range refs {
		bad.refs[ref] = true
	}
	for _, d := range s.journal.Damage() {
		bad.segments[d.Segment] = true
	}
	if len(bad.refs) == 0 && len(bad.segments) == 0 {
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
		of, err := a.emailsOf(&bad)
		if err != nil {
			return nil, fmt.Errorf("look for damaged messages of account %s: %w", id, err)
		}
		for _, email := range slices.Sorted(maps.Keys(of)) {
			entries, err := (&Account{a}).Entries(ctx, email)
			if err != nil {
				continue // it stands nowhere any more
			}
			for _, e := range entries {
				if len(list) == maxHurt {
					return list, nil
				}
				list = append(list, a.describeHurt(e, of[email]))
			}
		}
	}
	return list, nil
}

// hurting is what is looked for in the indexes.
type hurting struct {
	refs     map[journal.BodyRef]bool
	segments map[uint32]bool
}

// emailsOf finds the emails of bodies.
func (a *account) emailsOf(bad *hurting) (map[mail.EmailID]journal.BodyRef, error) {
	of, doubtful := map[mail.EmailID]journal.BodyRef{}, map[mail.EmailID]journal.BodyRef{}
	if err := a.checkpoint(); err != nil {
		return nil, err
	}
	err := a.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("emails")).ForEach(func(k, v []byte) error {
				id := mail.EmailID(binary.BigEndian.Uint64(k))
				m, err := decodeEmail(id, v)
				switch {
				case err != nil:
					return err
				case bad.refs[m.body]:
					of[id] = m.body
				case bad.segments[m.body.Segment]:
					doubtful[id] = m.body
				}
				return nil
			})
		})
	})
	for id, ref := range doubtful {
		body, err := a.store.journal.Body(ref)
		if err == nil {
			_ = body.Close() // it can be opened: the reading of its segment says the rest
		} else if errors.Is(bodyError(err), mail.ErrDamaged) {
			of[id] = ref
		}
	}
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
