package office

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/aggregate"
	"github.com/sanduk-mail/sanduk/services/allowance"
	"github.com/sanduk-mail/sanduk/services/audit"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/collect/moving"
	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/feed"
	"github.com/sanduk-mail/sanduk/services/fetched"
	"github.com/sanduk-mail/sanduk/services/issuance"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/lan"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/monitor"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/relay"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/room"
	"github.com/sanduk-mail/sanduk/services/search"
	"github.com/sanduk-mail/sanduk/services/sharing"
	"github.com/sanduk-mail/sanduk/services/signer"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/syslog"
	"github.com/sanduk-mail/sanduk/services/tally"
	"github.com/sanduk-mail/sanduk/services/tlscert"
	"github.com/sanduk-mail/sanduk/services/trace"
	"github.com/sanduk-mail/sanduk/services/trust"
	"github.com/sanduk-mail/sanduk/services/web"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// mailboxName is the name the box answers to on the LAN before anybody has
// given it one.
const mailboxName = "mailbox.local"

// Options are what an Office needs; all are required but Trusted, Built, Tuning, DNS,
// Trust and Roots.
type Options struct {
	Data    string         // directory: mail/ and private/ are below it
	Version string         // told to people and clients
	Trusted []netip.Prefix // besides what was set up; for development and tests
	Built   time.Time      // when the software was built: no clock is earlier; zero: any may be
	Dev     bool           // on a developer's machine: loopback may log in without TLS
	Machine Machine
	// Sure says whether dates may be judged by the machine's clock; nil: they may. Mail
	// comes and goes all the same.
	Sure func() bool
	// Watcher tells of the machine and its log; nil: nobody does.
	Watcher Watcher
	// Errands are what the machine wants of the office; nil: nothing.
	Errands Errands
	// Computer installs updates and restarts; nil: nobody does.
	Computer web.Computer
	// Encryption keeps the key of what is private; nil: nobody does.
	Encryption web.Encryption
	// Networking sets the machine's network; nil: nobody does.
	Networking web.Networking
	Log        *slog.Logger
	Memory     Memory // of the machine
	// Disk tells how much there is where Data stands; nil: the kernel does.
	Disk   func() (room.Usage, error)
	Tuning Tuning
	DNS    trust.DNS     // who judges strangers' mail asks it; nil: the system's servers
	Trust  trust.Options // whose block lists and seals are believed
	// Outgoing is how other servers are reached; zeros: as the world does.
	Outgoing Outgoing
}

// Tuning is how the store goes about its work; zeros are what a box has.
type Tuning struct {
	Retention time.Duration // how long what was deleted can be put back; 0: store.DefaultRetention
	Upkeep    time.Duration // how often it is looked what has to be expired, compacted and read; 0: see store.UpkeepOptions
	Segment   int64         // bytes of one file of the log; 0: journal.DefaultSegment
	Indexing  time.Duration // how long after a change mail is indexed for searches; 0: search.DefaultDelay
}

// Machine is the computer that the office runs on.
type Machine interface {
	lan.Network
	// Addresses are the box's own, those that a person would type first.
	Addresses() []netip.Addr
	// Show puts the office's state on the box's screen.
	Show(ctx context.Context, s Screen) error
	// Keep has the machine write down the name and network that were set up, durably, for the next start.
	Keep(ctx context.Context, box directory.Box) error
	// Settle gives the machine that name and network now, and keeps them.
	Settle(ctx context.Context, box directory.Box) error
	// Admit tells the machine's packet filter whom to let in. The error is of the
	// moment: it is told again.
	Admit(ctx context.Context, a lan.Admission) error
	// SetUpBegins has the machine keep what is private from now on: it may be erased and made anew only before.
	// Without it the box is not set up. The error is a *mail.RuleError where it is too late.
	SetUpBegins(ctx context.Context) error
	// SetUpDone erases the provisioning file, which holds passwords.
	SetUpDone(ctx context.Context) error
}

// Screen is what a person in front of the box has to know.
type Screen struct {
	State       string
	Hostname    string
	ClaimCode   string // "" once the box is set up
	Fingerprint string // of the certificate
}

// Office is an open office.
type Office struct {
	options   Options
	log       *slog.Logger
	files     *durable.OS
	index     *directory.Index
	room      *room.Gauge
	history   *room.History // of the room that is used
	journal   *journal.Journal
	store     *store.Store
	upkeep    *store.Upkeep
	queue     *queue.Queue
	relay     *relay.Client
	ask       *resolver.Client // see resolver
	directory *directory.Directory
	search    *search.Index
	spool     *draft.Spool
	shares    *sharing.Shares
	auth      *auth.Authenticator
	certs     *tlscert.Certificates
	issuance  *issuance.Issuance
	mailroom  *delivery.Mailroom
	collected *collect.State
	collector *collect.Collector
	mover     *moving.Mover
	allowance *allowance.Counter // of what people send
	fetched   *fetched.Book      // by POP3
	trail     *trail             // of what programs do with mail
	started   time.Time          // with the clock that nobody sets
	screening *screening
	notices   chan notice // letters of the box, see notify
	trace     *trace.Book // of what happens to mail
	traceEnd  time.Time   // of its last step before this start
	tally     *tally.Book // of mail by days
	devices   *device.Book
	audit     *audit.Book // of who changed what
	judge     judge
	srsKey    []byte // for package srs
	signer    *signer.Signer
	aggregate *aggregate.Aggregate
	monitor   *monitor.Book
	feed      *feed.Feed       // of updates; nil: there is no machine that takes them
	exporter  *syslog.Exporter // of the box's log
	wayBack   *wayBack
	lan       *lan.Policy
	claim     *claim.Code   // nil when the box was set up before
	setUp     chan struct{} // capacity 1: attend has something to do
	weighNow  chan struct{} // capacity 1: weighCertificate has something to do
	readOnly  atomic.Bool   // the disk takes no writes, see endure
	onlyRead  error         // why the office was opened only to read, see openToRead; nil: it was not
	scratch   string        // a directory in memory, for what is written then
	freeThen  int64         // bytes that were free then
	close     []func() error
	quotas    atomic.Pointer[directory.Directory] // the directory, once it is open

	monitoring sync.Mutex // held while monitor's settings are changed

	mu        sync.Mutex
	addresses []netip.Addr // guarded by mu; the box's own, all that it has had since Open

	lastZone atomic.Pointer[time.Location] // what zone gave last
	longWork longWork

	settling   sync.Mutex
	settleFrom time.Time // guarded by settling; see SetUp
}

// Open opens the office's data, recovering what a crash left. Whoever opens it
// closes it.
func Open(ctx context.Context, options Options) (_ *Office, err error) {
	o := &Office{options: options, log: options.Log, setUp: make(chan struct{}, 1), weighNow: make(chan struct{}, 1), notices: make(chan notice, maxNotices)}
	o.screening = &screening{o: o}
	o.wayBack = &wayBack{o: o}
	o.longWork.show = func(text string) {
		ctx, cancel := context.WithTimeout(ctx, showTime)
		defer cancel()
		o.show(ctx, Screen{State: text})
	}
	defer func() {
		if err != nil {
			switch {
			case errors.Is(err, mail.ErrNewer):
				o.longWork.show(cantStartNewer)
			case errors.Is(err, syscall.EROFS):
				o.longWork.show(cantStartReadOnly)
			case isFull(err):
				o.longWork.show(cantStartFull)
			}
			err = errors.Join(err, o.Close())
		}
	}()
	err = o.openData(ctx)
	if errors.Is(err, syscall.EROFS) || isFull(err) {
		err = o.openToRead(ctx, err)
	}
	if err != nil {
		if errors.Is(err, directory.ErrLost) {
			o.show(ctx, Screen{State: lostState})
		}
		return nil, err
	}
	_, setUp := o.directory.Box()
	if _, err := o.files.Stat(settledFile); !setUp && err == nil {
		o.show(ctx, Screen{State: lostState})
		return nil, fmt.Errorf("office: %w", directory.ErrLost)
	}
	if !setUp {
		o.claim = claim.New(nil)
	}
	o.lan = lan.New(options.Machine, o.isSetUp, o.trustedNetworks, o.admission)
	if o.certs, err = tlscert.Open(tlscert.Options{FS: o.keeping(o.files), Identity: o.identity(), Floor: options.Built, Roots: options.Outgoing.Roots, Logger: o.log}); err != nil {
		return nil, fmt.Errorf("office: open certificates: %w", err)
	}
	if err := o.openIssuance(); err != nil {
		return nil, err
	}
	if options.DNS == nil {
		options.DNS = o.resolver()
	}
	o.openAggregate(options.DNS)
	o.openMonitor()
	o.openFeed()
	if options.Trust.Lists == nil {
		options.Trust.Lists = o.directory.BlockLists
	}
	options.Trust.Sure = options.Sure
	o.judge = judge{trust.New(options.DNS, options.Trust), o.aggregate.Judged, o.hostname, o.isSpare}
	o.signer = o.newSigner(options.DNS)
	o.mailroom = delivery.New(o.delivery(posting{o: o}))
	o.collector = collect.New(collect.Options{
		Sources: o.sources, State: o.collected, Directory: collecting{o}, Post: collecting{o}, Judge: o.judge, Draft: o.spool.New, MaxSize: mail.MaxMessage,
		Roots: options.Outgoing.Roots, Log: o.log.With("protocol", "collect"),
	})
	return o, nil
}

// openData opens what is on disk, in the order in which one needs the other.
func (o *Office) openData(ctx context.Context) (err error) {
	if o.files, err = durable.NewOS(o.options.Data); err != nil {
		return fmt.Errorf("office: open data directory: %w", err)
	}
	o.close = append(o.close, o.files.Close)
	for _, dir := range []string{"mail", "private"} {
		// Synced, or a power cut takes the directory with all mail in it.
		if err := durable.MkdirAllSync(o.keeping(o.files), dir, 0o700); err != nil {
			return fmt.Errorf("office: make %s: %w", dir, err)
		}
	}
	// The index of the directory comes first: its lock keeps a second process out.
	file, err := o.indexFile("mail/" + directory.File)
	if err != nil {
		return err
	}
	if o.index, err = directory.OpenIndex(file); err != nil {
		return fmt.Errorf("office: open directory index: %w", err)
	}
	o.close = append(o.close, o.index.Close)
	if err := o.findLog(); err != nil {
		return err
	}
	if err := o.openTrace(); err != nil {
		return err
	}
	if err := o.openAudit(); err != nil {
		return err
	}
	key, err := o.openKey()
	if err != nil {
		return err
	}
	o.srsKey = key.Derive("reverse-paths of forwarded mail")
	mail, err := durable.NewOS(o.files.Path("mail"))
	if err != nil {
		return fmt.Errorf("office: open mail directory: %w", err)
	}
	o.close = append(o.close, mail.Close)
	o.measure(mail)
	free := o.room.Free
	if o.journal, err = journal.Open(mail, journal.Options{Logger: o.log, Free: free, Reserve: o.room.Bounds().Reserve, Segment: o.options.Tuning.Segment, Recovering: o.longWork.reading, ReadOnly: o.onlyRead}); err != nil {
		return fmt.Errorf("office: open journal: %w", err)
	}
	o.close = append(o.close, o.closeJournal)
	room := o.roomForDrafts
	if o.onlyRead != nil {
		room = func() (int64, error) { return 0, nil }
	}
	if o.spool, err = draft.NewSpool(o.keeping(mail), "spool", room); err != nil {
		return fmt.Errorf("office: open spool: %w", err)
	}
	if o.store, err = store.Open(ctx, o.journal, mail, store.Options{Rebuilding: o.longWork.rebuilding, CacheSummaries: o.options.Memory.cache(), Retention: o.options.Tuning.Retention, Quota: o.quota, Logger: o.log, ReadOnly: o.onlyRead != nil}); err != nil {
		return fmt.Errorf("office: open store: %w", err)
	}
	o.close = append(o.close, o.store.Close)
	if o.directory, err = directory.Open(ctx, o.index, o.journal, directory.Options{Key: key, Mailboxes: o.store, Logger: o.log}); err != nil {
		return fmt.Errorf("office: open directory: %w", err)
	}
	o.close = append(o.close, o.directory.Close)
	o.quotas.Store(o.directory)
	if err := o.directory.Settle(ctx); err != nil && o.onlyRead == nil {
		return fmt.Errorf("office: settle accounts: %w", err)
	}
	if file, err = o.indexFile("mail/" + queue.File); err != nil {
		return err
	}
	if err := o.openQueue(ctx, file); err != nil {
		return err
	}
	o.upkeep = store.NewUpkeep(o.store, store.UpkeepOptions{Owners: []journal.Owner{o.queue}, Logger: o.log, Free: free, Outside: o.room.Bounds().Outside, Reserve: o.room.Bounds().Reserve, Every: o.options.Tuning.Upkeep})
	if err := o.openSearch(); err != nil {
		return err
	}
	if file, err = o.indexFile("mail/" + collect.File); err != nil {
		return err
	}
	if o.collected, err = collect.OpenState(ctx, file, o.journal, o.log); err != nil {
		return fmt.Errorf("office: open what was collected: %w", err)
	}
	o.close = append(o.close, o.collected.Close)
	if err := o.openMover(); err != nil {
		return err
	}
	o.openAllowance()
	o.fetched, o.started = fetched.Open(o.files, fetchedDir), time.Now()
	o.trail = newTrail(o)
	o.shares = o.newShares()
	o.auth = auth.New(o.directory, auth.Options{Key: key, Trusted: o.trusted, Local: o.lan.Local, ClearLoopback: o.options.Dev, Certificates: o.directory, Certificate: func(name string) []byte { return o.certs.Shown(name) }, Logger: o.log})
	return nil
}

// findLog refuses to begin anew where there was something: a box whose log is
// missing would make an empty one, throw its indexes away, and ask to be set up.
func (o *Office) findLog() error {
	entries, err := o.files.ReadDir("mail/log")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("office: look for the log: %w", err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".seg") }) {
		return nil
	}
	_, err = o.files.Stat(settledFile)
	if _, setUp := o.index.SetUp(); !setUp && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("office: there is no log: %w", directory.ErrLost)
}

// openSearch opens the search index, which then follows the store by itself.
func (o *Office) openSearch() error {
	dir, err := o.searchDir()
	if err != nil {
		return fmt.Errorf("office: make search directory: %w", err)
	}
	files, err := durable.NewOS(dir)
	if err != nil {
		return fmt.Errorf("office: open search directory: %w", err)
	}
	o.close = append(o.close, files.Close)
	o.search = search.Open(search.Options{
		Files: files, Store: o.store, Logger: o.log, Delay: o.options.Tuning.Indexing,
		Open: func(ctx context.Context, id mail.AccountID) (search.Account, error) { return o.store.Account(ctx, id) },
	})
	o.close = append(o.close, o.search.Close)
	return nil
}

// openKey opens the box key, and makes one only for a box that has no mail yet:
// behind a lost key every password is worthless, and a new one would hide that.
func (o *Office) openKey() (*auth.Key, error) {
	_, err := o.files.Stat("mail/log")
	if errors.Is(err, fs.ErrNotExist) {
		key, err := auth.CreateKey(o.files, auth.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("office: make box key: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("office: look for the log: %w", err)
	}
	key, err := auth.OpenKey(o.files, auth.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("office: open box key: %w", err)
	}
	return key, nil
}

func (o *Office) closeJournal() error {
	err := o.journal.Close()
	o.journal.Release()
	return err
}

// Close closes everything in the reverse order of opening.
func (o *Office) Close() error {
	var errs []error
	for _, close := range slices.Backward(o.close) {
		errs = append(errs, close())
	}
	o.close = nil
	return errors.Join(errs...)
}

// Alive goes the way that every message goes, up to the sync: it returns nil
// when the goroutine that commits has answered, which one that hangs never does.
// On a disk that takes no writes it does not ask: a restart would take reading
// away too, see endure.
func (o *Office) Alive(ctx context.Context) error {
	if o.readOnly.Load() {
		return nil
	}
	answered := make(chan error, 1)
	go func() {
		// Nothing is written: the entry has no payload.
		answered <- o.journal.Commit(ctx, &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) { return nil, nil }})
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return fmt.Errorf("office: the journal does not answer: %w", ctx.Err())
	}
}

// ClaimCode is what whoever sets the box up must have seen on its screen; ""
// once it is set up.
func (o *Office) ClaimCode() string {
	if o.claim == nil || o.isSetUp() {
		return ""
	}
	return o.claim.String()
}

func (o *Office) isSetUp() bool {
	_, ok := o.directory.Box()
	return ok
}

// hostname is the office's name, once it has one.
func (o *Office) hostname() string {
	if box, ok := o.directory.Box(); ok {
		return string(box.Hostname)
	}
	return mailboxName
}

// zone is the office's time, once it has said which.
func (o *Office) zone() *time.Location {
	box, _ := o.directory.Box()
	if last := o.lastZone.Load(); last != nil && last.String() == box.Timezone {
		return last // reading its file is work, for each message
	}
	zone, err := time.LoadLocation(box.Timezone)
	if err != nil { // it was good at the set-up; a later program may know fewer zones
		return time.UTC
	}
	o.lastZone.Store(zone)
	return zone
}

// names are those that the certificate is for and that pages are asked by.
func (o *Office) names() []string {
	names := []string{mailboxName}
	if box, ok := o.directory.Box(); ok {
		names = append([]string{string(box.Hostname)}, names...)
	}
	if o.options.Dev {
		names = append(names, "localhost")
	}
	return names
}

// identity is what the certificate is for. An address that the box had and has
// no more does no harm in it, while a new certificate makes every program that
// has noted the old one ask again: so a cable that is pulled changes nothing.
func (o *Office) identity() tlscert.Identity {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, addr := range o.options.Machine.Addresses() {
		if !slices.Contains(o.addresses, addr) {
			o.addresses = append(o.addresses, addr)
		}
	}
	return tlscert.Identity{Names: append(o.names(), o.foundNames()...), Addresses: slices.Clone(o.addresses)}
}

func (o *Office) trustedNetworks() []netip.Prefix {
	box, _ := o.directory.Box()
	return append(slices.Clone(o.options.Trusted), box.TrustedNetworks...)
}

// admission is whom the administrator lets in; nobody as long as there is no directory.
func (o *Office) admission() mail.Admission {
	if o.directory == nil {
		return mail.Admission{}
	}
	return o.directory.Admission()
}

// trusted is lan.Policy.Trusted for those that are made before the policy.
func (o *Office) trusted(addr netip.Addr) bool { return o.lan.Trusted(addr) }
