package collect

import (
	"bytes"
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
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// Post puts messages into mailboxes.
type Post interface {
	// Stage hands the text over; nothing relies on it before the commit.
	Stage(ctx context.Context, body *draft.Draft) (*journal.Staged, error)
	// Entry is a delivery of it to all targets, to be committed together with what
	// collecting has to note. Refusals at the commit are as those of a delivery.
	Entry(ctx context.Context, envelope *mail.Envelope, targets []mail.Target, body *draft.Draft, staged *journal.Staged) (*journal.Entry, error)
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
}

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
		return count{}, c.o.State.commit(ctx, kindTaken, note)
	}
	h := readHeader(d.Reader(), key, s.Rules.fields())
	h.ours = h.ours || d.Hops() > maxHops
	to, unsorted, err := c.recipients(ctx, s, &h, d.Digest())
	if err != nil {
		return count{}, err
	}
	envelope := &mail.Envelope{ID: mail.NewID(time.Now()), Received: received, From: h.from, Size: d.Size()}
	targets := make([]mail.Target, len(to))
	for i, r := range to {
		envelope.To = append(envelope.To, mail.Recipient{Address: r.address})
		targets[i] = mail.Target{Account: r.account, Role: mail.RoleInbox, Prefix: c.prefix(s, envelope.ID, r.address)}
	}
	staged, err := c.o.Post.Stage(ctx, d)
	if err != nil {
		return count{}, err
	}
	entry, err := c.o.Post.Entry(ctx, envelope, targets, d, staged)
	if err != nil {
		return count{}, err
	}
	if err := c.o.State.commit(ctx, kindTaken, note, entry); err != nil {
		return count{}, err
	}
	done := count{collected: 1}
	if unsorted {
		done.unsorted = 1
	}
	c.o.Log.Info("message collected", "verb", "collect", "id", envelope.ID, "from", s.name(), "mailboxes", len(targets), "sorted", !unsorted)
	return done, nil
}

// prefix is what the box writes in front of a message that was collected: for whom
// it is, by what way it came, and the mark by which it is known again. Return-Path
// stands in it already, where the provider noted it.
func (c *Collector) prefix(s *Source, id mail.ID, to mail.Address) []byte {
	var b bytes.Buffer
	key := s.Key()
	with := "POP3"
	if s.Protocol == setup.ProtocolIMAP {
		with = "IMAP"
	}
	fmt.Fprintf(&b, "Delivered-To: %s\r\n%s: %x\r\n", to, loopField, key[:])
	fmt.Fprintf(&b, "Received: from %s by %s with %s id %s\r\n\tfor <%s>; %s\r\n", s.Host, c.o.Hostname(), with, id, to, message.FormatDate(time.Now().In(c.o.Zone())))
	return b.Bytes()
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
