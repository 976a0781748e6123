package web

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/collect/moving"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/feed"
	"github.com/sanduk-mail/sanduk/services/issuance"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
	"github.com/sanduk-mail/sanduk/services/syslog"
	"github.com/sanduk-mail/sanduk/services/zone"
)

// serveOffice gives a box what an office at work has, for the browser's tests.
func serveOffice(t *testing.T, o *Options) {
	now := time.Now()
	o.Health = servedDoctor{now}
	o.DNS = &servedZone{}
	collector := newServedCollector(now)
	o.Collector, o.Sources = collector, collector
	o.Routes = newServedRoutes()
	o.Computer = &servedComputer{}
	o.Queue = newServedQueue(now)
	undo := newServedUndo(t)
	traced := newServedTrace(now)
	traced.add(now.Add(-20*time.Minute), mail.ID{9},
		traceStep(now.Add(-20*time.Minute), "message waits for a decision", "why", "It has an attachment named “prices-2027.xlsx”.", "from", "ben.person@example.test", "to", "press@paper.test", "subject", "Prices of 2027", "size", "840000"))
	traced.add(now.Add(-2*time.Hour), undo.invoice,
		traceStep(now.Add(-2*time.Hour), "message delivered", "mailboxes", "1", "outside", "0", "account", "alice@example.test", "folder", "INBOX", "from", "bob@builder.test", "to", "alice@example.test", "subject", "Invoice 2026-118", "size", "48213"),
		traceStep(now.Add(-time.Hour), "messages fetched", "verb", "fetch", "protocol", "imap", "account", "alice@example.test", "peer", "192.168.1.31", "program", "Thunderbird 140", "count", "1"),
		traceStep(now.Add(-30*time.Minute), "messages deleted", "verb", "expunge", "protocol", "pop3", "account", "alice@example.test", "peer", "192.168.1.31", "folder", "INBOX", "mailbox", "m1", "uid", "2", "count", "3"))
	o.Trace, o.Logger = traced, slog.New(&tracedLines{o.Logger.Handler(), traced})
	o.Tally = servedTally{}
	o.Audit = servedChanges(now)
	o.Log = servedLog(t, now)
	o.Undo = undo
	o.Addresses = newServedAddresses()
	o.Content = &rulebook{rules: []mail.ContentRule{{Name: "Prices stay inside", Out: true, Names: true, Words: []string{"prices"}, Action: mail.ContentHold}, {Name: "Card numbers", Out: true, Ready: []string{"card"}, Action: mail.ContentRedact}}}
	o.BlockLists = &listBook{set: mail.BlockLists{Lists: []mail.BlockList{{Zone: "b.test"}}, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}}}
	o.Shares = &servedShares{at: o.Accounts, list: []mail.SharedMailbox{{Owner: mail.Address{Local: "alice", Domain: "example.test"}, Mailbox: "Projects", Grant: mail.Grant{ID: "admin@example.test", Rights: mustRights("lrs")}}}}
	o.Spares = &spareBook{spares: []mail.Spare{{Domain: "sister.test", Recipients: []string{"info", "sales"}}}}
	o.Access = &servedAccess{}
	o.Disks = &diskShelf{list: []Disk{
		{Device: "sda", Model: "Samsung SSD 870 EVO 2TB", Serial: "S6PNNM0T417301", Bytes: 2_000_398_934_016, Own: true, Total: 1_960_000_000_000, Free: 1_790_000_000_000,
			Health:   &DiskHealth{Reallocated: 0, Pending: 0, Errors: -1, Worn: 92, Celsius: 34, Hours: 31_204},
			Findings: []mail.Finding{{What: "The disk (Samsung SSD 870 EVO 2TB, serial number S6PNNM0T417301) has used 92 % of the writing that it was made for.", ToDo: "Order a new disk; behind 100 % it may stop taking writes at any time."}}},
		{Device: "sdb", Model: "SanDisk Ultra", Serial: "4C530001", Bytes: 64_000_000_000},
	}}
	o.Mover = &servedMover{now: now}
	o.Archives = &archives{}
	o.POP3, o.APOP, o.LogInCerts = &popBook{}, &apopBook{}, &certificateBook{}
	o.Sizes = &sizeBook{set: []mail.SizeBound{{Who: "example.test", Bytes: 50 << 20}}}
	o.Networking = &servedNetwork{settings: json.RawMessage(`{"mode":"dhcp","ntp":["time.example.test"]}`)}
	o.Admissions = &servedAdmission{}
	o.BoxCertificate = servedCertificate(t)
	o.Monitor = &watchers{set: Monitoring{Syslog: &syslog.Target{Transport: syslog.TLS, Host: "log.example.test"}, Sent: 1280, LastSent: now.Add(-time.Minute), Metrics: true, Letters: true}}
	o.UpdateSource = &oneSource{set: feed.Settings{URL: "https://updates.example.test/sanduk"}}
	o.Decisions = &servedDecisions{list: []Held{{
		ID: mail.ID{9}, From: mail.Address{Local: "ben.person", Domain: "example.test"}, To: []mail.Address{{Local: "press", Domain: "paper.test"}},
		At: now.Add(-20 * time.Minute), Size: 840_000, Why: "It has an attachment named “prices-2027.xlsx”, which the rule “Prices stay inside” stops.", Inside: true,
	}}}
}

// servedDoctor has one finding.
type servedDoctor struct{ now time.Time }

func (d servedDoctor) Health(context.Context) Health {
	return Health{
		Findings: []mail.Finding{{
			What: "A message of alice@example.test in “Projects/2026” is damaged: its subject is “Offer for the roof”.",
			ToDo: "All others can be read. Put it back from a backup of the box, and have the disk looked at.",
		}},
		Notes:    []string{"Mail of example.test is signed by its provider, as it was set."},
		LastRead: d.now.Add(-50 * time.Hour), NextRead: d.now.Add(100 * time.Hour),
		LogBytes: 12_400_000_000, DeadBytes: 640_000_000, FreeBytes: 1_790_000_000_000,
	}
}

// servedZone is wrong until it is asked a second time.
type servedZone struct {
	fakeZone
	looks atomic.Int32
}

func (z *servedZone) Notes() []string { return nil }

func (z *servedZone) Records(context.Context) ([]zone.Record, error) {
	list, err := z.Proposed(context.Background())
	if z.looks.Add(1) > 2 {
		list[1].State, list[1].Found, list[1].ToDo = zone.OK, nil, ""
		list[2].State, list[2].ToDo = zone.OK, ""
	}
	return list, err
}

func (z *servedZone) Proposed(context.Context) ([]zone.Record, error) {
	return []zone.Record{
		{About: "Where the box is: the name that all else leads to.", Need: zone.Needed, Name: "mail.example.test", Type: "A", Value: "192.0.2.20", State: zone.OK},
		{
			About: "Which server takes mail for example.test.", Need: zone.Needed, Name: "example.test", Type: "MX", Value: "10 mail.example.test",
			State: zone.Differs, Found: []string{"10 mx.provider.test"}, ToDo: "Mail goes elsewhere now. Put this in place of what is there.",
		},
		{
			About: "A key by which others see that mail is from example.test (DKIM).", Need: zone.Needed, Name: "s1._domainkey.example.test", Type: "TXT",
			Value: "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW/VDL5AaWTg0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmwIDAQAB",
			State: zone.Missing, ToDo: "Publish it: without it, others can take the office's mail for a fake.",
		},
		{
			About: "Where others tell that they could not send mail safely to example.test (TLS-RPT).", Need: zone.Useful, Name: "_smtp._tls.example.test", Type: "TXT",
			Value: "v=TLSRPTv1; rua=mailto:postmaster@example.test", State: zone.Missing, ToDo: "Publish it when you are at it.",
		},
		{
			About: "What the office's address 192.0.2.20 is called: many servers take no mail from one without a name.", Need: zone.Useful, Name: "20.2.0.192.in-addr.arpa", Type: "PTR",
			Value: "mail.example.test", State: zone.Unknown, ToDo: "It could not be looked up now. Check again later.",
		},
	}, nil
}

// servedCollector has one mailbox that works, one that doesn't, and those that were added.
type servedCollector struct {
	now time.Time
	mu  sync.Mutex
	fakeSources
}

func (c *servedCollector) Collections() []setup.Collection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

func (c *servedCollector) SetCollection(ctx context.Context, s setup.Collection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fakeSources.SetCollection(ctx, s)
}

func (c *servedCollector) RemoveCollection(ctx context.Context, protocol setup.Protocol, host, user string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fakeSources.RemoveCollection(ctx, protocol, host, user)
}

func newServedCollector(now time.Time) *servedCollector {
	return &servedCollector{now: now, fakeSources: fakeSources{[]setup.Collection{
		{Protocol: setup.ProtocolIMAP, Host: "imap.provider.test", Port: 993, TLS: setup.TLSImplicit, User: "office@provider.test", Password: "secret", IntoDomain: "example.test", Every: 5 * time.Minute, Leave: 7 * 24 * time.Hour},
		{Protocol: setup.ProtocolPOP3, Host: "pop.oldhost.test", Port: 995, TLS: setup.TLSImplicit, User: "info@oldhost.test", Password: "wrong", IntoAddress: mail.Address{Local: "alice", Domain: "example.test"}, Every: 15 * time.Minute, Leave: -1},
	}}}
}

func (c *servedCollector) ParseCollection(_ context.Context, document []byte, password string) (setup.Collection, error) {
	return setup.ParseCollection(document, password, []domain.Name{"example.test"}, func(mail.Address) bool { return true })
}

func (c *servedCollector) List() []collect.Status {
	list := []collect.Status{}
	for _, s := range c.Collections() {
		st := collect.Status{Key: keyOf(s), Protocol: s.Protocol, Host: s.Host, User: s.User, Into: settingsOf(s).Into, Last: c.now.Add(-time.Minute), Next: c.now.Add(4 * time.Minute), Paused: s.Paused}
		if s.Password == "wrong" {
			st.LastGood, st.Problem = c.now.Add(-30*time.Hour), "The server does not take the password."
		} else {
			st.LastGood, st.Listening, st.Collected = st.Last, true, 31
		}
		list = append(list, st)
	}
	return list
}
func (c *servedCollector) Now(string) error { return nil }
func (c *servedCollector) Try(_ context.Context, s collect.Source) collect.Trial {
	if s.Password == "wrong" {
		return collect.Trial{Problem: "The server does not take the password."}
	}
	return collect.Trial{Messages: 12, New: 12}
}

// servedRoutes are ways for mail to some domains.
type servedRoutes struct {
	mu sync.Mutex
	routeBook
}

func newServedRoutes() *servedRoutes {
	return &servedRoutes{routeBook: routeBook{routes: []mail.Route{{Domain: "partner.test", Below: true, Way: mail.WaySmartHost, Host: "relay.provider.test", Port: 587, TLS: mail.RouteSTARTTLS, User: "office", FallBack: true}}}}
}

func (b *servedRoutes) Routes(context.Context) ([]mail.Route, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.routes), nil
}

func (b *servedRoutes) SetRoute(_ context.Context, r mail.Route) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.routes = append(slices.DeleteFunc(b.routes, func(o mail.Route) bool { return o.Domain == r.Domain }), r)
	return nil
}

func (b *servedRoutes) RemoveRoute(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.routes = slices.DeleteFunc(b.routes, func(o mail.Route) bool { return o.Domain == name })
	return nil
}

// servedComputer takes any update but those that begin with "bad".
type servedComputer struct {
	testComputer
	mu         sync.Mutex
	installing *Installing
}

func (c *servedComputer) Versions(context.Context) (Versions, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := Versions{
		Running: "1.2.3", Previous: "1.2.2", Installing: c.installing, Keys: []string{"Sanduk releases"},
		Last: &Updated{Time: time.Now().Add(-72 * time.Hour), From: "1.2.2", To: "1.2.3", Well: true},
	}
	if c.installing != nil && c.installing.State == "installing" {
		c.installing = &Installing{Version: c.installing.Version, State: "installed"}
	}
	return v, nil
}

func (c *servedComputer) Install(_ context.Context, bundle io.Reader) error {
	data, err := io.ReadAll(bundle)
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(data), "bad") {
		return &mail.RuleError{Text: "This isn't an update for this box: nobody whom it trusts has signed it"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.installing = &Installing{Version: "1.3.0", State: "installing"}
	return nil
}

// servedQueue is some mail that waits.
type servedQueue struct {
	mu   sync.Mutex
	list []mail.Waiting
}

func newServedQueue(now time.Time) *servedQueue {
	next, morning := now.Add(25*time.Minute), now.Add(14*time.Hour)
	refused := func(ago time.Duration, reply string) mail.WaitingAttempt {
		return mail.WaitingAttempt{At: now.Add(-ago), Took: time.Second, Server: "mx1.partner.test", Addr: "198.51.100.7", TLS: "TLS 1.3", Fate: "deferred", Reply: reply}
	}
	return &servedQueue{list: []mail.Waiting{
		{ID: mail.ID{1}.String(), Message: mail.ID{101}.String(), From: "alice@example.test", Accepted: now.Add(-95 * time.Minute), Size: 48_200, To: []mail.WaitingRecipient{
			{Address: "orders@partner.test", Hop: "partner.test", State: "queued", Tries: 3, Next: &next, Attempts: []mail.WaitingAttempt{
				refused(95*time.Minute, "451 4.7.1 Greylisting in action, please come back later"),
				refused(80*time.Minute, "451 4.7.1 Greylisting in action, please come back later"),
				refused(20*time.Minute, "452 4.2.2 The recipient's mailbox is over quota, try again tomorrow"),
			}},
			{Address: "archive@partner.test", Hop: "partner.test", State: "relayed", Tries: 1, Attempts: []mail.WaitingAttempt{
				{At: now.Add(-95 * time.Minute), Took: time.Second, Server: "mx1.partner.test", Addr: "198.51.100.7", TLS: "TLS 1.3", Fate: "relayed", Reply: "250 2.0.0 Ok: queued as 4F2A1"},
			}},
		}},
		{ID: mail.ID{2}.String(), Message: mail.ID{102}.String(), From: "giulia.person@example.test", Accepted: now.Add(-3 * time.Hour), Size: 6_300_000, To: []mail.WaitingRecipient{
			{Address: "somebody.with.a.rather.long.address@a-silent-server.test", Hop: "a-silent-server.test", State: "queued", Tries: 2, Next: &next, Attempts: []mail.WaitingAttempt{
				{At: now.Add(-3 * time.Hour), Took: 30 * time.Second, Server: "mail.a-silent-server.test", Addr: "203.0.113.9", Fate: "deferred", Reply: "Nobody answers at port 25: connection timed out"},
			}},
		}},
		{ID: mail.ID{3}.String(), Message: mail.ID{103}.String(), From: "ben.person@example.test", Accepted: now.Add(-time.Hour), Size: 2_100, HoldUntil: &morning, To: []mail.WaitingRecipient{
			{Address: "birthday@friends.test", Hop: "friends.test", State: "queued"},
		}},
	}}
}

func (q *servedQueue) Waiting(_ context.Context, f mail.WaitingFilter) ([]mail.Waiting, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := []mail.Waiting{}
	for _, m := range q.list {
		any := func(ok func(mail.WaitingRecipient) bool) bool { return slices.ContainsFunc(m.To, ok) }
		if f.After != (mail.ID{}) || f.Held && !any(func(r mail.WaitingRecipient) bool { return r.State == "held" }) ||
			!strings.Contains(m.From, f.Address) && !any(func(r mail.WaitingRecipient) bool { return strings.Contains(r.Address, f.Address) }) {
			continue
		}
		found = append(found, m)
	}
	return found, false, nil
}

func (q *servedQueue) Counts(context.Context) (mail.WaitingStats, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	probe := time.Now().Add(8 * time.Minute)
	stats := mail.WaitingStats{Messages: len(q.list)}
	if len(q.list) > 0 {
		stats.Hops = []mail.HopCounts{{Hop: "a-silent-server.test", Waiting: 1, Dead: true, Probe: &probe, Reply: "Nobody answers at port 25: connection timed out"}}
	}
	return stats, nil
}

func (q *servedQueue) Show(_ context.Context, id mail.ID) (m mail.Waiting, err error) {
	err = q.change(id, func(_ int, found *mail.Waiting) { m = *found })
	return m, err
}

func (q *servedQueue) Export(_ context.Context, id mail.ID, w io.Writer) error {
	_, err := io.WriteString(w, "Subject: "+id.String()+"\r\n\r\n")
	return err
}

// change changes a copy of a message, which takes its place: answers may be being written from the one of before.
func (q *servedQueue) change(id mail.ID, change func(i int, m *mail.Waiting)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.list, func(m mail.Waiting) bool { return m.ID == id.String() })
	if i < 0 {
		return mail.ErrNotWaiting
	}
	list := slices.Clone(q.list)
	list[i].To = slices.Clone(list[i].To)
	q.list = list
	change(i, &list[i])
	return nil
}

func (q *servedQueue) state(id mail.ID, state string) error {
	return q.change(id, func(_ int, m *mail.Waiting) {
		m.HoldUntil = nil
		for i := range m.To {
			if m.To[i].State == "queued" || m.To[i].State == "held" {
				m.To[i].State = state
			}
		}
	})
}
func (q *servedQueue) Hold(_ context.Context, id mail.ID) error    { return q.state(id, "held") }
func (q *servedQueue) Release(_ context.Context, id mail.ID) error { return q.state(id, "queued") }
func (q *servedQueue) Retry(_ context.Context, id mail.ID) error {
	return q.change(id, func(_ int, m *mail.Waiting) {
		r := &m.To[0]
		r.Tries++
		r.Attempts = append(slices.Clone(r.Attempts), mail.WaitingAttempt{At: time.Now(), Server: "mx1.partner.test", TLS: "TLS 1.3", Fate: "deferred", Reply: "452 4.2.2 Still over quota"})
	})
}
func (q *servedQueue) RetryAll(context.Context, mail.Hop) error { return nil }
func (q *servedQueue) Drop(_ context.Context, id mail.ID) error {
	return q.change(id, func(i int, _ *mail.Waiting) { q.list = slices.Delete(q.list, i, i+1) })
}

func (q *servedQueue) Redirect(_ context.Context, id mail.ID, from, to mail.Address) error {
	return q.change(id, func(_ int, m *mail.Waiting) {
		for i := range m.To {
			if m.To[i].Address == from.String() {
				m.To[i] = mail.WaitingRecipient{Address: to.String(), Hop: to.Domain, State: "queued"}
			}
		}
	})
}

// servedDecisions are messages that wait for somebody.
type servedDecisions struct {
	mu   sync.Mutex
	list []Held
}

func (d *servedDecisions) Held(context.Context, mail.ID) ([]Held, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list), false, nil
}

func (d *servedDecisions) Drop(_ context.Context, id mail.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = slices.DeleteFunc(d.list, func(h Held) bool { return h.ID == id })
	return nil
}
func (d *servedDecisions) Release(ctx context.Context, id mail.ID) error { return d.Drop(ctx, id) }
func (d *servedDecisions) Export(context.Context, mail.ID, io.Writer) error {
	return nil
}

// servedUndo is what alice has deleted, and Dora, who was removed.
type servedUndo struct {
	recycler
	removed mail.AccountID
	invoice mail.ID // of one of them
}

func newServedUndo(t *testing.T) *servedUndo {
	t.Helper()
	ctx := context.Background()
	u := &servedUndo{recycler{store: memstore.New(time.Now)}, 20, mail.ID{}}
	for _, id := range []mail.AccountID{1, 2, 3, 4, 5, 6, 7, 8, u.removed} {
		if err := u.store.CreateAccount(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	a, err := u.store.Account(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	for _, subject := range []string{"Offer for the roof", "Invoice 2026-118", "Lunch on Friday?"} {
		d := draft.Append{Draft: storetest.NewDraft(t, spool, storetest.Message("x", "Subject: "+subject, "From: Bob Builder <bob@builder.test>"))}
		if _, err := a.Append(ctx, 1, []draft.Append{d}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Expunge(ctx, 1, mail.SetOf[mail.UID](1, 2, 3), false); err != nil {
		t.Fatal(err)
	}
	of, err := a.Traced(ctx, []mail.Place{{Mailbox: 1, UID: 2}})
	if err != nil || len(of) != 1 {
		t.Fatal(of, err)
	}
	u.invoice = of[0].ID
	m, err := a.CreateMailbox(ctx, "Projects/2025", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{a.DeleteMailbox(ctx, m.ID), u.store.RemoveAccount(ctx, u.removed)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func (u *servedUndo) RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error) {
	list, err := u.store.RemovedAccounts(ctx)
	for i := range list {
		list[i].Address, list[i].Name = mail.Address{Local: "dora", Domain: "example.test"}, "Dora Leka"
	}
	return list, err
}

// servedAddresses are addresses and rules in memory. Nobody has the address nobody@example.test.
type servedAddresses struct {
	mu       sync.Mutex
	listings []mail.Listing
	rules    map[mail.AccountID]mail.Rules
}

func newServedAddresses() *servedAddresses {
	member := func(local, domain string) mail.Member {
		return mail.Member{Address: mail.Address{Local: local, Domain: domain}}
	}
	return &servedAddresses{rules: map[mail.AccountID]mail.Rules{}, listings: []mail.Listing{
		{Address: mail.Address{Local: "a.kola", Domain: "example.test"}, Kind: mail.ListingAlias, Members: []mail.Member{member("alice", "example.test")}},
		{Address: mail.Address{Local: "info", Domain: "example.test"}, Kind: mail.ListingShared, Name: "The desk", Members: []mail.Member{member("alice", "example.test"), member("b.person", "example.test")}},
		{Address: mail.Address{Local: "team", Domain: "example.test"}, Kind: mail.ListingGroup, Name: "Everybody", Who: mail.WhoOffice, Members: []mail.Member{
			member("alice", "example.test"), member("b.person", "example.test"), member("c.person", "example.test"), member("partner", "elsewhere.test"),
		}},
	}}
}

func (a *servedAddresses) Listings(context.Context) ([]mail.Listing, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.listings), nil
}

func (a *servedAddresses) SetListing(_ context.Context, l mail.Listing) (mail.Listing, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range l.Members {
		if m.Address.Local == "nobody" {
			return l, &mail.RuleError{Field: "members", Text: "Nobody here has the address nobody@example.test"}
		}
	}
	a.listings = append(slices.DeleteFunc(a.listings, func(o mail.Listing) bool { return o.Address == l.Address }), l)
	return l, nil
}

func (a *servedAddresses) RemoveListing(_ context.Context, address mail.Address) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listings = slices.DeleteFunc(a.listings, func(o mail.Listing) bool { return o.Address == address })
	return nil
}

func (a *servedAddresses) Domains(context.Context) ([]mail.Domain, error) {
	return []mail.Domain{{Name: "example.test", Main: true}}, nil
}
func (a *servedAddresses) SetDomain(context.Context, mail.Domain) error { return nil }
func (a *servedAddresses) RemoveDomain(context.Context, string) error   { return mail.ErrInUse }
func (a *servedAddresses) Rules(_ context.Context, id mail.AccountID) (mail.Rules, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rules[id], nil
}

func (a *servedAddresses) ChangeRules(_ context.Context, id mail.AccountID, change func(*mail.Rules)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rules[id]
	change(&r)
	a.rules[id] = r
	return nil
}

// servedAccess lets everybody in from everywhere.
type servedAccess struct{}

func (servedAccess) Accesses() []mail.PersonAccess                                { return nil }
func (servedAccess) SetAccess(context.Context, mail.AccountID, mail.Access) error { return nil }

// servedNetwork has every trial end well once it is confirmed.
type servedNetwork struct {
	mu       sync.Mutex
	settings json.RawMessage
	until    time.Time
}

func (n *servedNetwork) Network(context.Context) (Network, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return Network{Settings: n.settings, Trial: max(0, time.Until(n.until))}, nil
}

func (n *servedNetwork) TryNetwork(_ context.Context, settings json.RawMessage) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settings, n.until = settings, time.Now().Add(90*time.Second)
	return nil
}

func (n *servedNetwork) KeepNetwork(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until = time.Time{}
	return nil
}

// servedAdmission keeps what it is told.
type servedAdmission struct{ atomic.Pointer[mail.Admission] }

func (a *servedAdmission) Admission() mail.Admission {
	if now := a.Load(); now != nil {
		return *now
	}
	return mail.Admission{Office: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/24")}}
}

func (a *servedAdmission) SetAdmission(_ context.Context, set mail.Admission) error {
	a.Store(&set)
	return nil
}

// servedCertificate is a box that shows one from elsewhere, which ends soon.
func servedCertificate(t *testing.T) *certificateShelf {
	o := newOffice(t)
	shelf := &certificateShelf{}
	for der, into := range map[string]**x509.Certificate{string(o.CA()): &shelf.state.Authority, string(o.Leaf()): &shelf.state.Own} {
		cert, err := x509.ParseCertificate([]byte(der))
		if err != nil {
			t.Error(err)
			continue
		}
		*into = cert
	}
	shelf.state.Public = &x509.Certificate{
		Raw: []byte("public"), DNSNames: []string{"mail.example.test", "autoconfig.example.test"}, Issuer: pkix.Name{CommonName: "Signer of the World R3"},
		NotBefore: time.Now().Add(-80 * 24 * time.Hour), NotAfter: time.Now().Add(10 * 24 * time.Hour),
	}
	shelf.state.Believed = true
	_ = shelf.SetIssuance(t.Context(), issuance.Settings{Directory: issuance.LetsEncrypt, Method: issuance.DNS}) // it has no errors
	return shelf
}

// servedShares are in memory, and of whatever mailboxes.
type servedShares struct {
	at   Accounts
	mu   sync.Mutex
	list []mail.SharedMailbox
}

func mustRights(text string) mail.Rights {
	r, err := mail.ParseRights(text)
	if err != nil {
		panic(err)
	}
	return r
}

func (b *servedShares) Given(ctx context.Context, owner mail.AccountID) (list []mail.SharedMailbox, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := b.at.Account(ctx, owner)
	for _, s := range b.list {
		if s.Owner == a.Address {
			list = append(list, s)
		}
	}
	return list, err
}

func (b *servedShares) Received(ctx context.Context, id mail.AccountID) (list []mail.SharedMailbox, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := b.at.Account(ctx, id)
	for _, s := range b.list {
		if s.ID == a.Address.String() {
			list = append(list, s)
		}
	}
	return list, err
}

func (b *servedShares) Set(ctx context.Context, owner mail.AccountID, mailbox string, g mail.Grant) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := b.at.Account(ctx, owner)
	if err != nil {
		return err
	}
	if g.ID == "nobody@example.test" {
		return mail.ErrNoSuchAddress
	}
	b.list = slices.DeleteFunc(b.list, func(s mail.SharedMailbox) bool { return s.Owner == a.Address && s.Mailbox == mailbox && s.ID == g.ID })
	if g.Rights != 0 {
		b.list = append(b.list, mail.SharedMailbox{Owner: a.Address, Mailbox: mailbox, Grant: g})
	}
	return nil
}

// servedMover has one mailbox that is through, one that broke off, and those that were begun, which never end by themselves.
type servedMover struct {
	now   time.Time
	mu    sync.Mutex
	begun []moving.Status
}

func (m *servedMover) List() []moving.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	person := func(local string) mail.Address { return mail.Address{Local: local, Domain: "example.test"} }
	return append(slices.Clone(m.begun),
		moving.Status{
			Address: person("ben.marku"), Host: "imap.oldhost.test", User: "ben@oldhost.test", State: moving.Done, Began: m.now.Add(-3 * time.Hour), Ended: m.now.Add(-2 * time.Hour),
			Folders: 14, OfFolders: 14, Messages: 20_433, Copied: 20_410, Bytes: 3_400_000_000, Present: 20, TooLarge: 2, Failed: 1,
			Problems: []string{"“Scans of the land register” in Sent is 212 MB", "“Film of the roof” in Sent is 180 MB", "Message 4711 in INBOX can't be read there: NO [SERVERBUG] internal error"},
		},
		moving.Status{
			Address: person("giulia.rossi"), Host: "imap.oldhost.test", User: "giulia@oldhost.test", State: moving.Failed, Began: m.now.Add(-3 * time.Hour), Ended: m.now.Add(-3 * time.Hour),
			Problem: "The server doesn't know this name and password",
		})
}

func (m *servedMover) Start(move moving.Move) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.begun, func(s moving.Status) bool { return s.Account == move.Account && s.State == moving.Running }) {
		return moving.ErrRunning
	}
	m.begun = slices.DeleteFunc(m.begun, func(s moving.Status) bool { return s.Account == move.Account })
	m.begun = append(m.begun, moving.Status{
		Account: move.Account, Address: move.Address, Host: move.Source.Host, User: move.Source.User, State: moving.Running, Began: time.Now().Add(-4 * time.Minute),
		Folder: "Projects/2026", Folders: 3, OfFolders: 12, Messages: 5_104, Copied: 1_204, Bytes: 410_000_000, Present: 31,
	})
	return nil
}

func (m *servedMover) Stop(account mail.AccountID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.begun {
		if s := &m.begun[i]; s.Account == account && s.State == moving.Running {
			s.State, s.Ended, s.Folder = moving.Stopped, time.Now(), ""
			return nil
		}
	}
	return moving.ErrNoMove
}
