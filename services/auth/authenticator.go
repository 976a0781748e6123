package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Directory knows who may log in.
type Directory interface {
	// Credential finds an account by what somebody gives as log-in name: its
	// main address, or the local part alone where the box has one domain. The
	// error is mail.ErrNoAccount, or the directory's own trouble. It must be quick
	// and must take the same time whether or not there is such an account.
	//
	// With mail.ErrNoAccount, Login.Address is the address that was looked for,
	// zero where the name is none: all spellings of a name that nobody has must
	// count as one and have one fake salt, as all those of an account do.
	Credential(ctx context.Context, login string) (Credential, error)
	// HasAPOP reports whether any account can be opened by APOP. It must not wait.
	HasAPOP() bool
}

// Credential is an account with the record of its password.
type Credential struct {
	Login  mail.Login
	Record Record
	Access mail.Access // from where the password is taken
	APOP   []byte      // secret, sealed for PurposeAPOP; nil: APOP does not open the account
	// Programs are the account's app passwords; OnlyPrograms says that its own password
	// is for the pages alone.
	Programs     []AppPassword
	OnlyPrograms bool
}

// Options are what an Authenticator needs; Key and Directory must be given.
type Options struct {
	Key *Key
	// Trusted reports whether an address is exempt from the count of failures
	// per address. nil: none is.
	Trusted func(netip.Addr) bool
	// Local reports whether an address belongs to the office, for accounts that can be
	// used from there only. nil: none does.
	Local func(netip.Addr) bool
	// ClearLoopback offers PLAIN and LOGIN without TLS to clients on this very
	// machine: for development only.
	ClearLoopback bool
	// Certificate gives the certificate in DER that the box shows in TLS to clients
	// that ask for a name ("" for none), for the channel binding
	// tls-server-end-point. nil: that kind is not known. It may be called by any
	// number of goroutines.
	Certificate func(serverName string) []byte
	// Bearer checks tokens; nil: OAUTHBEARER is not offered.
	Bearer Bearer
	// Certificates knows whose a client's certificate is; nil: EXTERNAL is not offered.
	Certificates Certificates
	Now          func() time.Time // nil: time.Now
	Logger       *slog.Logger     // nil: nothing is logged
}

// Work on passwords at one time. Two slots hold 38 MiB of argon2, and with what
// the collector has not taken back yet some 120 MiB at the worst: a third of what
// the process may have on a box with 512 MB (four come to 200). They check 60
// passwords a second, so that a whole office coming back from a power cut (some
// 300 devices) is in within seconds. Who waits behind them holds a connection and
// little else; beyond maxWaiting the answer is mail.ErrTryLater at once.
const (
	argonSlots = 2
	maxWaiting = 512
)

// maxLogin is in bytes: the longest address, in quotes with every character
// escaped.
const maxLogin = 2*mail.MaxLocalPart + mail.MaxDomain + 3

// Authenticator checks who somebody is. See the package comment.
type Authenticator struct {
	directory Directory
	key       *Key
	trusted   func(netip.Addr) bool
	local     func(netip.Addr) bool
	clear     bool
	// as in Options
	certificate  func(serverName string) []byte
	bearer       Bearer
	certificates Certificates
	service      mail.Service // see For

	now  func() time.Time
	log  *slog.Logger
	cost cost // of a check for an unknown account

	slots   chan struct{}
	waiting *atomic.Int32 // shared with what For makes, as all that follows is

	hashKey   [32]byte // of this process alone: what the tables' keys are made with
	addresses *counter
	accounts  *counter
	success   *recent // logins with password and record
	known     *recent // accounts with the addresses their owners came from
	wrong     *recent // logins with wrong passwords that have been counted
}

// New makes an Authenticator.
func New(directory Directory, o Options) *Authenticator {
	a := &Authenticator{
		directory: directory, key: o.Key, trusted: o.Trusted, local: o.Local, clear: o.ClearLoopback, now: o.Now, log: o.Logger,
		certificate: o.Certificate, bearer: o.Bearer, certificates: o.Certificates,
		cost:      usualCost(),
		slots:     make(chan struct{}, argonSlots),
		waiting:   new(atomic.Int32),
		addresses: newCounter(addressFadesEvery),
		accounts:  newCounter(accountFadesEvery),
		success:   newRecent(successLife, maxSuccess),
		known:     newRecent(knownLife, maxKnown),
		wrong:     newRecent(wrongLife, maxWrong),
	}
	rand.Read(a.hashKey[:])
	if a.trusted == nil {
		a.trusted = func(netip.Addr) bool { return false }
	}
	if a.local == nil {
		a.local = func(netip.Addr) bool { return false }
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// hash makes a table key of parts, which it keeps apart from one another.
func (a *Authenticator) hash(purpose string, parts ...string) recentKey {
	mac := hmac.New(sha256.New, a.hashKey[:])
	mac.Write([]byte(purpose))
	for _, part := range parts {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return recentKey(mac.Sum(nil))
}

// attempt is one try to log in, by whatever way.
type attempt struct {
	a       *Authenticator
	peer    string // the address, or its /64
	from    netip.Addr
	trusted bool
	login   string // in one spelling
	known   bool   // the account exists
	account mail.Login
	record  Record
	access  mail.Access
	apop    []byte
	secrets *secrets
	// the account's app passwords, and whether its own opens the pages only
	programs []AppPassword
	only     bool
}

// begin looks the log-in name up, and refuses with mail.ErrTryLater who has to
// wait. An unknown name makes an attempt like any other, which then fails.
func (a *Authenticator) begin(ctx context.Context, peer netip.Addr, login string) (*attempt, error) {
	t := &attempt{a: a, peer: groupOf(peer), from: peer, trusted: a.trusted(peer.Unmap().WithZone(""))}
	credential := Credential{}
	err := error(mail.ErrNoAccount)
	if len(login) <= maxLogin {
		credential, err = a.directory.Credential(ctx, login)
	} else {
		login = login[:maxLogin]
	}
	switch {
	case errors.Is(err, mail.ErrNoAccount):
		if wanted := credential.Login.Address; wanted != (mail.Address{}) {
			login = wanted.String()
		}
		t.login = canonicalLogin(login)
		t.secrets = a.key.fakeSecrets(t.login, a.cost)
	case err != nil:
		return nil, fmt.Errorf("auth: look up account: %w", err)
	default:
		t.known, t.account, t.record, t.access, t.apop = true, credential.Login, credential.Record, credential.Access, credential.APOP
		t.programs, t.only = credential.Programs, credential.OnlyPrograms && a.service != ""
		t.login = canonicalLogin(t.account.Address.String())
		if t.secrets, err = a.key.open(t.account.Address, t.record); err != nil {
			return nil, fmt.Errorf("auth: account %s: %w", t.account.Account, err)
		}
	}
	return t, t.mayTry()
}

// canonicalLogin is the spelling under which failures for a name are counted.
func canonicalLogin(login string) string {
	if address, err := mail.ParseAddress(login); err == nil {
		if canonical, err := domain.Address(address); err == nil {
			return string(canonical.Canonical())
		}
	}
	return strings.ToLower(login)
}

// groupOf is what is counted as one client: an IPv4 address, or the /64 that a
// single IPv6 customer has at his free disposal.
func groupOf(peer netip.Addr) string {
	peer = peer.Unmap().WithZone("")
	if peer.Is6() && !peer.IsLoopback() {
		if prefix, err := peer.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return peer.String()
}

func (t *attempt) addressKey() countKey { return t.a.hash("address", t.peer).short() }

// accountKey counts the owner's own places each apart: see the package comment.
func (t *attempt) accountKey(now time.Time) countKey {
	if t.fromOwnPlace(now) {
		return t.a.hash("account from", t.login, t.peer).short()
	}
	return t.a.hash("account", t.login).short()
}

// fromOwnPlace reports whether the account's owner has logged in from here.
func (t *attempt) fromOwnPlace(now time.Time) bool {
	return t.known && t.a.known.has(t.ownPlace(), now)
}

func (t *attempt) ownPlace() recentKey { return t.a.hash("place", t.login, t.peer) }

// mayTry is asked before a password is looked at: when an attempt begins and
// again when it gets its turn, because others may have failed meanwhile.
func (t *attempt) mayTry() error {
	now := t.a.now()
	// The owner's own place has the account's count for it. Were the address's to
	// count there too, one device that guesses would lock out all that share its
	// address: behind a NAT, or in the one /64 that is an office's IPv6.
	if !t.trusted && !t.fromOwnPlace(now) && t.a.addresses.wait(t.addressKey(), now) > 0 {
		return mail.ErrTryLater
	}
	if t.a.accounts.wait(t.accountKey(now), now) > 0 {
		return mail.ErrTryLater
	}
	return nil
}

// succeeded remembers the place as the owner's, if it is one from where the account
// can be used: mail.ErrElsewhere otherwise. Every mechanism comes here once it has
// found the secret to be right, and none says a word of it before: nobody else learns
// who is bound to a network.
func (t *attempt) succeeded() (mail.Login, error) {
	if !t.access.From(t.from, t.a.local) {
		t.a.log.Warn("log-in refused: not from this network", "peer", t.peer, "login", t.login)
		return mail.Login{}, mail.ErrElsewhere
	}
	t.a.known.add(t.ownPlace(), t.a.now())
	return t.account, nil
}

// failed counts the failure. password is what was tried, "" where that is not
// known: the same wrong password over and over is a device with an old one, not
// somebody who guesses, and counts for the account only once.
func (t *attempt) failed(mechanism, password string) error {
	now := t.a.now()
	var wait time.Duration
	if !t.trusted {
		wait = t.a.addresses.failed(t.addressKey(), now)
	}
	again := false
	if password != "" {
		tried := t.a.hash("wrong", t.login, password)
		again = t.a.wrong.has(tried, now)
		t.a.wrong.add(tried, now)
	}
	if !again {
		wait = max(wait, t.a.accounts.failed(t.accountKey(now), now))
	}
	// A name that nobody has may be a password in the wrong field: not logged.
	name := "(unknown)"
	if t.known {
		name = t.login
	}
	level := slog.LevelInfo
	if wait > 0 {
		level = slog.LevelWarn
	}
	t.a.log.Log(context.Background(), level, "log-in refused", "peer", t.peer, "login", name, "mechanism", mechanism, "wait", wait)
	return mail.ErrDenied
}

// impossible stands for every password that prepare refuses: it would itself.
const impossible = "\x00"

// Password checks a log-in name and password given in full, for IMAP LOGIN, POP3
// USER and PASS, SASL PLAIN and LOGIN, and the pages. peer is the client's
// address; the zero Addr counts as one client of its own.
//
// Errors: mail.ErrDenied when name or password is wrong, mail.ErrElsewhere when they
// are right but not taken from there, mail.ErrTryLater when
// there were too many failures or too many wait for their turn, ctx's error, or
// the box's own trouble (a temporary failure).
func (a *Authenticator) Password(ctx context.Context, peer netip.Addr, login, password string) (mail.Login, error) {
	return a.password(ctx, peer, login, password, "password")
}

func (a *Authenticator) password(ctx context.Context, peer netip.Addr, login, password, mechanism string) (mail.Login, error) {
	t, err := a.begin(ctx, peer, login)
	if err != nil {
		return mail.Login{}, err
	}
	prepared, err := prepare(password)
	possible := err == nil
	if !possible {
		// Nobody can have it. All such passwords are taken for one that is wrong,
		// and cost the same work as others.
		prepared = impossible
	}
	if number, ok := t.program(password); ok {
		login, err := t.succeeded()
		if err == nil {
			login.Program = number
		}
		return login, err
	}
	remembered := a.hash("success", t.login, prepared, string(t.record))
	if t.known && !t.only && possible && a.success.has(remembered, a.now()) {
		return t.succeeded()
	}
	release, err := a.slot(ctx)
	if err != nil {
		return mail.Login{}, err
	}
	defer release()
	if err := t.mayTry(); err != nil {
		return mail.Login{}, err
	}
	if !t.secrets.argon.matches(prepared) || !t.known || t.only || !possible {
		return mail.Login{}, t.failed(mechanism, prepared)
	}
	a.success.add(remembered, a.now())
	return t.succeeded()
}

// slot waits for a turn at argon2.
func (a *Authenticator) slot(ctx context.Context) (release func(), err error) {
	if a.waiting.Add(1) > maxWaiting+argonSlots {
		a.waiting.Add(-1)
		return nil, mail.ErrTryLater
	}
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots; a.waiting.Add(-1) }, nil
	case <-ctx.Done():
		a.waiting.Add(-1)
		return nil, fmt.Errorf("auth: wait for a turn: %w", context.Cause(ctx))
	}
}
