package collect

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// Post delivers by the office's rules.
type Post interface {
	// Collect delivers a message and commits note in the same record: both or
	// neither. sorted is false when it went to the keeper. Errors of which
	// mail.OverQuota knows say that there is no room.
	Collect(ctx context.Context, m *mail.Collected, body *draft.Draft, note *journal.Entry) (sorted bool, err error)
}

// Judge says what is known of a message that lay at a provider.
type Judge interface {
	// Collected judges without refusing. provider is the name under which the
	// provider's own results are believed (RFC 8601, authserv-id); "": none are.
	Collected(ctx context.Context, envelope *mail.Envelope, provider string, body *draft.Draft) mail.Judgement
}

// maxHops is how many servers may have handled a message: above that it goes in
// circles (RFC 5321 §6.3).
const maxHops = 100

// listing knows which messages a provider's mailbox has: eight bytes of the name of
// each, since there may be a million.
type listing struct {
	names []uint64 // sorted
}

func (l *listing) add(item Item) { l.names = append(l.names, short(nameOf(item))) }

// done is called when all are added.
func (l *listing) done() { slices.Sort(l.names) }

func (l *listing) has(name Fingerprint) bool {
	_, found := slices.BinarySearch(l.names, short(name))
	return found
}

func short(name Fingerprint) uint64 { return binary.BigEndian.Uint64(name[:]) }

// count is what a session did.
type count struct {
	collected, unsorted, tooLarge, waiting, deleted int
	known                                           int // were here already, under another name
}

// moved says whether there is less to do for the next session.
func (c *count) moved() bool { return c.collected+c.known+c.deleted > 0 }

// take delivers one message that has been fetched, and notes in the same record
// that it is here. Nothing is ever sent back for it: whoever wrote it has long been
// told that it arrived, and its sender is what anybody may have written.
func (c *Collector) take(ctx context.Context, s *Source, item Item, there *listing, d *draft.Draft, received time.Time) (count, error) {
	key := s.Key()
	fingerprint, err := fingerprintOf(d)
	if err != nil {
		return count{}, err
	}
	note := &record{source: key, items: []Item{item}, fingerprint: fingerprint}
	if name, ok, err := c.o.State.twin(key, fingerprint); err != nil {
		return count{}, err
	} else if ok && name != nameOf(item) && !there.has(name) {
		// The provider has given the message another name, as all of them get when it
		// moves to other machines.
		return count{known: 1}, c.o.State.commit(ctx, kindTaken, note)
	}
	h := readHeader(d.Reader(), key, s.Rules.fields())
	h.ours = h.ours || d.Hops() > maxHops
	to, err := c.recipients(ctx, s, &h, d.Digest())
	if err != nil {
		return count{}, err
	}
	m := c.collected(ctx, s, &h, to)
	m.Envelope.Received, m.Envelope.Size = received, d.Size()
	if c.o.Judge != nil {
		m.Envelope.Judgement = c.o.Judge.Collected(ctx, &m.Envelope, s.Believe, d)
	}
	m.Envelope.Judgement.Fields = fmt.Sprintf("%s: %x\r\n", loopField, key[:]) + m.Envelope.Judgement.Fields
	var sorted bool
	err = c.o.State.take(note, func(entry *journal.Entry) (err error) {
		sorted, err = c.o.Post.Collect(ctx, m, d, entry)
		return err
	})
	if err != nil {
		return count{}, err
	}
	done := count{collected: 1}
	if !sorted {
		done.unsorted = 1
	}
	c.o.Log.Info("message collected", "verb", "collect", "id", m.Envelope.ID, "from", s.name(), "addresses", len(to), "sorted", sorted, "junk", m.Envelope.Judgement.Junk)
	return done, nil
}

// collected is a message with the envelope that it is delivered by. Its peer is the
// provider; that proves nothing of who wrote it.
func (c *Collector) collected(ctx context.Context, s *Source, h *header, to []mail.Address) *mail.Collected {
	with := "POP3"
	if s.Protocol == setup.ProtocolIMAP {
		with = "IMAP"
	}
	m := &mail.Collected{Round: h.ours, Keeper: c.keeper(ctx, s), Envelope: mail.Envelope{
		ID: mail.NewID(time.Now()), From: h.from, EightBit: true, UTF8: !h.from.IsASCII(), Peer: mail.Peer{Helo: s.Host, Protocol: with},
	}}
	for _, a := range to {
		m.Envelope.To = append(m.Envelope.To, mail.Recipient{Address: a, Notify: mail.NotifyNever})
	}
	return m
}

func fingerprintOf(d *draft.Draft) (Fingerprint, error) {
	h := sha256.New()
	if _, err := io.Copy(h, d.Reader()); err != nil {
		return Fingerprint{}, fmt.Errorf("collect: read spool: %w", err)
	}
	return Fingerprint(h.Sum(nil)[:16]), nil
}

// waits reports whether an error is about one message alone, which then stays at
// the provider while the others are gone on with.
func waits(err error) bool {
	return len(mail.OverQuota(err)) > 0 || errors.Is(err, mail.ErrTooLarge)
}

// due reports whether a message that was collected may be deleted at the provider.
func (s *Source) due(m mark) bool {
	return s.Leave >= 0 && time.Since(m.taken) >= s.Leave
}
