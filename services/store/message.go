package store

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// pieceRows is how many messages one record changes at most, for SetFlags and
// Expunge, which need not be done in one step. It bounds the record, the time
// that others wait for it, and what one ModSeq stands for.
const pieceRows = 16384

// everyUID is the set of all UIDs there can be.
func everyUID() mail.UIDSet {
	return mail.UIDSet{{First: 1, Last: maxNumber}}
}

// pieces calls do for the existing messages of the set, as many as go into one
// record at a time.
func (h *Account) pieces(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, do func(piece mail.UIDSet) error) error {
	next := mail.UID(1)
	for {
		var piece mail.UIDSet
		n := 0
		h.a.mu.RLock()
		m, err := h.a.living(mailbox)
		if err != nil {
			h.a.mu.RUnlock()
			return err
		}
		for r := range m.rows.in(from(set, next)) {
			piece = piece.Add(r.uid)
			if n++; n == pieceRows {
				break
			}
		}
		h.a.mu.RUnlock()
		if n == 0 {
			return nil
		}
		if err := do(piece); err != nil {
			return err
		}
		last := piece[len(piece)-1].Last
		if n < pieceRows || last == maxNumber {
			return nil
		}
		next = last + 1
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// from is the part of the set with this UID or higher ones.
func from(set mail.UIDSet, uid mail.UID) mail.UIDSet {
	for i, r := range set {
		if r.Last < uid {
			continue
		}
		rest := append(mail.UIDSet(nil), set[i:]...)
		rest[0].First = max(rest[0].First, uid)
		return rest
	}
	return nil
}

// SetFlags changes flags. Over pieceRows messages it is done in several steps:
// an error or a power cut in between leaves the earlier ones done.
func (h *Account) SetFlags(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, op mail.FlagOp, flags mail.Flags, unchangedSince *mail.ModSeq) (mail.UIDSet, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if err := flags.Check(); err != nil {
		return nil, err
	}
	unpin, err := h.a.pin(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	defer unpin()
	w := flagging{mailbox: mailbox, op: op, flags: flags, unchangedSince: unchangedSince}
	var modified mail.UIDSet
	err = h.pieces(ctx, mailbox, set, func(piece mail.UIDSet) error {
		w.set = piece
		if err := h.change(ctx, verbFlags, w.prepare); err != nil {
			return err
		}
		for uid := range w.modified.All() {
			modified = modified.Add(uid)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("set flags: %w", err)
	}
	return modified, nil
}

// flagging is one piece of SetFlags.
type flagging struct {
	mailbox        mail.MailboxID
	set            mail.UIDSet
	op             mail.FlagOp
	flags          mail.Flags
	unchangedSince *mail.ModSeq
	modified       mail.UIDSet // out: those that had changed
}

// prepare works out which messages get which flags. Messages that get the same
// share an op.
func (w *flagging) prepare(p *pending, _ moment) ([]op, error) {
	if _, err := livingBox(p, w.mailbox); err != nil {
		return nil, err
	}
	w.modified = nil
	type outcome struct {
		system   mail.SystemFlags
		keywords uint16
	}
	outcomes := map[outcome]mail.Flags{} // by what the flags were
	groups := map[outcome]mail.UIDSet{}  // by what they become
	var order []outcome
	k := p.keywordSets()
	for r := range p.in(w.mailbox, w.set) {
		if w.unchangedSince != nil && r.modSeq > *w.unchangedSince {
			w.modified = w.modified.Add(r.uid)
			continue
		}
		before := outcome{r.system, r.keywords}
		after, ok := outcomes[before]
		if !ok {
			after = w.op.Apply(mail.Flags{System: r.system, Keywords: k.set(r.keywords)}, w.flags)
			if err := after.Check(); err != nil {
				return nil, err
			}
			outcomes[before] = after
		}
		if after.Equal(mail.Flags{System: r.system, Keywords: k.set(r.keywords)}) {
			continue
		}
		n, err := k.give(after.Keywords)
		if err != nil {
			return nil, err
		}
		group := outcome{after.System, n}
		if _, ok := groups[group]; !ok {
			order = append(order, group)
		}
		groups[group] = groups[group].Add(r.uid)
	}
	var ops []op
	for _, g := range order {
		ops = append(ops, setFlags{w.mailbox, mail.Flags{System: g.system, Keywords: k.set(g.keywords)}, groups[g]})
	}
	return ops, nil
}

// Copy copies messages, all or none.
func (h *Account) Copy(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	return h.copy(ctx, verbCopy, from, set, to)
}

// Move copies messages and takes them away from the source, in one step.
func (h *Account) Move(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	return h.copy(ctx, verbMove, from, set, to)
}

func (h *Account) copy(ctx context.Context, v verb, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	if err := h.check(); err != nil {
		return mail.Copied{}, err
	}
	unpin, err := h.a.pin(ctx, from)
	if err != nil {
		return mail.Copied{}, err
	}
	defer unpin()
	var done mail.Copied
	err = h.change(ctx, v, func(p *pending, _ moment) ([]op, error) {
		if _, err := livingBox(p, from); err != nil {
			return nil, err
		}
		target, err := livingBox(p, to)
		if err != nil {
			return nil, err
		}
		done = mail.Copied{UIDValidity: target.validity}
		more, uids := mail.Usage{}, mail.UIDSet(nil)
		for r := range p.in(from, set) {
			more.Messages++
			more.Bytes += int64(r.size)
			uids = uids.Add(r.uid)
		}
		if len(uids) == 0 {
			return nil, nil
		}
		if uint64(target.uidNext)+uint64(more.Messages) > maxNumber {
			return nil, mail.ErrTooMany
		}
		if v == verbCopy {
			if err := p.fits(more); err != nil {
				return nil, err
			}
		}
		done.Source, done.Target = make([]mail.UID, 0, more.Messages), make([]mail.UID, 0, more.Messages)
		for uid := range uids.All() {
			done.Source = append(done.Source, uid)
			done.Target = append(done.Target, target.uidNext+mail.UID(len(done.Target)))
		}
		ops := []op{copyTo{from: from, to: to, uids: uids, first: target.uidNext}}
		if v == verbMove {
			ops = append(ops, remove{from, uids})
		}
		return ops, nil
	})
	if err != nil {
		return mail.Copied{}, fmt.Errorf("copy: %w", err)
	}
	return done, nil
}

// Expunge takes messages away and says which. Over pieceRows messages it is
// done in several steps, as SetFlags.
func (h *Account) Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	unpin, err := h.a.pin(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	defer unpin()
	if set == nil && onlyDeleted {
		set = everyUID()
	}
	var expunged mail.UIDSet
	err = h.pieces(ctx, mailbox, set, func(piece mail.UIDSet) error {
		var gone mail.UIDSet
		err := h.change(ctx, verbExpunge, func(p *pending, _ moment) ([]op, error) {
			if _, err := livingBox(p, mailbox); err != nil {
				return nil, err
			}
			gone = nil
			for r := range p.in(mailbox, piece) {
				if !onlyDeleted || r.system&mail.Deleted != 0 {
					gone = gone.Add(r.uid)
				}
			}
			if len(gone) == 0 {
				return nil, nil
			}
			return []op{remove{mailbox, gone}}, nil
		})
		if err != nil {
			return err
		}
		for uid := range gone.All() {
			expunged = expunged.Add(uid)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("expunge: %w", err)
	}
	return expunged, nil
}
