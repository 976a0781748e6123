package search

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

const (
	// DefaultHits and MaxHits are how many messages are shown.
	DefaultHits = 20
	MaxHits     = 100
	// maxFresh is how many messages that the index doesn't have yet are read for
	// one question, the newest; each takes some tenth of a millisecond.
	maxFresh = 500
)

// Ask is a person's question.
type Ask struct {
	// Text is words, "phrases", and from: to: subject: has:attachment before:
	// after: with a word, a phrase or a date (2026-03-01, 1.3.2026, 2026-03, 2026).
	Text    string
	Mailbox string // its name; "" for all
	Limit   int    // how many to show; 0: DefaultHits; at most MaxHits
}

// Hit is a message that a person may have meant.
type Hit struct {
	Mailbox mail.MailboxID // one of those it stands in
	Name    string         // of the mailbox
	Row     mail.Row
	Score   float64 // for comparing the hits of one answer
	From    string  // for people
	Subject []Piece
	Snippet []Piece
}

// Answer is what was found, best first.
type Answer struct {
	Hits []Hit
	// Total is how many messages were found, those that are not shown too; some
	// may have been deleted meanwhile.
	Total int
	// Partial says that some mail is not in the index yet and was not looked at.
	Partial bool
}

// Query finds messages for a person. All words must be in a message: somewhere in
// its subject, its addresses, its text or what is attached; marks on letters may
// be left out, and the last word need not be complete. If a word is found hardly
// anywhere, words with a letter or two amiss count too. Errors: ErrAsk,
// mail.ErrNoMailbox, those of the account.
func (ix *Index) Query(ctx context.Context, id mail.AccountID, box Account, ask Ask) (Answer, error) {
	q, err := parseAsk(ask.Text)
	if err != nil {
		return Answer{}, err
	}
	limit := min(ask.Limit, MaxHits)
	if limit <= 0 {
		limit = DefaultHits
	}
	mailboxes, err := box.Mailboxes(ctx)
	if err != nil {
		return Answer{}, err
	}
	f := finding{ctx: ctx, box: box, q: q, mailboxes: mailboxes}
	if ask.Mailbox != "" {
		i := slices.IndexFunc(mailboxes, func(m mail.Mailbox) bool {
			return m.Name == ask.Mailbox || m.Name == mail.Inbox && strings.EqualFold(ask.Mailbox, mail.Inbox)
		})
		if i < 0 {
			return Answer{}, mail.ErrNoMailbox
		}
		f.only, f.mailboxes = true, mailboxes[i:i+1]
	}
	a, release, err := ix.acquire(id)
	if err == nil {
		defer release()
		var answer Answer
		if answer, err = ix.answer(ctx, a, &f, limit); err == nil {
			return answer, nil
		}
	}
	switch {
	case errors.Is(err, errDamage):
		ix.broken(id, err) // soon there is a new one
	case errors.Is(err, errRead):
		ix.log.Error("search: index is not used", "account", id, "error", err)
	default:
		return Answer{}, fmt.Errorf("search account %s: %w", id, err)
	}
	// As if there was none yet: what is newest is found.
	answer, err := ix.answer(ctx, &account{id: id, open: true}, &f, limit)
	if err != nil {
		return Answer{}, fmt.Errorf("search account %s: %w", id, err)
	}
	return answer, nil
}

// answer asks for somewhat more than are to be shown, as some may be gone; and
// for all there are if that wasn't enough.
func (ix *Index) answer(ctx context.Context, a *account, f *finding, limit int) (answer Answer, err error) {
	var keep func(*doc) bool
	if f.only {
		if err := f.walk(); err != nil {
			return Answer{}, err
		}
		keep = func(d *doc) bool {
			_, ok := f.inside(d)
			return ok
		}
	}
	for most := 2*limit + 50; ; most = math.MaxInt32 / 4 {
		list, total, partial, err := ix.ranked(ctx, a, f, keep, most)
		if err != nil {
			return Answer{}, err
		}
		hits, gone, err := f.hits(list, limit)
		if err != nil {
			return Answer{}, err
		}
		if len(hits) == limit || len(list) == total {
			return Answer{Hits: hits, Total: total - gone, Partial: partial}, nil
		}
	}
}

// ranked asks the index, and new mail that it doesn't have yet.
func (ix *Index) ranked(ctx context.Context, a *account, f *finding, keep func(*doc) bool, most int) (list []candidate, total int, partial bool, err error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	fresh, partial, err := ix.fresh(ctx, a, f.box)
	if err != nil {
		return nil, 0, false, err
	}
	segments := a.segments
	if fresh != nil {
		segments = append(segments[:len(segments):len(segments)], fresh)
	}
	list, total, err = f.q.rank(ctx, segments, time.Now(), keep, most)
	return list, total, partial, err
}

// fresh makes a segment in memory of the messages that the index doesn't have
// yet, and says whether there were more than it could read. The caller holds the
// account for reading.
func (ix *Index) fresh(ctx context.Context, a *account, box Account) (*segment, bool, error) {
	u := updating{ix: ix, a: a, box: box, b: newBuilder()}
	mailboxes, err := box.Mailboxes(ctx)
	if err != nil {
		return nil, false, err
	}
	newest, partial, err := u.newest(ctx, mailboxes)
	if err != nil {
		return nil, false, err
	}
	for _, e := range newest {
		if u.has(&e.Row) { // in two mailboxes
			continue
		}
		if u.b.size > buildMemory {
			partial = true
			break
		}
		if err := u.read(ctx, e.Mailbox, e.Row); err != nil {
			return nil, false, err
		}
	}
	if partial {
		ix.touch(a.id, 0)
	}
	if len(u.b.docs) == 0 {
		return nil, partial, nil
	}
	var words, lists bytes.Buffer
	w := newSegmentWriter(&words, &lists, 0)
	if err := u.b.write(w); err != nil {
		return nil, false, err
	}
	s, err := openSegment(bytes.NewReader(words.Bytes()), bytes.NewReader(lists.Bytes()), w.words.length, 0)
	return s, partial, err
}

// newest lists the maxFresh newest of the messages that the index doesn't have,
// and says whether there are more.
func (u *updating) newest(ctx context.Context, mailboxes []mail.Mailbox) (list []mail.Entry, more bool, err error) {
	keep := func() {
		slices.SortFunc(list, func(a, b mail.Entry) int { return b.Row.Internal.Compare(a.Row.Internal) })
		if len(list) > maxFresh {
			list, more = list[:maxFresh], true
		}
	}
	since := u.a.manifest.modSeq
	for _, m := range mailboxes {
		if m.Kind != mail.KindMail || m.HighestModSeq <= since || m.ID > math.MaxUint32 {
			continue
		}
		for row, err := range u.changed(ctx, m, since) {
			if errors.Is(err, mail.ErrNoMailbox) {
				break
			}
			if err != nil {
				return nil, false, err
			}
			if u.has(&row) {
				continue
			}
			if list = append(list, mail.Entry{Mailbox: m.ID, Row: row}); len(list) >= 4*maxFresh {
				keep()
			}
		}
	}
	keep()
	return list, more, nil
}

// finding turns documents into messages.
type finding struct {
	ctx       context.Context
	box       Account
	q         *asked
	mailboxes []mail.Mailbox // those in which is looked
	only      bool           // they are not all that there are
	walked    bool
	places    []docPlace // what is in the mailboxes, in order, once walked
}

// docPlace is where a document stands.
type docPlace struct {
	id           uint64 // email and check
	mailbox, uid uint32
}

// hits gives the first messages of the list that there still are, and how many
// of those before are gone.
func (f *finding) hits(list []candidate, limit int) (hits []Hit, gone int, err error) {
	for _, c := range list {
		if len(hits) == limit {
			break
		}
		hit, ok, err := f.hit(c)
		if err != nil {
			return nil, 0, err
		}
		if ok {
			hits = append(hits, hit)
		} else {
			gone++
		}
	}
	return hits, gone, nil
}

// hit finds the message of a document: where it stood when it was indexed, or
// else by looking through the mailboxes, once for all.
func (f *finding) hit(c candidate) (Hit, bool, error) {
	d := c.segment.docs[c.doc]
	if !f.walked {
		hit, ok, err := f.open(d, c.score)
		if ok || err != nil {
			return hit, ok, err
		}
		if err := f.walk(); err != nil {
			return Hit{}, false, err
		}
	}
	p, ok := f.inside(&d)
	if !ok {
		return Hit{}, false, nil
	}
	d.mailbox, d.uid = p.mailbox, p.uid
	return f.open(d, c.score)
}

// walk notes what is in the mailboxes.
func (f *finding) walk() error {
	f.walked = true
	for _, m := range f.mailboxes {
		for row, err := range f.box.Rows(f.ctx, m.ID, everyUID()) {
			if errors.Is(err, mail.ErrNoMailbox) {
				break
			}
			if err != nil {
				return err
			}
			d := docOf(&row, m.ID)
			f.places = append(f.places, docPlace{d.key(), d.mailbox, d.uid})
		}
	}
	slices.SortFunc(f.places, func(a, b docPlace) int { return cmp.Compare(a.id, b.id) })
	return nil
}

// inside says where a document stands.
func (f *finding) inside(d *doc) (docPlace, bool) {
	i, ok := slices.BinarySearchFunc(f.places, d.key(), func(p docPlace, key uint64) int { return cmp.Compare(p.id, key) })
	if !ok {
		return docPlace{}, false
	}
	return f.places[i], true
}

// open reads what is shown of a message, if it is the one that was meant.
func (f *finding) open(d doc, score float32) (hit Hit, ok bool, err error) {
	for row, err := range f.box.Rows(f.ctx, mail.MailboxID(d.mailbox), mail.SetOf(mail.UID(d.uid))) {
		if errors.Is(err, mail.ErrNoMailbox) {
			return Hit{}, false, nil
		}
		if err != nil {
			return Hit{}, false, err
		}
		hit.Row = row
	}
	if uint32(hit.Row.Email) != d.email || checkOf(&hit.Row) != d.check || hit.Row.Email > math.MaxUint32 {
		return Hit{}, false, nil
	}
	hit.Mailbox, hit.Score = mail.MailboxID(d.mailbox), float64(score)
	if i := slices.IndexFunc(f.mailboxes, func(m mail.Mailbox) bool { return m.ID == hit.Mailbox }); i >= 0 {
		hit.Name = f.mailboxes[i].Name
	}
	m, err := f.box.Open(f.ctx, hit.Mailbox, hit.Row.UID)
	if errors.Is(err, mail.ErrNoMessage) || errors.Is(err, mail.ErrNoMailbox) {
		return Hit{}, false, nil
	}
	if err != nil {
		return Hit{}, false, err
	}
	defer m.Close() // only read from
	digest, err := m.Digest()
	if err != nil {
		return Hit{}, false, err
	}
	hit.From = message.AddressText(digest.Envelope.From)
	hit.Subject = f.q.mark(digest.Subject(), inSubject)
	hit.Snippet, err = f.q.snippet(m, digest)
	return hit, true, err
}
