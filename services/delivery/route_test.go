package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/srs"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// book is a directory in two maps.
type book struct {
	listings map[string]mail.Listing // by local part, of example.test
	rules    map[mail.AccountID]mail.Rules
	catchAll mail.AccountID
	copies   []mail.Copy
}

func (b *book) Look(_ context.Context, to mail.Address) (mail.Found, error) {
	if d := strings.ToLower(to.Domain); d != "example.test" && d != "alias.test" {
		return mail.Found{}, mail.ErrNotOurDomain
	}
	local := strings.ToLower(to.Local)
	base, detail, _ := strings.Cut(local, "+")
	found := mail.Found{Listing: b.listings[local], Copies: b.copies}
	if found.Kind == 0 {
		found.Listing, found.Detail = b.listings[base], detail
	}
	if found.Kind == 0 && b.catchAll != 0 {
		found = mail.Found{Account: b.catchAll, CatchAll: true, Copies: b.copies, Listing: mail.Listing{Kind: mail.ListingAccount, Address: b.rules[b.catchAll].Address}}
		return found, nil
	}
	switch found.Kind {
	case 0:
		return mail.Found{}, mail.ErrNoSuchAddress
	case mail.ListingAccount, mail.ListingAlias:
		found.Account = found.Members[0].Account
	}
	return found, nil
}

func (b *book) Rules(_ context.Context, id mail.AccountID) (mail.Rules, error) {
	r, ok := b.rules[id]
	if !ok {
		return r, mail.ErrNoAccount
	}
	return r, nil
}

func (b *book) Owns(ctx context.Context, id mail.AccountID, from mail.Address) (bool, error) {
	found, err := b.Look(ctx, from)
	return err == nil && found.Account == id, nil
}

// member reads "a1" as an account, anything else as an address.
func member(s string) mail.Member {
	var id mail.AccountID
	if _, err := fmt.Sscanf(s, "a%d", &id); err == nil && !strings.Contains(s, "@") {
		return mail.Member{Account: id}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err) // the test is wrong
	}
	return mail.Member{Address: a}
}

func members(list ...string) []mail.Member {
	var all []mail.Member
	for _, s := range list {
		all = append(all, member(s))
	}
	return all
}

func (b *book) add(local string, kind mail.ListingKind, to ...string) *mail.Listing {
	l := mail.Listing{Address: mail.Address{Local: local, Domain: "example.test"}, Kind: kind, Members: members(to...)}
	b.listings[local] = l
	if kind == mail.ListingAccount {
		b.rules[l.Members[0].Account] = mail.Rules{Address: l.Address}
	}
	return &l
}

func (b *book) group(local string, who mail.Who, named []string, to ...string) {
	l := b.add(local, mail.ListingGroup, to...)
	l.Who, l.Named = who, members(named...)
	b.listings[local] = *l
}

func (b *book) rule(id mail.AccountID, change func(*mail.Rules)) {
	r := b.rules[id]
	change(&r)
	b.rules[id] = r
}

// testBook is an office: alice (1), bob (2), carol (3, local-only), dan (4, forwards
// outside), erin (5, forwards to bob and outside, and keeps).
func testBook() *book {
	b := &book{listings: map[string]mail.Listing{}, rules: map[mail.AccountID]mail.Rules{}}
	for i, name := range []string{"alice", "bob", "carol", "dan", "erin"} {
		b.add(name, mail.ListingAccount, fmt.Sprintf("a%d", i+1))
	}
	b.rule(3, func(r *mail.Rules) { r.LocalOnly = true })
	b.rule(4, func(r *mail.Rules) { r.Forward = members("dan@out.test") })
	b.rule(5, func(r *mail.Rules) { r.Forward, r.Keep = members("a2", "erin@out.test"), true })
	b.add("info", mail.ListingAlias, "a1")
	b.add("desk", mail.ListingShared, "a1", "a2", "a3")
	b.add("kids", mail.ListingShared, "a3")
	b.group("all", mail.WhoAnybody, nil, "a1", "a4", "x@out.test", "desk@example.test")
	b.group("office", mail.WhoOffice, nil, "a1")
	b.group("team", mail.WhoMembers, nil, "a2", "friend@out.test", "desk@example.test")
	b.group("boss", mail.WhoNamed, []string{"a2", "Friend@out.test"}, "a1")
	return b
}

// fakePost notes what it gets.
type fakePost struct {
	targets  []mail.Target
	outbound []mail.Outbound
}

func (p *fakePost) Deliver(_ context.Context, _ *mail.Envelope, targets []mail.Target, outbound []mail.Outbound, _ *draft.Draft) error {
	p.targets, p.outbound = targets, outbound
	return nil
}

type testRoom struct {
	*Mailroom
	store *fakeStore
	post  *fakePost
}

func newRoom(directory Directory) *testRoom {
	r := &testRoom{store: &fakeStore{}, post: &fakePost{}}
	r.Mailroom = New(Options{Directory: directory, Store: r.store, Post: r.post, SRS: srs.New([]byte("0123456789abcdef")),
		Place: testPlace(), Log: slog.New(slog.DiscardHandler)})
	return r
}

// send delivers as smtpd does and says in one line who gets it: accounts by number,
// then addresses outside, with "srs" where the reverse-path is a new one.
func (r *testRoom) send(t *testing.T, envelope *mail.Envelope, body *draft.Draft) string {
	t.Helper()
	for _, to := range envelope.To {
		if err := r.Recipient(t.Context(), envelope, to.Address); err != nil {
			if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
				return refusal.Status.String()
			}
			return err.Error()
		}
	}
	r.store.targets, r.post.targets, r.post.outbound = nil, nil, nil
	if err := r.Deliver(t.Context(), envelope, body); err != nil {
		if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
			return refusal.Status.String()
		}
		return err.Error()
	}
	return r.said(envelope)
}

func (r *testRoom) said(envelope *mail.Envelope) string {
	var words []string
	for _, target := range append(slices.Clone(r.store.targets), r.post.targets...) {
		words = append(words, target.Account.String())
	}
	for _, o := range r.post.outbound {
		for _, to := range o.To {
			word := to.String()
			switch {
			case o.From.IsZero() && !envelope.From.IsZero():
				word += "(null)"
			case o.From != envelope.From:
				word += "(srs)"
			}
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// senders are all kinds that the rules tell apart.
func senders(t *testing.T) map[string]*mail.Envelope {
	stranger := mail.Peer{Helo: "out.test", Protocol: "ESMTPS"}
	login := func(id mail.AccountID, local string) mail.Peer {
		return mail.Peer{Helo: "pc", Protocol: "ESMTPSA", Login: mail.Login{Account: id, Address: mail.Address{Local: local, Domain: "example.test"}}}
	}
	return map[string]*mail.Envelope{
		"stranger": {Peer: stranger, From: address(t, "s@far.test")},
		"friend":   {Peer: stranger, From: address(t, "friend@out.test")},
		"claims":   {Peer: stranger, From: address(t, "bob@example.test")}, // port 25, our own address
		"null":     {Peer: stranger},
		"alice":    {Peer: login(1, "alice"), From: address(t, "alice@example.test")},
		"bob":      {Peer: login(2, "bob"), From: address(t, "bob@example.test")},
		"carol":    {Peer: login(3, "carol"), From: address(t, "carol@example.test")},
		"receipt":  {Peer: login(1, "alice")}, // logged in, null path
		"box":      {},
	}
}

// TestRoutes: every kind of address for every kind of sender.
func TestRoutes(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	order := []string{"stranger", "friend", "claims", "null", "alice", "bob", "carol", "receipt", "box"}
	for to, want := range map[string][]string{
		//                      stranger                      friend                       claims            null                alice               bob                 carol         receipt             box
		"alice@example.test":   {"a1", "a1", "a1", "a1", "a1", "a1", "a1", "a1", "a1"},
		"Alice+x@alias.test":   {"a1", "a1", "a1", "a1", "a1", "a1", "a1", "a1", "a1"},
		"info@example.test":    {"a1", "a1", "a1", "a1", "a1", "a1", "a1", "a1", "a1"},
		"nobody@example.test":  {"5.1.1", "5.1.1", "5.1.1", "5.1.1", "5.1.1", "5.1.1", "5.1.1", "5.1.1", "5.1.1"},
		"carol@example.test":   {"5.7.1", "5.7.1", "5.7.1", "5.7.1", "a3", "a3", "a3", "a3", "a3"},
		"kids@example.test":    {"5.7.1", "5.7.1", "5.7.1", "5.7.1", "a3", "a3", "a3", "a3", "a3"},
		"desk@example.test":    {"a1 a2", "a1 a2", "a1 a2", "a1 a2", "a1 a2 a3", "a1 a2 a3", "a1 a2 a3", "a1 a2 a3", "a1 a2 a3"},
		"dan@example.test":     {"dan@out.test(srs)", "dan@out.test(srs)", "dan@out.test", "dan@out.test", "dan@out.test", "dan@out.test", "a4", "dan@out.test", "dan@out.test"},
		"erin@example.test":    {"a2 a5 erin@out.test(srs)", "a2 a5 erin@out.test(srs)", "a2 a5 erin@out.test", "a2 a5 erin@out.test", "a2 a5 erin@out.test", "a2 a5 erin@out.test", "a2 a5", "a2 a5 erin@out.test", "a2 a5 erin@out.test"},
		"office@example.test":  {"5.7.1", "5.7.1", "a1", "5.7.1", "a1", "a1", "a1", "a1", "a1"},
		"boss@example.test":    {"5.7.1", "a1", "a1", "5.7.1", "5.7.1", "a1", "5.7.1", "5.7.1", "a1"},
		"far@elsewhere.test":   {"5.7.1", "5.7.1", "5.7.1", "5.7.1", "far@elsewhere.test", "far@elsewhere.test", "5.7.1", "far@elsewhere.test", "far@elsewhere.test"},
		"SRS0=x@example.test":  {"5.7.1", "5.7.1", "5.7.1", "5.1.1", "5.7.1", "5.7.1", "5.7.1", "5.1.1", "5.1.1"},
		"all@example.test":     {"a1 a2 dan@out.test(srs) x@out.test(srs)", "a1 a2 dan@out.test(srs) x@out.test(srs)", "a1 a2 dan@out.test x@out.test", "a1 a2 dan@out.test x@out.test", "a1 a2 a3 dan@out.test x@out.test", "a1 a2 a3 dan@out.test x@out.test", "a1 a2 a3 a4", "a1 a2 a3 dan@out.test x@out.test", "a1 a2 a3 dan@out.test x@out.test"},
		"team@example.test":    {"5.7.1", "a1 a2 friend@out.test(srs)", "a1 a2 friend@out.test", "5.7.1", "a1 a2 a3 friend@out.test", "a1 a2 a3 friend@out.test", "a1 a2 a3", "a1 a2 a3 friend@out.test", "a1 a2 a3 friend@out.test"},
		"postmaster@[1.2.3.4]": {"5.7.1", "5.7.1", "5.7.1", "5.7.1", "postmaster@[1.2.3.4]", "postmaster@[1.2.3.4]", "5.7.1", "postmaster@[1.2.3.4]", "postmaster@[1.2.3.4]"},
	} {
		for i, who := range order {
			envelope := senders(t)[who]
			envelope.To = mail.To(address(t, to))
			if got := room.send(t, envelope, nil); got != want[i] {
				t.Errorf("%s writes to %s: got %q; want %q", who, to, got, want[i])
			}
		}
	}
}

// TestWithoutPost: where no mail leaves the box, what would be forwarded is kept.
func TestWithoutPost(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	room.Mailroom.post = nil
	for to, want := range map[string]string{"dan@example.test": "a4", "erin@example.test": "a2 a5", "all@example.test": "a1 a2 a3 a4", "x@out.test": "5.4.0"} {
		envelope := senders(t)["alice"]
		envelope.To = mail.To(address(t, to))
		if got := room.send(t, envelope, nil); got != want {
			t.Errorf("to %s: got %q; want %q", to, got, want)
		}
	}
}

func TestCatchAllAndCopies(t *testing.T) {
	t.Parallel()
	b := testBook()
	b.catchAll = 2
	b.copies = []mail.Copy{{To: member("archive@out.test"), In: true, Out: true}}
	b.rule(1, func(r *mail.Rules) { r.Copies = []mail.Copy{{To: member("a3"), In: true}} })
	b.rule(2, func(r *mail.Rules) { r.Copies = []mail.Copy{{To: member("dan@example.test"), Out: true}} })
	room := newRoom(b)
	for _, test := range []struct{ who, to, want string }{
		{"stranger", "nobody@example.test", "a2 archive@out.test(null)"},
		{"stranger", "SRS0=x@example.test", "5.7.1"}, // not the catch-all's
		{"stranger", "alice@example.test", "a1 a3 archive@out.test(null)"},
		{"alice", "x@out.test", "archive@out.test(null) x@out.test"},
		{"bob", "x@out.test", "archive@out.test(null) dan@out.test(null) x@out.test"},
		{"carol", "alice@example.test", "a1 a3 archive@out.test(null)"},
	} {
		envelope := senders(t)[test.who]
		envelope.To = mail.To(address(t, test.to))
		if got := room.send(t, envelope, nil); got != test.want {
			t.Errorf("%s writes to %s: got %q; want %q", test.who, test.to, got, test.want)
		}
	}
}

// TestReportComesBack: what is forwarded bounces, and the report reaches the sender.
func TestReportComesBack(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	envelope := senders(t)["stranger"]
	envelope.To = mail.To(address(t, "dan@example.test"))
	room.send(t, envelope, nil)
	path := room.post.outbound[0].From
	report := senders(t)["null"]
	report.To = mail.To(path)
	if got := room.send(t, report, nil); got != "s@far.test" {
		t.Errorf("the report to %s goes to %q; want the sender", path, got)
	}
	other := senders(t)["stranger"]
	other.To = mail.To(path)
	if got := room.send(t, other, nil); got != "5.7.1" {
		t.Errorf("mail that is no report, to %s: %q; want 5.7.1", path, got)
	}
	forged := senders(t)["null"]
	forged.To = mail.To(mail.Address{Local: strings.Replace(path.Local, "far.test", "bank.test", 1), Domain: path.Domain})
	if got := room.send(t, forged, nil); got != "5.1.1" {
		t.Errorf("a forged one: %q; want 5.1.1", got)
	}
}

// TestJunkStays: what looks like junk is not forwarded outside.
func TestJunkStays(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	envelope := senders(t)["stranger"]
	envelope.To = mail.To(address(t, "dan@example.test"))
	envelope.Judgement.Junk = true
	if got := room.send(t, envelope, nil); got != "a4" || room.store.targets[0].Role != mail.RoleJunk {
		t.Errorf("junk for dan: got %q, %+v; want it in his junk mailbox", got, room.store.targets)
	}
}

// TestNotifyIsCarried: RFC 3461 §5.2.7.2 and §5.2.7.3.
func TestNotifyIsCarried(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	for _, test := range []struct {
		to        string
		ask, want mail.Notify
	}{
		{"dan@example.test", mail.NotifySuccess | mail.NotifyFailure, mail.NotifySuccess | mail.NotifyFailure},
		{"dan@example.test", mail.NotifyNever, mail.NotifyNever},
		{"erin@example.test", mail.NotifySuccess | mail.NotifyFailure, mail.NotifyFailure},
		{"erin@example.test", mail.NotifySuccess, mail.NotifyNever},
		{"erin@example.test", 0, 0},
		{"all@example.test", mail.NotifySuccess | mail.NotifyDelay, mail.NotifyDelay},
		{"all@example.test", mail.NotifyNever, mail.NotifyNever},
	} {
		envelope := senders(t)["alice"]
		envelope.To = []mail.Recipient{{Address: address(t, test.to), Notify: test.ask, Original: "rfc822;original@example.test"}}
		room.send(t, envelope, nil)
		for _, o := range room.post.outbound {
			if o.Fate != mail.FateUnknown {
				continue // see TestArrivals
			}
			for _, to := range o.To {
				if to.Notify != test.want || to.Original != "rfc822;original@example.test" {
					t.Errorf("to %s asking %d: %s is asked %d for %q; want %d", test.to, test.ask, to, to.Notify, to.Original, test.want)
				}
			}
		}
	}
}

// TestLoops: mail that this box has passed on comes back.
func TestLoops(t *testing.T) {
	t.Parallel()
	room, spool := newRoom(testBook()), storetest.NewSpool(t)
	const ours, theirs = "Received: from a by box.example.test with ESMTP\r\n", "Received: from a by provider.test with ESMTP\r\n"
	for _, test := range []struct{ who, to, header, want string }{
		{"stranger", "dan@example.test", "Delivered-To: dan@example.test\r\n" + ours, "a4"},
		{"stranger", "dan@example.test", theirs + "Delivered-To: dan@example.test\r\n" + ours, "a4"},
		{"stranger", "dan@example.test", "Delivered-To: dan@example.test\r\n" + theirs, "dan@out.test(srs)"},
		{"stranger", "dan@example.test", ours, "dan@out.test(srs)"},
		{"alice", "dan@example.test", "Delivered-To: dan@example.test\r\n" + ours, "dan@out.test"},
		{"stranger", "all@example.test", "Delivered-To: all@example.test\r\n" + ours, "5.4.6"},
	} {
		envelope := senders(t)[test.who]
		envelope.To = mail.To(address(t, test.to))
		body := storetest.NewDraft(t, spool, test.header+"Subject: x\r\n\r\nx\r\n")
		if got := room.send(t, envelope, body); got != test.want {
			t.Errorf("%s to %s with %q: got %q; want %q", test.who, test.to, test.header, got, test.want)
		}
	}
	// What goes out has what is looked for when it comes in.
	envelope := senders(t)["stranger"]
	envelope.To = mail.To(address(t, "dan@example.test"))
	envelope.ID, envelope.Received = mail.NewID(time.Unix(1e9, 0)), time.Unix(1e9, 0)
	room.send(t, envelope, storetest.NewDraft(t, spool, "Subject: x\r\n\r\nx\r\n"))
	back := storetest.NewDraft(t, spool, string(room.post.outbound[0].Prefix)+"Subject: x\r\n\r\nx\r\n")
	if got := room.send(t, envelope, back); got != "a4" {
		t.Errorf("what was forwarded and came back goes to %q; want a4", got)
	}
}

// TestFullMember: one full mailbox of several does not keep the others from it.
func TestFullMember(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	full := map[mail.AccountID]bool{2: true}
	room.quota.Fits = func(_ context.Context, id mail.AccountID, _ mail.Usage) error {
		if full[id] {
			return &mail.QuotaError{Account: id}
		}
		return nil
	}
	body := storetest.NewDraft(t, storetest.NewSpool(t), "Subject: x\r\n\r\nx\r\n")
	for _, test := range []struct{ to, want string }{{"desk@example.test", "a1 a3"}, {"bob@example.test", "4.2.2"}, {"team@example.test", "a1 a3 friend@out.test"}} {
		envelope := senders(t)["alice"]
		envelope.To = mail.To(address(t, test.to))
		if got := room.send(t, envelope, body); got != test.want {
			t.Errorf("to %s: got %q; want %q", test.to, got, test.want)
		}
	}
	full[1], full[3] = true, true
	envelope := senders(t)["alice"]
	envelope.To = mail.To(address(t, "desk@example.test"))
	if got := room.send(t, envelope, body); got != "4.2.2" {
		t.Errorf("with all of them full: got %q; want 4.2.2", got)
	}
}

// TestLongWay: mail goes as far as the directory lets it be passed on, by addresses and
// by accounts, and what goes in circles for a moment ends.
func TestLongWay(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"address", "account"} {
		b := &book{listings: map[string]mail.Listing{}, rules: map[mail.AccountID]mail.Rules{}}
		const last = 9 // directory.MaxSteps, and the first
		for i := 1; i <= last; i++ {
			b.add(fmt.Sprintf("n%d", i), mail.ListingAccount, fmt.Sprintf("a%d", i))
			next := fmt.Sprintf("n%d@example.test", i+1)
			if by == "account" {
				next = fmt.Sprintf("a%d", i+1)
			}
			if i < last {
				b.rule(mail.AccountID(i), func(r *mail.Rules) { r.Forward = members(next) })
			}
		}
		room := newRoom(b)
		envelope := senders(t)["stranger"]
		envelope.To = mail.To(address(t, "n1@example.test"))
		if got, want := room.send(t, envelope, nil), fmt.Sprintf("a%d", last); got != want {
			t.Errorf("by %s: got %q; want %q", by, got, want)
		}
		b.rule(last, func(r *mail.Rules) { r.Forward = members("n1@example.test") })
		if got := room.send(t, envelope, nil); got == "" {
			t.Errorf("by %s, in circles: nobody got it", by)
		}
	}
}

// naive is who gets mail from a stranger, by the shortest way to say it: everybody
// who can be reached, and keeps something.
func (b *book) naive(to mail.Member, got map[string]bool, seen map[string]bool) {
	if to.Account == 0 {
		found, err := b.Look(context.Background(), to.Address)
		if err != nil {
			if errors.Is(err, mail.ErrNotOurDomain) {
				got[to.Address.String()] = true
			}
			return
		}
		if found.Account == 0 {
			if !seen[found.Address.Local] {
				seen[found.Address.Local] = true
				for _, m := range found.Members {
					b.naive(m, got, seen)
				}
			}
			return
		}
		to.Account = found.Account
	}
	if seen[to.Account.String()] {
		return
	}
	seen[to.Account.String()] = true
	r := b.rules[to.Account]
	if r.Keep || len(r.Forward) == 0 {
		got[to.Account.String()] = true
	}
	for _, m := range r.Forward {
		b.naive(m, got, seen)
	}
}

// TestAgainstNaive: random offices without circles, each address beside a resolver
// that knows nothing of senders, order or depth.
func TestAgainstNaive(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range 300 {
		b := &book{listings: map[string]mail.Listing{}, rules: map[mail.AccountID]mail.Rules{}}
		var names []string
		pick := func() string { // what is there already, so that nothing goes round
			if n := random.IntN(len(names) + 2); n < len(names) {
				return names[n]
			}
			return fmt.Sprintf("o%d@out.test", random.IntN(4))
		}
		for i := range 9 { // the longest way has fewer steps than maxSteps
			name := fmt.Sprintf("n%d", i)
			var to []string
			for range 1 + random.IntN(3) {
				to = append(to, pick())
			}
			if random.IntN(2) == 0 {
				b.add(name, mail.ListingAccount, fmt.Sprintf("a%d", i+1))
				if random.IntN(2) == 0 {
					b.rule(mail.AccountID(i+1), func(r *mail.Rules) { r.Forward, r.Keep = members(to...), random.IntN(2) == 0 })
				}
			} else {
				b.group(name, mail.WhoAnybody, nil, to...)
			}
			names = append(names, name+"@example.test")
		}
		room := newRoom(b)
		room.Mailroom.srs = nil
		for range 10 {
			envelope := senders(t)["stranger"]
			want, seen := map[string]bool{}, map[string]bool{}
			for range 1 + random.IntN(3) {
				to := member(names[random.IntN(len(names))])
				envelope.To = append(envelope.To, mail.Recipient{Address: to.Address})
				b.naive(to, want, seen)
			}
			var words []string
			for w := range want {
				words = append(words, w)
			}
			slices.Sort(words)
			if got := room.send(t, envelope, nil); got != strings.Join(words, " ") {
				t.Fatalf("to %v: got %q; want %q\n%+v\n%+v", envelope.To, got, words, b.listings, b.rules)
			}
		}
	}
}

// BenchmarkResolve is one RCPT for a person, and for a group of 300.
func BenchmarkResolve(b *testing.B) {
	office := testBook()
	var all []string
	for i := range 300 {
		office.add(fmt.Sprintf("p%d", i), mail.ListingAccount, fmt.Sprintf("a%d", i+10))
		all = append(all, fmt.Sprintf("a%d", i+10))
	}
	office.group("everybody", mail.WhoAnybody, nil, all...)
	room := newRoom(office)
	envelope := &mail.Envelope{Peer: mail.Peer{Helo: "x"}}
	for _, local := range []string{"p77", "everybody"} {
		b.Run(local, func(b *testing.B) {
			for b.Loop() {
				if err := room.Recipient(b.Context(), envelope, mail.Address{Local: local, Domain: "example.test"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestArrivals: whoever wants to hear that the message has arrived does, RFC 3461 §5.2.7.
func TestArrivals(t *testing.T) {
	t.Parallel()
	room := newRoom(testBook())
	for to, want := range map[string]mail.Fate{
		"bob@example.test":  mail.FateDelivered, // a mailbox
		"dan@example.test":  0,                  // passed on whole: the next one says it
		"erin@example.test": mail.FateExpanded,  // kept, and passed on
		"all@example.test":  mail.FateExpanded,
		"somebody@far.test": 0,
	} {
		for _, notify := range []mail.Notify{mail.NotifySuccess, mail.NotifyFailure} {
			envelope := senders(t)["alice"]
			envelope.To = []mail.Recipient{{Address: address(t, to), Notify: notify}}
			room.post.outbound = nil
			room.send(t, envelope, nil)
			var got mail.Fate
			for _, o := range room.post.outbound {
				if o.Fate != 0 {
					got = o.Fate
					if o.From != envelope.From || len(o.To) != 1 || o.To[0].Address != envelope.To[0].Address {
						t.Errorf("%s: report %+v", to, o)
					}
				}
			}
			if want := map[bool]mail.Fate{true: want}[notify == mail.NotifySuccess]; got != want {
				t.Errorf("to %s asking %d: %v; want %v", to, notify, got, want)
			}
			envelope = senders(t)["alice"]
			envelope.To, envelope.Judgement.Junk = []mail.Recipient{{Address: address(t, to), Notify: notify}}, true
			room.post.outbound = nil
			room.send(t, envelope, nil)
			for _, o := range room.post.outbound {
				if o.Fate != 0 {
					t.Errorf("to %s: report %+v of junk, whose sender may be forged", to, o)
				}
			}
		}
	}
}
