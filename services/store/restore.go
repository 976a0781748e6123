package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// restoreRows is how many messages one record puts back at most: it bounds how
// long others wait for it, since each is looked up.
const restoreRows = 2048

// restoreTries is how often a mailbox may come or go between being looked for
// and being written into, until that is an error.
const restoreTries = 10

// wish is a message that is to be in a mailbox.
type wish struct {
	from  mail.Place // where it was
	row   row
	flags mail.Flags // that it is to have
	again bool       // the mailbox has had the email under another UID too
}

// destination is a mailbox that may have to be made.
type destination struct {
	id   mail.MailboxID // zero: there was none of the name
	name string
	role mail.Role // that it gets when it is made, unless another has it
}

// putting is one piece of a restore: what goes into one mailbox by one record.
type putting struct {
	account *account
	to      destination
	wishes  []wish
	// was is the mailbox as it was, when messages that are there are to get the
	// flags they had; else nil.
	was *table

	present map[uint32][]mail.UID // by email, as the mailbox was at since
	since   mail.ModSeq
	emails  map[mail.EmailID]bool // those that can be brought back, at flushes
	flushes uint64

	// The outcome.
	done    []mail.Restored
	flagged int
}

// errAgain says that a mailbox came or went meanwhile.
var errAgain = errors.New("the mailbox has changed meanwhile")

// Restore puts messages back. Over restoreRows messages, or those of several
// mailboxes, are done in several steps.
func (h *Account) Restore(ctx context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if into != 0 {
		if _, err := h.MailboxByID(ctx, into); err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
	}
	var all []mail.Restored
	for piece := range slices.Chunk(places, restoreRows) {
		done, err := h.restorePiece(ctx, piece, into)
		all = append(all, done...)
		if err != nil {
			return all, fmt.Errorf("restore: %w", err)
		}
	}
	if len(all) > 0 && !slices.ContainsFunc(all, func(r mail.Restored) bool { return r.Outcome != mail.OutcomeGone }) {
		return nil, fmt.Errorf("restore: %w", mail.ErrGone)
	}
	return all, nil
}

func (h *Account) restorePiece(ctx context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error) {
	a := h.a
	rows, err := a.expungedRows(places)
	if err != nil {
		return nil, err
	}
	outcome := map[mail.Place]mail.Restored{}
	groups := map[mail.MailboxID][]wish{}
	for _, p := range places {
		switch e, err := rows[p], a.existed(p); {
		case errors.Is(err, mail.ErrGone):
			outcome[p] = mail.Restored{Source: p, Outcome: mail.OutcomeGone}
		case err != nil:
			return nil, err
		case e.row.uid == 0:
			outcome[p] = a.stillThere(p)
		case outcome[p].Source == mail.Place{}:
			outcome[p] = mail.Restored{Source: p, Outcome: mail.OutcomeGone}
			flags := mail.Flags{System: e.row.system &^ mail.Deleted, Keywords: a.keywords.set(e.row.keywords)}
			groups[p.Mailbox] = append(groups[p.Mailbox], wish{from: p, row: e.row, flags: flags})
		}
	}
	var order []mail.MailboxID
	for _, p := range places {
		if groups[p.Mailbox] != nil && !slices.Contains(order, p.Mailbox) {
			order = append(order, p.Mailbox)
		}
	}
	begun := map[mail.MailboxID]bool{}
	for _, id := range order {
		w := &putting{wishes: groups[id]}
		err := h.putWhere(ctx, verbRestore, w, func() destination { return a.destination(id, into) })
		switch {
		case into == 0 && errors.Is(err, mail.ErrNoMailbox):
			// It has expired meanwhile; the other mailboxes' messages have not.
		case err != nil:
			return restored(places, outcome, begun), err
		default:
			for _, r := range w.done {
				outcome[r.Source] = r
			}
		}
		begun[id] = true
	}
	return restored(places, outcome, nil), nil
}

// restored lists the outcomes in the order of places: all, or those that were in
// mailboxes whose turn it has been.
func restored(places []mail.Place, outcome map[mail.Place]mail.Restored, begun map[mail.MailboxID]bool) []mail.Restored {
	all := make([]mail.Restored, 0, len(places))
	for _, p := range places {
		if begun == nil || begun[p.Mailbox] {
			all = append(all, outcome[p])
		}
	}
	return all
}

// existed says whether a place ever had a message: mail.ErrGone where the
// mailbox is gone for good, of which nothing else is known.
func (a *account) existed(p mail.Place) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	switch m := a.boxes[p.Mailbox]; {
	case m == nil && p.Mailbox > 0 && p.Mailbox <= a.last.mailbox && p.UID > 0:
		return mail.ErrGone
	case m == nil:
		return mail.ErrNoMailbox
	case p.UID == 0 || p.UID >= m.uidNext:
		return mail.ErrNoMessage
	}
	return nil
}

// Traced gives the trace IDs of messages that stand or stood at these places; those of
// which nothing is known any more are left out.
func (h *Account) Traced(_ context.Context, places []mail.Place) ([]mail.Traced, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	gone, err := h.a.expungedRows(places)
	if err != nil {
		return nil, fmt.Errorf("look up messages: %w", err)
	}
	list := make([]mail.Traced, 0, len(places))
	for _, p := range places {
		r := gone[p].row
		if r.uid == 0 {
			if r, _, err = h.a.find(p.Mailbox, p.UID); err != nil {
				continue
			}
		}
		if !r.id.IsZero() {
			list = append(list, mail.Traced{ID: r.id, UID: p.UID})
		}
	}
	return list, nil
}

// stillThere is the outcome of a place that nothing was expunged from, or of
// which nothing is known any more.
func (a *account) stillThere(p mail.Place) mail.Restored {
	if _, _, err := a.find(p.Mailbox, p.UID); err == nil {
		return mail.Restored{Source: p, Target: p, Outcome: mail.OutcomeThere}
	}
	return mail.Restored{Source: p, Outcome: mail.OutcomeGone}
}

// destination says where messages of a mailbox go back to: into the one that was
// asked for, else their own; where that was deleted, into the one that has its
// name now, else into a new one of its name.
func (a *account) destination(from, into mail.MailboxID) destination {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if into != 0 {
		return destination{id: into}
	}
	m := a.boxes[from]
	if m == nil || !m.gone { // that it has expired since will be found out
		return destination{id: from}
	}
	return destination{id: a.names[m.name], name: m.name, role: m.role}
}

// putWhere puts messages into a mailbox that may come or go while it is looked
// for.
func (h *Account) putWhere(ctx context.Context, v verb, w *putting, where func() destination) error {
	for try := 1; ; try++ {
		w.account, w.to = h.a, where()
		err := h.put(ctx, v, w)
		if !errors.Is(err, errAgain) || try == restoreTries {
			return err
		}
	}
}

// put commits one piece. errAgain: the mailbox came or went meanwhile.
func (h *Account) put(ctx context.Context, v verb, w *putting) error {
	a := w.account
	var ids []mail.EmailID
	wanted := map[uint32]bool{}
	for i := range w.wishes {
		ids = append(ids, mail.EmailID(w.wishes[i].row.email))
		wanted[w.wishes[i].row.email] = true
	}
	w.present = map[uint32][]mail.UID{}
	a.mu.RLock()
	w.since, w.flushes = a.last.modSeq, a.flushes
	a.mu.RUnlock()
	// Here the disk is waited for, so that the commit goroutine needn't.
	indexed, err := a.indexedEmails(a.index.read, ids)
	if err != nil {
		return err
	}
	a.mu.RLock()
	w.emails = a.recoverable(ids, indexed)
	a.mu.RUnlock()
	if w.to.id != 0 {
		unpin, err := a.pin(ctx, w.to.id)
		if err != nil {
			return err
		}
		defer unpin()
		err = a.eachRow(ctx, w.to.id, func(r *row) {
			if wanted[r.email] {
				w.present[r.email] = append(w.present[r.email], r.uid)
			}
		})
		if err != nil {
			return err
		}
	}
	return h.change(ctx, v, w.prepare)
}

// prepare decides what becomes of each message, on the commit goroutine.
func (w *putting) prepare(p *pending, at moment) ([]op, error) {
	w.done, w.flagged = nil, 0
	if err := w.look(p); err != nil {
		return nil, err
	}
	id, next, ops, err := w.target(p, at)
	if err != nil {
		return nil, err
	}
	put := putBack{mailbox: id, first: next}
	flags := newFlagGroups(p)
	given := map[uint32]mail.UID{} // of this piece
	for i := range w.wishes {
		m := &w.wishes[i]
		there := w.there(p, id, m)
		if there.uid == 0 {
			there.uid = given[m.row.email]
		} else if w.sets(id, m, there.uid) {
			changed, err := flags.add(&there, m.flags)
			if err != nil {
				return nil, err
			}
			w.flagged += changed
		}
		switch {
		case there.uid != 0:
			w.done = append(w.done, mail.Restored{Source: m.from, Target: mail.Place{Mailbox: id, UID: there.uid}, Outcome: mail.OutcomeThere})
			continue
		case !w.emails[mail.EmailID(m.row.email)]:
			w.done = append(w.done, mail.Restored{Source: m.from, Outcome: mail.OutcomeGone})
			continue
		case next == maxNumber:
			return nil, mail.ErrTooMany
		}
		if _, err := p.keywordSets().give(m.flags.Keywords); err != nil {
			return nil, err
		}
		put.entries = append(put.entries, putBackEntry{
			email: mail.EmailID(m.row.email), thread: mail.ThreadID(m.row.thread), size: m.row.size, flags: m.flags, when: m.row.when, id: m.row.id, marks: m.row.marks &^ markGone,
		})
		given[m.row.email] = next
		w.done = append(w.done, mail.Restored{Source: m.from, Target: mail.Place{Mailbox: id, UID: next}, Outcome: mail.OutcomeBack})
		next++
	}
	if len(put.entries) == 0 {
		ops = nil // no mailbox is made for nothing
	} else {
		ops = append(ops, put)
	}
	return append(ops, flags.ops(id)...), nil
}

// sets reports whether a message that is there gets the flags of the wish: it is
// the one, or has come in its place.
func (w *putting) sets(id mail.MailboxID, m *wish, uid mail.UID) bool {
	if w.was == nil {
		return false
	}
	return m.from == mail.Place{Mailbox: id, UID: uid} || !m.again && w.was.get(uid) == nil
}

// look brings what was looked up before up to the moment of the commit.
func (w *putting) look(p *pending) error {
	a := p.under
	if a.flushes != w.flushes {
		// A checkpoint, or what removes for good, has been at the index.
		ids := slices.Collect(maps.Keys(w.emails))
		indexed, err := a.indexedEmails(a.index.view, ids)
		if err != nil {
			return err
		}
		w.emails, w.flushes = a.recoverable(ids, indexed), a.flushes
	}
	note := func(r *row) {
		if _, wanted := w.emails[mail.EmailID(r.email)]; wanted && !slices.Contains(w.present[r.email], r.uid) {
			w.present[r.email] = append(w.present[r.email], r.uid)
		}
	}
	if m := a.boxes[w.to.id]; m != nil && !m.gone {
		for r := range m.rows.after(w.since) {
			note(r)
		}
	}
	for r := range p.rows[w.to.id].all() {
		note(r)
	}
	return nil
}

// target gives the mailbox, its next UID, and the ops that make it.
func (w *putting) target(p *pending, at moment) (mail.MailboxID, mail.UID, []op, error) {
	if w.to.id != 0 {
		b := p.box(w.to.id)
		if b == nil || b.gone {
			if w.to.name != "" {
				return 0, 0, nil, errAgain
			}
			return 0, 0, nil, mail.ErrNoMailbox
		}
		return b.id, b.uidNext, nil, nil
	}
	if p.byName(w.to.name) != nil {
		return 0, 0, nil, errAgain
	}
	c := newCreation(p, at)
	c.createAbove(w.to.name)
	role := w.to.role
	if p.byRole(role) != nil {
		role = mail.RoleNone
	}
	id := c.create(w.to.name, role)
	if c.tooMany() {
		return 0, 0, nil, mail.ErrTooMany
	}
	return id, 1, c.ops, nil
}

// there finds the message in the mailbox: under the UID that it had, or the
// lowest that its email has now. The zero row: it is not there.
func (w *putting) there(p *pending, id mail.MailboxID, m *wish) row {
	if w.to.id == 0 {
		return row{} // the mailbox is being made
	}
	if m.from.Mailbox == id {
		if r, ok, err := p.row(id, m.from.UID); err == nil && ok && r.email == m.row.email {
			return r
		}
	}
	for _, uid := range w.present[m.row.email] {
		if r, ok, err := p.row(id, uid); err == nil && ok && r.email == m.row.email {
			return r
		}
	}
	return row{}
}

// flagGroups gathers messages that get the same flags into one op each.
type flagGroups struct {
	keywords *keywords
	order    []flagKey
	uids     map[flagKey][]mail.UID
}

type flagKey struct {
	system   mail.SystemFlags
	keywords uint16
}

func newFlagGroups(p *pending) *flagGroups {
	return &flagGroups{keywords: p.keywordSets(), uids: map[flagKey][]mail.UID{}}
}

// add notes that a message gets flags; 0 when it has them.
func (g *flagGroups) add(r *row, flags mail.Flags) (changed int, err error) {
	if flags.Equal(mail.Flags{System: r.system, Keywords: g.keywords.set(r.keywords)}) {
		return 0, nil
	}
	n, err := g.keywords.give(flags.Keywords)
	if err != nil {
		return 0, err
	}
	k := flagKey{flags.System, n}
	if g.uids[k] == nil {
		g.order = append(g.order, k)
	}
	g.uids[k] = append(g.uids[k], r.uid)
	return 1, nil
}

func (g *flagGroups) ops(id mail.MailboxID) []op {
	var ops []op
	for _, k := range g.order {
		ops = append(ops, setFlags{id, mail.Flags{System: k.system, Keywords: g.keywords.set(k.keywords)}, mail.SetOf(g.uids[k]...)})
	}
	return ops
}

// indexedEmails says of which emails the index knows that they are there, or
// have been gone for less than the retention. view is index.read, or index.view
// for whoever holds mu.
func (a *account) indexedEmails(view func(func(*bolt.Tx) error) error, ids []mail.EmailID) (map[mail.EmailID]bool, error) {
	found := map[mail.EmailID]bool{}
	// Where time is counted, what no entry refers to any more may go at any moment.
	counted := a.store.count.Load() != nil
	err := view(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("emails"))
		for _, id := range ids {
			v := b.Get(key64(id))
			if v == nil {
				continue
			}
			m, err := decodeEmail(id, v)
			if err != nil {
				return err
			}
			found[id] = m.live > 0 || counted && m.kept > 0 || !counted && !a.store.isOver(m.goneTime)
		}
		return nil
	})
	return found, err
}

// recoverable adds to what the index knows of emails what is not in it yet; every
// one of ids is in the answer. The caller holds mu, or is the commit goroutine.
func (a *account) recoverable(ids []mail.EmailID, indexed map[mail.EmailID]bool) map[mail.EmailID]bool {
	all := map[mail.EmailID]bool{}
	for _, id := range ids {
		_, recent := a.dirty.emails[id]
		if a.flushing != nil && !recent {
			_, recent = a.flushing.emails[id]
		}
		all[id] = (indexed[id] || recent) && !a.reaping[id]
	}
	return all
}

// expungedRows finds rows that are gone and can be put back: expunged ones, and
// those of deleted mailboxes.
func (a *account) expungedRows(places []mail.Place) (map[mail.Place]expungedRow, error) {
	found, err := a.recentRows(places)
	if err != nil {
		return nil, err
	}
	err = a.index.read(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("expunged"))
		for _, p := range places {
			v := b.Get(expungedKey(p.Mailbox, p.UID))
			if v == nil {
				continue
			}
			r, left, err := decodeExpunged(v)
			if err != nil {
				return err
			}
			found[p] = expungedRow{p.Mailbox, r, left}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.mu.RLock()
	expired := a.last.expired
	a.mu.RUnlock()
	maps.DeleteFunc(found, func(_ mail.Place, e expungedRow) bool {
		return a.store.isOver(e.left.unix) || e.row.gone() && e.row.modSeq <= expired
	})
	return found, nil
}

// recentRows is expungedRows of what the index need not be asked for. It comes
// first, so that nothing slips through while a checkpoint moves it there.
func (a *account) recentRows(places []mail.Place) (map[mail.Place]expungedRow, error) {
	found := map[mail.Place]expungedRow{}
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, p := range places {
		for _, o := range []*overlay{a.flushing, &a.dirty} {
			if o == nil {
				continue
			}
			if r := o.rows[p.Mailbox].get(p.UID); r != nil && r.gone() {
				found[p] = expungedRow{p.Mailbox, *r, o.left[r.modSeq]}
			}
		}
		if _, ok := found[p]; ok {
			continue
		}
		if m := a.boxes[p.Mailbox]; m != nil && m.gone {
			r, ok, err := a.row(p.Mailbox, p.UID)
			if err != nil {
				return nil, err
			}
			if ok {
				found[p] = expungedRow{p.Mailbox, r, leaving{m.goneTime.Unix(), verbMailboxDelete}}
			}
		}
	}
	return found, nil
}

// applyPutBack adds the rows of emails that are there already.
func applyPutBack(l ledger, o *putBack, seq mail.ModSeq, at moment) error {
	b, err := livingBox(l, o.mailbox)
	if err != nil {
		return err
	}
	for i := range o.entries {
		m := &o.entries[i]
		set, err := l.keywordSets().number(m.flags.Keywords)
		if err != nil {
			return err
		}
		appendRow(l, b, row{
			modSeq: seq, when: m.when, id: m.id, uid: o.first + mail.UID(i), size: m.size,
			email: uint32(m.email), thread: uint32(m.thread), saved: uint32(at.time.Unix()),
			keywords: set, system: m.flags.System, marks: m.marks,
		})
	}
	return nil
}
