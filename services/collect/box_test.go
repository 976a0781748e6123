package collect

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/store"
)

// people is a directory.
type people map[mail.CanonicalAddress]mail.AccountID

func (p people) Knows(ctx context.Context, to mail.Address) error {
	_, err := p.Look(ctx, to)
	return err
}

func (p people) Look(_ context.Context, to mail.Address) (mail.Found, error) {
	if id, ok := p[to.Canonical()]; ok {
		return mail.Found{Account: id, Listing: mail.Listing{Address: to, Kind: mail.ListingAccount}}, nil
	}
	if to.Domain != "office.test" {
		return mail.Found{}, mail.ErrNotOurDomain
	}
	return mail.Found{}, mail.ErrNoSuchAddress
}

func (p people) Rules(context.Context, mail.AccountID) (mail.Rules, error) { return mail.Rules{}, nil }

func (p people) Owns(context.Context, mail.AccountID, mail.Address) (bool, error) { return false, nil }

// room delivers as the office does.
type room struct {
	b *testBox
	m *delivery.Mailroom
}

func (r room) Collect(ctx context.Context, m *mail.Collected, body *draft.Draft, note *journal.Entry) (bool, error) {
	return r.m.Collect(ctx, m, body, posting{r.b, note})
}

// posting commits what a room hands over.
type posting struct {
	b    *testBox
	note *journal.Entry
}

func (p posting) Deliver(ctx context.Context, env *mail.Envelope, targets []mail.Target, outbound []mail.Outbound, body *draft.Draft) error {
	if len(outbound) > 0 && p.b.queue == nil {
		return errors.New("collected mail leaves the office")
	}
	staged, err := p.b.store.Stage(ctx, body)
	if err != nil {
		return err
	}
	entry, err := p.b.store.Entry(ctx, env, targets, body, staged)
	if err != nil {
		return err
	}
	entries := []*journal.Entry{entry, p.note}
	if len(outbound) > 0 {
		var items []*queue.Item
		for _, out := range outbound {
			it := &queue.Item{ID: mail.NewID(env.ID.Time()), Message: env.ID, From: out.From, Prefix: out.Prefix, Size: int64(len(out.Prefix)) + body.Size()}
			for _, to := range out.To {
				it.To = append(it.To, queue.Recipient{Recipient: to, Hop: mail.Hop(to.Domain)})
			}
			items = append(items, it)
		}
		entries = append(entries, p.b.queue.Entry(staged, items))
	}
	return p.b.journal.CommitAll(ctx, entries...)
}

func office() people {
	return people{"alice@office.test": 1, "bob@office.test": 2, "postmaster@office.test": 3}
}

// testBox is a box that collects, with a real log and store.
type testBox struct {
	t       testing.TB
	dir     string
	journal *journal.Journal
	store   *store.Store
	state   *State
	queue   *queue.Queue // nil: nothing leaves
	spool   *draft.Spool
	c       *Collector
	quota   map[mail.AccountID]mail.Quota
}

func openBox(t testing.TB, disk durable.FS, dir string, dial Dial, sources ...Source) *testBox {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	b := &testBox{t: t, dir: dir, quota: map[mail.AccountID]mail.Quota{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	b.journal, err = journal.Open(disk, journal.Options{Logger: log, Ring: journal.NoRing})
	must(err)
	files, err := durable.NewOS(dir)
	must(err)
	b.store, err = store.Open(t.Context(), b.journal, files, store.Options{Logger: log, Quota: func(id mail.AccountID) mail.Quota { return b.quota[id] }})
	must(err)
	for id := range mail.AccountID(3) {
		must(b.store.CreateAccount(t.Context(), id+1))
	}
	b.state, err = OpenState(t.Context(), filepath.Join(dir, File), b.journal, log)
	must(err)
	b.spool, err = draft.NewSpool(files, "spool", nil)
	must(err)
	mailroom := delivery.New(delivery.Options{Directory: office(), Log: log, Place: delivery.Place{
		Hostname: func() string { return "box.office.test" }, Zone: func() *time.Location { return time.UTC },
	}})
	b.c = New(Options{
		Sources: func() []Source { return sources }, State: b.state, Directory: office(), Post: room{b, mailroom}, Draft: b.spool.New, MaxSize: 1 << 20,
		Dial: dial, Log: log,
	})
	t.Cleanup(func() { _ = files.Close() })
	return b
}

// close ends the box's process.
func (b *testBox) close() {
	b.t.Helper()
	if err := b.state.Close(); err != nil {
		b.t.Error(err)
	}
	if err := b.store.Close(); err != nil {
		b.t.Error(err)
	}
	if err := b.journal.Close(); err != nil {
		b.t.Error(err)
	}
	b.journal.Release()
}

// abandon ends it as a power cut does: nothing is written any more that counts.
func (b *testBox) abandon() {
	_ = b.state.index.db.Close()
	_ = b.store.Close()
	_ = b.journal.Close()
	b.journal.Release()
}

// once runs one session.
func (b *testBox) once(s Source) (result, error) {
	w := newWorker(b.c, s)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.Protocol == setup.ProtocolIMAP {
		r, err := b.c.collectIMAP(ctx, &s, w)
		if r.idle != nil {
			r.idle.close()
		}
		return r, err
	}
	return b.c.collectPOP(ctx, &s, w)
}

// inbox gives the messages of an account, as they are there.
func (b *testBox) inbox(id mail.AccountID) []string {
	b.t.Helper()
	ctx := context.Background()
	account, err := b.store.Account(ctx, id)
	if err != nil {
		b.t.Fatal(err)
	}
	box, err := account.Mailbox(ctx, mail.Inbox)
	if err != nil {
		b.t.Fatal(err)
	}
	var list []string
	all := mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})
	for row, err := range account.Rows(ctx, box.ID, all) {
		if err != nil {
			b.t.Fatal(err)
		}
		m, err := account.Open(ctx, box.ID, row.UID)
		if err != nil {
			b.t.Fatal(err)
		}
		text, err := io.ReadAll(m.Reader())
		if err != nil {
			b.t.Fatal(err)
		}
		_ = m.Close()
		list = append(list, string(text))
	}
	return list
}

// has counts how many messages of an account have a text.
func (b *testBox) has(id mail.AccountID, text string) (n int) {
	for _, m := range b.inbox(id) {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n
}

func popSource() Source {
	return Source{
		Protocol: setup.ProtocolPOP3, Host: "pop.provider.test", Port: 110, TLS: setup.TLSNone, User: "office", Password: "secret",
		Every: 5 * time.Minute, IntoDomain: "office.test",
	}
}

func letter(to, text string) string {
	return "Return-Path: <sender@else.test>\r\nX-Original-To: " + to + "\r\nFrom: sender@else.test\r\nTo: list@else.test\r\nSubject: s\r\n\r\n" + text + "\r\n"
}

func newDisk() *crashfs.FS { return crashfs.New() }
