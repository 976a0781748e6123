package signer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// MaxTime is how long signing or sealing one message may take. The largest message is
// read in a tenth of that; the rest is for DNS, which a seal asks.
const MaxTime = 20 * time.Second

// ErrNoDomain says that a domain is none that signs.
var ErrNoDomain = errors.New("the office signs for no such domain")

// ErrLeft says that the box doesn't sign for a domain: its provider does.
var ErrLeft = errors.New("signing is left to the domain's provider")

// KeyStore keeps keys durably, and sealed: they are secrets.
type KeyStore interface {
	// SigningKeys gives a domain's; nil, nil where there are none. It is asked with
	// every message.
	SigningKeys(name domain.Name) ([]byte, error)
	SetSigningKeys(ctx context.Context, name domain.Name, keys []byte) error
}

// Options are what a Signer needs; all but Now.
type Options struct {
	Keys KeyStore
	// Domains are those that mail can be from, the main one first; none before the
	// set-up.
	Domains func() []domain.Name
	// Left reports whether signing for one of them is left to the office's provider.
	Left     func(name domain.Name) bool // nil: for none
	Hostname func() string
	DNS      dkim.DNS
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger
}

// Signer signs and seals.
type Signer struct {
	o Options

	changing sync.Mutex // held while a domain's keys are changed

	mu      sync.Mutex
	known   map[domain.Name]known // guarded by mu
	trouble trouble               // guarded by mu
}

// known is a domain's keys as they were read last: to read them for every message
// would cost more than to sign with them.
type known struct {
	encoded string
	keys    *dkim.Keys // never changed
}

// trouble is what is the matter with signing.
type trouble struct {
	since time.Time // zero: nothing
	last  error
	count int
}

// New makes a Signer.
func New(o Options) *Signer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Left == nil {
		o.Left = func(domain.Name) bool { return false }
	}
	return &Signer{o: o, known: map[domain.Name]known{}}
}

// note keeps what became of a message, for Findings.
func (s *Signer) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.trouble = trouble{}
		return
	}
	if s.trouble.since.IsZero() {
		s.trouble.since = s.o.Now()
	}
	s.trouble.last = err
	s.trouble.count++
}

// Findings say what is the matter, for the pages; none when the last message was
// signed.
func (s *Signer) Findings() []mail.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble.since.IsZero() {
		return nil
	}
	return []mail.Finding{{
		What: fmt.Sprintf("Since %s mail has left without the office's signature (messages: %d).", s.trouble.since.Format("2 January 15:04"), s.trouble.count),
		ToDo: "Other servers may take it for junk. If this stays, restart the box; its log says what was the matter: " + s.trouble.last.Error(),
	}}
}

// signs finds the domain that signs for another name: itself, or the closest above it.
// One that leaves that to its provider isn't passed over for one above.
func (s *Signer) signs(name domain.Name) (found domain.Name, ok bool) {
	for _, d := range s.o.Domains() {
		if (d == name || strings.HasSuffix(string(name), "."+string(d))) && len(d) > len(found) {
			found = d
		}
	}
	return found, found != "" && !s.o.Left(found)
}
