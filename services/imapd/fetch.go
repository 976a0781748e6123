package imapd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// fetch is FETCH and UID FETCH (RFC 9051 §6.4.5), with the CHANGEDSINCE and
// VANISHED of RFC 7162 §3.1.4.1 and §3.2.6.
type fetch struct {
	set          wire.NumSet
	byUID        bool
	items        []fetchItem
	uidImplied   bool // the first item, UID, is there without having been asked for
	changedSince *mail.ModSeq
	vanished     bool    // tell what is gone since then
	part         *partOf // only these of them
}

func parseFetch(byUID bool) func(*parser) request {
	return func(p *parser) request {
		p.SP()
		c := fetch{byUID: byUID, set: p.NumSet()}
		p.SP()
		c.items = p.fetchItems()
		for p.Accept(' ') {
			p.List(func() { c.modifier(p) })
		}
		if c.byUID && !c.asks("UID") {
			c.items, c.uidImplied = slices.Insert(c.items, 0, fetchItem{name: "UID"}), true
		}
		if c.vanished && c.changedSince == nil {
			p.Failf("VANISHED goes with CHANGEDSINCE only")
		}
		if c.changedSince != nil && !c.asks("MODSEQ") {
			c.items = append(c.items, fetchItem{name: "MODSEQ"})
		}
		return c
	}
}

// modifier reads one modifier behind the items. Behind a bare PREVIEW it may be
// that item's own.
func (c *fetch) modifier(p *parser) {
	switch name := p.Keyword(); {
	case p.Err() != nil:
	case name == "CHANGEDSINCE":
		p.SP()
		since := mail.ModSeq(p.Number64())
		c.changedSince = &since
	case name == "PARTIAL" && c.byUID && c.part == nil:
		c.part = p.partOf()
	case name == "VANISHED" && c.byUID:
		c.vanished = true
	case name == "LAZY" && len(c.items) == 1 && c.items[0].name == "PREVIEW":
	default:
		p.Failf("FETCH has no modifier %.30s", name)
	}
}

func (c fetch) asks(name itemName) bool {
	return slices.ContainsFunc(c.items, func(it fetchItem) bool { return it.name == name })
}

func (c fetch) run(ctx context.Context, s *session) error {
	v := s.view
	set, ok := v.resolve(c.set, c.byUID)
	if !ok {
		return noSuchNumber()
	}
	if c.vanished && !s.qresync {
		return bad("ENABLE QRESYNC comes first") // RFC 7162 §3.2.6
	}
	if s.uidOnly && c.uidImplied {
		c.items = c.items[1:]
	}
	if c.asks("MODSEQ") {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	if c.vanished {
		if err := c.fetchVanished(ctx, s); err != nil {
			return err
		}
	}
	if c.part != nil {
		if limit := s.server.messageLimit(); v.messages.len() > limit && c.part.last-c.part.first >= int64(limit) {
			return s.tooMany() // RFC 9738 §3.1
		}
		var err error
		if set, err = c.narrow(ctx, s, set); err != nil {
			return err
		}
	}
	run := fetchRun{fetch: c, session: s}
	run.plan()
	rights, err := s.rights(ctx, v.mailbox)
	if err != nil {
		return err
	}
	run.setsSeen = run.setsSeen && rights.Has(mail.RightSeen) // RFC 4314 §4: reading does not fail for it
	set = s.limited(set)
	err = run.fromLast(ctx, set)
	if len(run.seen) > 0 {
		// One change for all of them, when they have been sent: what a client
		// that was cut off never got stays unread. The update that ends the
		// command tells it.
		_, e := s.account.SetFlags(context.WithoutCancel(ctx), v.mailbox, run.seen, mail.FlagsAdd, mail.Flags{System: mail.Seen}, nil)
		switch {
		case denied(e): // since just now
		case errors.Is(e, mail.ErrNoSpace), errors.Is(e, mail.ErrReadOnly):
			// On such a disk reading still works: they stay unread.
			s.log.Warn("messages can't be marked as seen", "mailbox", v.mailbox.String(), "err", e)
		case e != nil && err == nil:
			err = fmt.Errorf("mark messages of mailbox %s as seen: %w", v.mailbox, e)
		}
	}
	if err != nil {
		return err
	}
	if run.trouble != nil {
		return run.trouble
	}
	if c.changedSince == nil && !c.byUID && run.answered < v.count(set) {
		return mail.ErrNoMessage // RFC 2180 §4.1.2
	}
	return nil
}

// fetchRun is one FETCH at work.
type fetchRun struct {
	fetch
	*session
	needsMessage, needsDigest bool
	setsSeen, tellsFlags      bool
	takesText                 bool // more of messages than their headers

	ahead    *aheadDigest // the message in hand, where digests are read ahead (fetchahead.go)
	answered int
	seen     mail.UIDSet // to get \Seen
	trouble  error       // why a message could not be read: told when the others have been answered
}

// plan looks at the items once for all messages.
func (f *fetchRun) plan() {
	f.tellsFlags = f.asks("FLAGS")
	for _, it := range f.items {
		digest, body := it.needs()
		f.needsDigest = f.needsDigest || digest
		f.needsMessage = f.needsMessage || digest || body
		f.setsSeen = f.setsSeen || body && !it.peek && !f.view.readOnly
		f.takesText = f.takesText || it.isText()
	}
}

// all answers for every message of set that the client knows.
func (f *fetchRun) all(ctx context.Context, set mail.UIDSet) error {
	var waiting []aheadDigest
	readsAhead := f.readsAhead()
	walked, goal := 0, f.view.count(set)
	for row, err := range f.account.Rows(ctx, f.view.mailbox, set) {
		if err != nil {
			return fmt.Errorf("read index of mailbox %s: %w", f.view.mailbox, err)
		}
		walked++
		f.working(walked, goal)
		seq := f.view.seq(row.UID)
		if seq == 0 || f.changedSince != nil && row.ModSeq <= *f.changedSince {
			continue
		}
		if readsAhead {
			if waiting = append(waiting, aheadDigest{seq: seq, row: row}); len(waiting) < aheadRows {
				continue
			}
			if err := f.answerAhead(ctx, waiting); err != nil {
				return err
			}
			waiting = waiting[:0]
			continue
		}
		if err := f.one(ctx, seq, &row); err != nil {
			return err
		}
		if err := f.w.Err(); err != nil {
			return err
		}
	}
	return f.answerAhead(ctx, waiting)
}

// one answers for one message.
func (f *fetchRun) one(ctx context.Context, seq mail.SeqNum, row *mail.Row) error {
	var opened fetched
	if f.needsMessage {
		var err error
		opened, err = f.open(ctx, row.UID)
		defer opened.close()
		if errors.Is(err, mail.ErrNoMessage) {
			return nil
		}
		if err != nil {
			return f.skip(row, err)
		}
	}
	if f.tellsFlags {
		f.tellKeywords(row.Flags)
		f.view.tell(row)
	}
	f.fetchStart(seq, row.UID)
	for i, it := range f.items {
		if i > 0 {
			f.w.SP()
		}
		if err := f.writeItem(it, row, opened, i); err != nil {
			if f.w.Err() != nil {
				return f.w.Err()
			}
			f.log.Error("message could not be sent to its end", "id", row.ID.String(), "verb", "fetch", "err", err)
			return errHangUp // a literal can't be finished
		}
	}
	f.w.Raw(")\r\n")
	f.answered++
	if f.setsSeen {
		f.wasRead(row)
	}
	if trail := f.server.options.Trail; trail != nil && f.takesText {
		trail.Read(&f.visit, row)
	}
	return nil
}

// skip goes on without a message that can't be read: the others can.
func (f *fetchRun) skip(row *mail.Row, err error) error {
	f.answered++
	if e, ok := errors.AsType[*Error](err); !ok || e.Cause != nil {
		f.log.Error("message can't be read", "id", row.ID.String(), "verb", "fetch", "err", err)
	}
	if f.trouble == nil {
		f.trouble = err
	}
	return nil
}

// wasRead notes that a client has got the text of a message.
func (f *fetchRun) wasRead(row *mail.Row) {
	if !row.Flags.Has(mail.Seen) {
		f.seen = f.seen.Add(row.UID)
	}
	f.log.Debug("message read", "id", row.ID.String(), "verb", "fetch") // the Trail has the first time of each
}

// fetched is a message that is open, with what the items need of it.
type fetched struct {
	message  *message.Stored
	digest   *message.Digest
	contents []content // by item; empty for those without
	texts    [][]byte  // by item, instead of the digest (rendered.go)
}

func (o *fetched) close() {
	if o.message != nil {
		_ = o.message.Close() // it was only read
	}
}

// open opens a message and looks up everything that may go wrong before the
// first byte of its response is written.
func (f *fetchRun) open(ctx context.Context, uid mail.UID) (fetched, error) {
	if f.ahead != nil && f.ahead.texts != nil {
		return fetched{texts: f.ahead.texts}, nil
	}
	if f.ahead != nil && f.ahead.read {
		return fetched{digest: f.ahead.digest}, f.ahead.err
	}
	stored, err := f.account.Open(ctx, f.view.mailbox, uid)
	if err != nil {
		return fetched{}, err
	}
	opened := fetched{message: stored, contents: make([]content, len(f.items))}
	if f.needsDigest {
		if opened.digest, err = stored.Digest(); err != nil {
			return opened, fmt.Errorf("read digest: %w", err)
		}
	}
	picked := int64(0)
	for i, it := range f.items {
		if it.section == nil {
			continue
		}
		c, err := it.content(stored, opened.digest)
		if err == nil {
			err = c.verify()
		}
		if err != nil {
			return opened, err
		}
		if picked += c.held; picked > maxPicked {
			return opened, no("LIMIT", "These header fields are too much to be fetched at once")
		}
		opened.contents[i] = c
	}
	return opened, nil
}
