package memstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Store is a mail store in memory.
type Store struct {
	now   func() time.Time
	quota func(mail.AccountID) mail.Quota

	mu       sync.Mutex
	accounts map[mail.AccountID]*account
	removed  map[mail.AccountID]*account
	closed   bool
	position mail.Position // counts changes
	changed  map[mail.AccountID]mail.Position
	watchers map[chan struct{}]bool
}

// account is everything of one account; the Store's lock guards it.
type account struct {
	store      *Store
	id         mail.AccountID
	now        func() time.Time
	gone       bool
	goneAt     time.Time
	modSeq     mail.ModSeq
	lastBox    mail.MailboxID
	lastEmail  mail.EmailID
	lastThread mail.ThreadID
	validity   mail.UIDValidity
	boxes      map[mail.MailboxID]*box
	subscribed map[string]bool
	threads    map[threadKey]mail.ThreadID
	touched    map[mail.ThreadID]mail.ModSeq // when an entry of the thread last came or went
	expired    mail.ModSeq
	times      []time.Time // of the changes, by ModSeq
	watchers   map[chan struct{}]bool
	events     []*event // by ModSeq
}

// threadKey is a message ID that was had or named under a base subject.
type threadKey struct{ messageID, subject string }

// box is one mailbox, also after it was deleted.
type box struct {
	mail.Mailbox
	gone     bool
	changed  mail.ModSeq // of the mailbox itself
	goneAt   time.Time
	goneSeq  mail.ModSeq
	entries  []*entry // by UID
	vanished []vanished
	expunged []expunged
	history  []boxAt
}

// expunged is an entry that is gone.
type expunged struct {
	entry
	at    time.Time // to the second
	died  time.Time
	moved bool
}

// boxAt is what a mailbox was from a moment on, flagsAt what a message had.
type (
	boxAt struct {
		at   time.Time
		name string
		gone bool
	}
	flagsAt struct {
		at    time.Time
		flags mail.Flags
	}
)

type vanished struct {
	uid    mail.UID
	modSeq mail.ModSeq
}

// entry is one message in one mailbox.
type entry struct {
	mail.Row
	prefix []byte
	body   *body

	born    time.Time
	history []flagsAt
}

// body is shared by the entries of all its copies.
type body struct {
	data   []byte
	digest *message.Digest
	lines  int64 // its size when each line ends in CRLF
}

// New makes an empty store. now may be nil: time.Now.
func New(now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{
		now: now, quota: func(mail.AccountID) mail.Quota { return mail.Quota{} }, accounts: map[mail.AccountID]*account{}, removed: map[mail.AccountID]*account{},
		changed: map[mail.AccountID]mail.Position{}, watchers: map[chan struct{}]bool{},
	}
}

// SetQuota says what accounts may take up; without it, anything. It comes before
// everything else.
func (s *Store) SetQuota(quota func(mail.AccountID) mail.Quota) *Store {
	s.quota = quota
	return s
}

// Close forgets everything.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.accounts = nil
	return nil
}

// CreateAccount makes the account with its first mailboxes.
func (s *Store) CreateAccount(_ context.Context, id mail.AccountID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return mail.ErrClosed
	case s.removed[id] != nil || id == 0:
		return fmt.Errorf("create account %s: %w", id, mail.ErrNoAccount)
	case s.accounts[id] != nil:
		return nil
	}
	a := &account{
		store: s, id: id, now: s.now, boxes: map[mail.MailboxID]*box{}, subscribed: map[string]bool{},
		threads: map[threadKey]mail.ThreadID{}, touched: map[mail.ThreadID]mail.ModSeq{}, watchers: map[chan struct{}]bool{},
	}
	a.begin()
	for _, m := range mail.FirstMailboxes() {
		a.create(m.Name, m.Role, 1, s.now())
		a.subscribe(m.Name, true)
	}
	s.accounts[id] = a
	a.wake()
	return nil
}

// RemoveAccount takes the account away.
func (s *Store) RemoveAccount(_ context.Context, id mail.AccountID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(id)
	if err != nil {
		return err
	}
	a.begin()
	a.gone, a.goneAt = true, saved(s.now())
	delete(s.accounts, id)
	s.removed[id] = a
	a.wake()
	return nil
}

func (s *Store) account(id mail.AccountID) (*account, error) {
	if s.closed {
		return nil, mail.ErrClosed
	}
	a := s.accounts[id]
	if a == nil {
		return nil, mail.ErrNoAccount
	}
	return a, nil
}

// Account gives a handle on the account.
func (s *Store) Account(_ context.Context, id mail.AccountID) (*Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(id)
	if err != nil {
		return nil, err
	}
	return &Account{s: s, a: a}, nil
}

// Deliver puts one body into the mailboxes of all targets.
func (s *Store) Deliver(_ context.Context, env *mail.Envelope, targets []mail.Target, d *draft.Draft) error {
	b, err := read(d)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range targets {
		if _, err := s.account(t.Account); err != nil {
			return fmt.Errorf("deliver to %s: %w", t.Account, err)
		}
		if err := t.Flags.Check(); err != nil {
			return err
		}
	}
	more := map[mail.AccountID]mail.Usage{}
	for _, t := range targets {
		u := more[t.Account]
		more[t.Account] = mail.Usage{Messages: u.Messages + 1, Bytes: u.Bytes + int64(len(t.Prefix)+len(b.data))}
	}
	var full error
	for id, u := range more {
		full = errors.Join(full, s.accounts[id].fits(u))
	}
	if full != nil {
		return full
	}
	touched := map[*account]bool{}
	for _, t := range targets {
		a := s.accounts[t.Account]
		if !touched[a] {
			touched[a] = true
			a.begin()
		}
		m := a.byRole(t.Role)
		if m == nil {
			m = a.byName(mail.Inbox)
		}
		a.add(m, mail.Row{
			ModSeq: a.modSeq, Flags: t.Flags, Size: int64(len(t.Prefix) + len(b.data)), Canonical: int64(len(t.Prefix)) + b.lines,
			Internal: internal(env.Received, s.now()), Saved: saved(s.now()), ID: env.ID,
		}, t.Prefix, b)
	}
	for a := range touched {
		a.wake()
	}
	return nil
}

func read(d *draft.Draft) (*body, error) {
	data, err := io.ReadAll(d.Reader())
	if err != nil {
		return nil, fmt.Errorf("read draft: %w", err)
	}
	return &body{data: data, digest: d.Digest(), lines: d.Canonical()}, nil
}

// internal is an internal date as a row keeps it.
func internal(t, now time.Time) time.Time {
	if t.IsZero() {
		t = now
	}
	_, offset := t.Zone()
	t = time.UnixMilli(t.UnixMilli())
	if offset/60 == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", offset/60*60))
}

func saved(now time.Time) time.Time { return time.Unix(now.Unix(), 0).UTC() }

// usage counts what the account takes up.
func (a *account) usage() (u mail.Usage) {
	for _, m := range a.boxes {
		if m.gone {
			continue
		}
		for _, e := range m.entries {
			u.Messages++
			u.Bytes += e.Size
		}
	}
	return u
}

func (a *account) fits(more mail.Usage) error { return a.store.quota(a.id).Fits(a.id, a.usage(), more) }

// Usage is what an account takes up.
func (s *Store) Usage(_ context.Context, id mail.AccountID) (mail.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(id)
	if err != nil {
		return mail.Usage{}, err
	}
	return a.usage(), nil
}

// Quota is what the account takes up and what it may.
func (h *Account) Quota(context.Context) (mail.Usage, mail.Quota, error) {
	defer h.s.mu.Unlock()
	if err := h.lock(); err != nil {
		return mail.Usage{}, mail.Quota{}, err
	}
	return h.a.usage(), h.s.quota(h.a.id), nil
}
