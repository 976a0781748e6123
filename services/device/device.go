// Package device remembers with which programs and from which networks people have
// logged in, for them to see and to miss nothing that isn't theirs.
//
// What comes in: that somebody logged in ([Book.Saw]). What goes out: an account's
// devices, and the last use of each app password and token of the API ([Book.Devices],
// [Book.LastUse], [Book.TokenUse]).
//
// What a program calls itself is its own claim: it is shown, and nothing comes of it.
// Addresses are kept by network (IPv4 /24, IPv6 /64), so that a phone is one device
// for all addresses that its provider gives it. Of an account the [Most] newest are kept.
//
// Durability: a device that is new is on disk within a minute, the time at which one was
// last seen within a quarter of an hour (a busy office would else write the file each
// minute, on flash), both after Close; a cut loses that much. A file that is damaged
// counts as none, and the log says so.
//
// The file [File] is JSON: {"version": 1, "accounts": {"1": {"devices": […], "programs": {"1": …},
// "tokens": {"0123456789ab": …}}}}.
//
// Concurrency: every method may be called from any goroutine.
package device

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// File is where the devices are, in the directory that Open is given.
const File = "devices.json"

const (
	version = 1
	// Most devices of one account are kept: more than anybody has, with some to see that
	// somebody goes through many.
	Most = 64
	// mostTokens of one account can be used at one time, and some that have ended.
	mostTokens = 128
	// mostPrograms is how many app passwords' last use is kept of one account: as many as
	// there can be, and some that have ended.
	mostPrograms = 64
	// maxFile bounds what is read: 5000 accounts with all they can have are 60 MB.
	maxFile = 64 << 20
	// maxClient bounds what a program calls itself, in bytes.
	maxClient = 128
	saveEvery = time.Minute
	// timesEvery is how many of those ticks times that have changed wait for.
	timesEvery = 15
)

// API is the service of calls by a token.
const API mail.Service = "api"

// Pages is the service of log-ins to the box's pages, beside those of mail programs.
const Pages mail.Service = "pages"

// Login is somebody's log-in.
type Login struct {
	Account mail.AccountID
	Program mail.ProgramNumber // the app password; 0: none
	Service mail.Service
	Client  string // what the program calls itself; "": nothing
	Peer    netip.Addr
}

// Device is one program in one network.
type Device struct {
	Service mail.Service       `json:"service"`
	Client  string             `json:"client,omitempty"`
	Program mail.ProgramNumber `json:"program,omitempty"`
	Network netip.Prefix       `json:"network"`
	First   time.Time          `json:"first"`
	Last    time.Time          `json:"last"`
}

// Use is the last use of an app password.
type Use struct {
	At      time.Time    `json:"at"`
	Service mail.Service `json:"service"`
	Peer    netip.Addr   `json:"peer"`
}

// account is all that is kept of one.
type account struct {
	Devices  []Device                   `json:"devices,omitempty"`
	Programs map[mail.ProgramNumber]Use `json:"programs,omitempty"`
	Tokens   map[string]Use             `json:"tokens,omitempty"`
}

type content struct {
	Version  int                         `json:"version"`
	Accounts map[mail.AccountID]*account `json:"accounts"`
}

// Book is what has been seen.
type Book struct {
	files durable.FS
	log   *slog.Logger
	now   func() time.Time

	mu       sync.Mutex
	accounts map[mail.AccountID]*account
	fresh    bool // something is new that isn't on disk
	later    bool // times have changed that aren't

	end, over chan struct{}
}

// Open reads the book.
func Open(files durable.FS, now func() time.Time, log *slog.Logger) *Book {
	b := &Book{files: files, log: log, now: now, end: make(chan struct{}), over: make(chan struct{})}
	text, err := durable.ReadFile(files, File, maxFile)
	if err == nil {
		b.accounts, err = decode(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("the devices that people have logged in with can't be read and begin anew", "err", err)
	}
	if b.accounts == nil {
		b.accounts = map[mail.AccountID]*account{}
	}
	go b.run()
	return b
}

// decode reads what save wrote, and leaves out what makes no sense.
func decode(text []byte) (map[mail.AccountID]*account, error) {
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if c.Version != version {
		return nil, fmt.Errorf("device: version %d is another one's", c.Version)
	}
	for id, a := range c.Accounts {
		if a == nil || id == 0 {
			delete(c.Accounts, id)
			continue
		}
		a.Devices = slices.DeleteFunc(a.Devices, func(d Device) bool { return !d.Network.IsValid() || d.Last.Before(d.First) })
		a.bound()
	}
	return c.Accounts, nil
}

// NetworkOf is the network that an address is kept as; the zero Prefix for the zero Addr.
func NetworkOf(peer netip.Addr) netip.Prefix {
	peer = peer.Unmap().WithZone("")
	bits := 64
	if peer.Is4() {
		bits = 24
	}
	network, _ := peer.Prefix(bits) // fails for the zero Addr alone
	return network
}

// Saw notes a log-in, now.
func (b *Book) Saw(l Login) {
	now := b.now().UTC().Truncate(time.Second)
	d := Device{Service: l.Service, Client: cleaned(l.Client), Program: l.Program, Network: NetworkOf(l.Peer), First: now, Last: now}
	if l.Account == 0 || !d.Network.IsValid() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[l.Account]
	if a == nil {
		a = &account{}
		b.accounts[l.Account] = a
	}
	if l.Program != 0 {
		if a.Programs == nil {
			a.Programs = map[mail.ProgramNumber]Use{}
		}
		a.Programs[l.Program] = Use{At: now, Service: l.Service, Peer: l.Peer.Unmap().WithZone("")}
	}
	b.later = true
	if i := slices.IndexFunc(a.Devices, d.same); i >= 0 {
		a.Devices[i].Last = now
		return
	}
	b.fresh = true
	a.Devices = append(a.Devices, d)
	a.bound()
}

// SawToken notes that a token of the API is used, now. The ID is one that says nothing of
// its text.
func (b *Book) SawToken(owner mail.AccountID, id string, peer netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[owner]
	if a == nil {
		a = &account{}
		b.accounts[owner] = a
	}
	if a.Tokens == nil {
		a.Tokens = map[string]Use{}
	}
	a.Tokens[id] = Use{At: b.now().UTC().Truncate(time.Second), Service: API, Peer: peer.Unmap().WithZone("")}
	leaveNewest(a.Tokens, mostTokens)
	b.later = true
}

// TokenUse is when a token was used last; false: not that anybody knows.
func (b *Book) TokenUse(owner mail.AccountID, id string) (Use, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[owner]
	if a == nil {
		return Use{}, false
	}
	use, ok := a.Tokens[id]
	return use, ok
}

func (d Device) same(o Device) bool {
	return d.Service == o.Service && d.Client == o.Client && d.Program == o.Program && d.Network == o.Network
}

// bound leaves what was seen last.
func (a *account) bound() {
	slices.SortFunc(a.Devices, func(x, y Device) int { return cmp.Or(y.Last.Compare(x.Last), y.First.Compare(x.First)) })
	a.Devices = a.Devices[:min(len(a.Devices), Most)]
	leaveNewest(a.Programs, mostPrograms)
	leaveNewest(a.Tokens, mostTokens)
}

// leaveNewest leaves the uses that were last.
func leaveNewest[K comparable](uses map[K]Use, most int) {
	for len(uses) > most {
		var oldest K
		first := true
		for k, u := range uses {
			if first || u.At.Before(uses[oldest].At) {
				oldest, first = k, false
			}
		}
		delete(uses, oldest)
	}
}

// cleaned is what a program calls itself, fit to be shown.
func cleaned(client string) string {
	client = strings.ToValidUTF8(client[:min(len(client), maxClient)], "")
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, client))
}

// Devices are an account's, the one seen last first.
func (b *Book) Devices(id mail.AccountID) []Device {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[id]
	if a == nil {
		return nil
	}
	list := slices.Clone(a.Devices)
	slices.SortFunc(list, func(x, y Device) int { return cmp.Or(y.Last.Compare(x.Last), y.First.Compare(x.First)) })
	return list
}

// LastUse is when an app password was used last; false: never, as far as is known.
func (b *Book) LastUse(id mail.AccountID, program mail.ProgramNumber) (Use, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.accounts[id]; a != nil {
		u, ok := a.Programs[program]
		return u, ok
	}
	return Use{}, false
}

// Forget leaves nothing of an account.
func (b *Book) Forget(id mail.AccountID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.accounts[id] != nil {
		delete(b.accounts, id)
		b.fresh = true
	}
}

func (b *Book) run() {
	defer close(b.over)
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-b.end:
			return
		case <-tick.C:
			if err := b.save(n%timesEvery == 0); err != nil {
				b.log.Warn("the devices that people have logged in with could not be kept", "err", err)
			}
		}
	}
}

// save keeps the book if something is new, and with times if a time is.
func (b *Book) save(times bool) error {
	b.mu.Lock()
	if !b.fresh && !(times && b.later) {
		b.mu.Unlock()
		return nil
	}
	text, err := json.Marshal(content{version, b.accounts})
	b.fresh, b.later = false, false
	b.mu.Unlock()
	if err == nil {
		err = durable.ReplaceBytes(b.files, File, 0o600, text)
	}
	if err != nil {
		b.mu.Lock()
		b.fresh = true
		b.mu.Unlock()
		return fmt.Errorf("device: keep the devices: %w", err)
	}
	return nil
}

// Close keeps what was seen.
func (b *Book) Close() error {
	close(b.end)
	<-b.over
	return b.save(true)
}
