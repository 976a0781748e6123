package issuance

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	words "github.com/sanduk-mail/sanduk/services/mail"
)

// LetsEncrypt is the directory of the authority that is proposed.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Method is how the box proves that a name is its own.
type Method string

// The methods.
const (
	HTTP Method = "http-01" // the authority asks at port 80
	DNS  Method = "dns-01"  // somebody publishes a record
)

// Settings are whose certificates the box gets.
type Settings struct {
	Directory string `json:"directory"` // "": nobody's
	Contact   string `json:"contact,omitempty"`
	Method    Method `json:"method"`
}

// Proof is a TXT record that has to be published.
type Proof struct{ Name, Value string }

// State is how it goes.
type State struct {
	Settings Settings
	Tried    time.Time // zero: never
	Next     time.Time // not before; zero: when it is due
	Problem  string    // of the last time, in words; ""
	Proofs   []Proof   // it waits for these
	Working  bool
}

// Options are what an Issuance needs; all but Client must be given.
type Options struct {
	FS    durable.FS
	Names func(ctx context.Context, m Method) []string // to be certified, the box's own first
	// Current is the certificate that the box shows from elsewhere; nil if it has none.
	Current func() *x509.Certificate
	// Take has the box show a chain, leaf first, in DER. When it returns nil that is
	// durable.
	Take func(chain [][]byte, key *ecdsa.PrivateKey) error
	// Published reports whether DNS shows a record.
	Published func(ctx context.Context, p Proof) bool
	Ready     func(ctx context.Context) bool // waits until the clock is sure; false: ctx ended
	Client    *http.Client                   // nil: http.DefaultClient
	Log       *slog.Logger
}

// Issuance is the box's dealing with an authority.
type Issuance struct {
	o       Options
	kick    chan struct{}
	running sync.Mutex // held while a certificate is got

	mu      sync.Mutex
	k       kept
	tokens  map[string]string // path → answer
	working bool
	stop    context.CancelFunc // of what is under way
}

// Open reads what is known.
func Open(o Options) (*Issuance, error) {
	i := &Issuance{o: o, kick: make(chan struct{}, 1), tokens: map[string]string{}}
	return i, i.read()
}

// State is how it goes.
func (i *Issuance) State() State {
	i.mu.Lock()
	defer i.mu.Unlock()
	return State{i.k.Settings, i.k.Tried, i.k.Next, i.k.Problem, slices.Clone(i.k.Proofs), i.working}
}

// Proofs are the records that somebody has to publish now.
func (i *Issuance) Proofs() []Proof { return i.State().Proofs }

// Set has certificates got from an authority from now on; what is wrong it says in a
// *mail.RuleError. The terms of the authority are taken to be agreed to.
func (i *Issuance) Set(s Settings) error {
	s.Directory, s.Contact = strings.TrimSpace(s.Directory), strings.TrimSpace(s.Contact)
	if u, err := url.Parse(s.Directory); err != nil || u.Scheme != "https" || u.Host == "" || len(s.Directory) > 500 {
		return &words.RuleError{Field: "directory", Text: "This is not the address of an authority. It begins with https://"}
	}
	if s.Method != HTTP && s.Method != DNS {
		return &words.RuleError{Field: "method", Text: "The way to prove the name is http-01 or dns-01"}
	}
	if s.Contact != "" {
		if a, err := mail.ParseAddress(s.Contact); err != nil || a.Address != s.Contact || len(s.Contact) > 254 {
			return &words.RuleError{Field: "contact", Text: "This is not an address. Leave it empty if the authority shall write to nobody"}
		}
	}
	defer i.give()()
	err := i.change(func(k *kept) {
		if k.Settings.Directory != s.Directory {
			k.AccountKey, k.Issued = nil, nil // another authority hears nothing of the one before
		}
		*k = kept{Settings: s, AccountKey: k.AccountKey, Key: k.Key, Issued: k.Issued}
	})
	i.Try()
	return err
}

// End has no certificates got any more. The keys stay, for the next time.
func (i *Issuance) End() error {
	if i.now().Settings.Directory == "" {
		return nil
	}
	defer i.give()()
	return i.change(func(k *kept) { *k = kept{AccountKey: k.AccountKey, Key: k.Key} })
}

// give gives up what is under way, and holds off what would begin until the function
// that it returns is called: a certificate that was ordered before must not be taken after.
func (i *Issuance) give() func() {
	i.mu.Lock()
	if i.stop != nil {
		i.stop()
	}
	i.mu.Unlock()
	i.running.Lock()
	return i.running.Unlock
}

// Try has it tried now, if one is due.
func (i *Issuance) Try() {
	select {
	case i.kick <- struct{}{}:
	default: // it will be anyway
	}
}

// Due dates: see the package comment.
const (
	renewBefore = 30 * 24 * time.Hour
	look        = 10 * time.Minute // how often is looked whether one is due, or a record is there
	atMost      = 15 * time.Minute // one attempt
)

// Run gets certificates until ctx ends.
func (i *Issuance) Run(ctx context.Context) {
	if !i.o.Ready(ctx) {
		return
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		i.once(ctx, false)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-i.kick:
			i.once(ctx, true)
		}
	}
}

// due reports whether a certificate is to be got.
func (i *Issuance) due(ctx context.Context, k *kept) bool {
	if k.Settings.Directory == "" {
		return false
	}
	cert := i.o.Current()
	if cert == nil {
		return true
	}
	if sum := sha256.Sum256(cert.Raw); !bytes.Equal(sum[:], k.Issued) {
		return true
	}
	left := min(renewBefore, cert.NotAfter.Sub(cert.NotBefore)/3)
	if time.Until(cert.NotAfter) < left {
		return true
	}
	return slices.ContainsFunc(i.o.Names(ctx, k.Settings.Method), func(name string) bool { return cert.VerifyHostname(name) != nil })
}

// once gets one certificate, if it is due; asked: somebody wants it now.
func (i *Issuance) once(ctx context.Context, asked bool) {
	i.running.Lock()
	defer i.running.Unlock()
	k := i.now()
	if !i.due(ctx, &k) || !asked && (time.Now().Before(k.Next) || !i.allPublished(ctx, k.Proofs)) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	i.mu.Lock()
	i.working, i.stop = true, cancel
	i.mu.Unlock()
	err := i.obtain(ctx, k.Settings)
	i.mu.Lock()
	i.working, i.stop = false, nil
	clear(i.tokens)
	i.mu.Unlock()
	if err == nil || errors.Is(err, errWaits) {
		return
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return // given up, or the box goes down
	}
	i.o.Log.Warn("no certificate was issued; the old one stays", "authority", k.Settings.Directory, "err", err)
	if err := i.failed(err); err != nil {
		i.o.Log.Error("it can't be noted that no certificate was issued", "err", err)
	}
}

// failed notes it, with the next pause.
func (i *Issuance) failed(cause error) error {
	pauses := [...]time.Duration{10 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	return i.change(func(k *kept) {
		k.Tried, k.Problem = time.Now(), inWords(cause)
		k.Next = k.Tried.Add(pauses[min(k.Failures, len(pauses)-1)])
		k.Failures++
		k.Order, k.Proofs = "", nil
	})
}
