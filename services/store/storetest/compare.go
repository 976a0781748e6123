package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Clock is a time that stands still until it is moved on, so that two stores
// see the same. Any goroutine may use it.
type Clock struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

// NewClock makes a Clock.
func NewClock() *Clock { return &Clock{at: received()} }

// Now is the Clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the Clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Compare does the same random things to two empty stores, which share the
// clock, and looks for a difference in what they answer and, again and again, in
// all they hold. reopen closes the first store and gives it again, or is nil.
func Compare[A, B Account](t *testing.T, seed uint64, steps int, clock *Clock, tested Store[A], model Store[B], reopen func() Store[A]) {
	c := &comparison[A, B]{
		T: t, ctx: context.Background(), r: rand.New(rand.NewPCG(seed, 1)), clock: clock, tested: tested, model: model, spool: NewSpool(t),
	}
	for id := mail.AccountID(1); id <= 2; id++ {
		c.same("CreateAccount", tested.CreateAccount(c.ctx, id), model.CreateAccount(c.ctx, id))
	}
	c.handles()
	for step := range steps {
		c.clock.Advance(time.Duration(c.r.IntN(3000)) * time.Millisecond)
		c.step()
		if step%25 == 24 {
			if reopen != nil && c.r.IntN(4) == 0 {
				c.log("reopen")
				c.tested = reopen()
				c.handles()
			}
			c.compareAll()
		}
		if t.Failed() {
			for _, line := range c.history[max(0, len(c.history)-30):] {
				t.Log(line)
			}
			t.Fatalf("seed %d, step %d: the stores differ", seed, step)
		}
	}
	c.compareAll()
}

// comparison is one run of Compare.
type comparison[A, B Account] struct {
	*testing.T
	ctx     context.Context
	r       *rand.Rand
	clock   *Clock
	tested  Store[A]
	model   Store[B]
	spool   *draft.Spool
	account mail.AccountID // the one being worked on
	as      map[mail.AccountID]A
	bs      map[mail.AccountID]B
	sent    int
	history []string
}

func (c *comparison[A, B]) handles() {
	c.as, c.bs = map[mail.AccountID]A{}, map[mail.AccountID]B{}
	for id := mail.AccountID(1); id <= 2; id++ {
		var err1, err2 error
		c.as[id], err1 = c.tested.Account(c.ctx, id)
		c.bs[id], err2 = c.model.Account(c.ctx, id)
		c.same("Account", err1, err2)
	}
}

func (c *comparison[A, B]) log(format string, args ...any) {
	c.history = append(c.history, fmt.Sprintf(format, args...))
}

// same compares two errors: by the words that servers tell apart.
func (c *comparison[A, B]) same(what string, got, want error) {
	c.Helper()
	if got == nil && want == nil {
		return
	}
	for _, known := range []error{
		mail.ErrNoAccount, mail.ErrNoMailbox, mail.ErrMailboxExists, mail.ErrMailboxName, mail.ErrMailboxInUse, mail.ErrNoMessage, mail.ErrTooMany, mail.ErrGone, mail.ErrResync, mail.ErrOverQuota,
	} {
		if errors.Is(got, known) && errors.Is(want, known) {
			return
		}
	}
	c.Errorf("%s: error %v; want %v", what, got, want)
}

// equal compares two answers.
func (c *comparison[A, B]) equal(what string, got, want any) {
	c.Helper()
	if !reflect.DeepEqual(got, want) {
		c.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// step does one random thing.
func (c *comparison[A, B]) step() {
	c.account = mail.AccountID(1 + c.r.IntN(2))
	switch n := c.r.IntN(100); {
	case n < 25:
		c.deliver()
	case n < 35:
		c.append()
	case n < 55:
		c.setFlags()
	case n < 65:
		c.copy()
	case n < 75:
		c.expunge()
	case n < 85:
		c.mailbox()
	case n < 86:
		c.annotate()
	case n < 87:
		c.subscribe()
	case n < 88:
		c.asOf()
	case n < 90:
		c.expire()
	case n < 92:
		c.changes()
	case n < 94:
		c.changedSince()
	case n < 96:
		c.restoreMailbox()
	default:
		c.restore()
	}
}

func (c *comparison[A, B]) draft() *draft.Draft {
	c.sent++
	size := c.r.IntN(300)
	if c.r.IntN(40) == 0 {
		size = 300 << 10 // one that goes its own way to the disk
	}
	header := []string{fmt.Sprintf("Subject: topic %d", c.r.IntN(4)), fmt.Sprintf("Message-ID: <%d@x.test>", c.r.IntN(60))}
	if c.r.IntN(2) == 0 {
		header = append(header, fmt.Sprintf("References: <%d@x.test> <%d@x.test>", c.r.IntN(60), c.r.IntN(60)))
	}
	body := make([]byte, size)
	for i := range body {
		body[i] = "abcdefgh \n"[c.r.IntN(10)]
	}
	return NewDraft(c, c.spool, Message(string(body), header...))
}

func (c *comparison[A, B]) flags() mail.Flags {
	names := []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, "one", "Two", "three"}
	c.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return mail.NewFlags(names[:c.r.IntN(4)]...)
}

// anyMailbox picks a mailbox, now and then one that is gone or never was.
func (c *comparison[A, B]) anyMailbox() mail.MailboxID {
	list, err := c.bs[c.account].Mailboxes(c.ctx)
	if err != nil || len(list) == 0 || c.r.IntN(20) == 0 {
		return mail.MailboxID(c.r.IntN(30))
	}
	if c.r.IntN(2) == 0 {
		return 1 // INBOX, so that something gathers
	}
	return list[c.r.IntN(len(list))].ID
}

// someUIDs picks UIDs, also such as never were.
func (c *comparison[A, B]) someUIDs() mail.UIDSet {
	switch c.r.IntN(6) {
	case 0:
		return Every()
	case 1:
		return nil
	}
	var uids []mail.UID
	for range 1 + c.r.IntN(6) {
		uids = append(uids, mail.UID(1+c.r.IntN(60)))
	}
	return mail.SetOf(uids...)
}

func (c *comparison[A, B]) deliver() {
	var targets []mail.Target
	for range 1 + c.r.IntN(3) {
		targets = append(targets, mail.Target{
			Account: mail.AccountID(1 + c.r.IntN(2)), Role: mail.Role(c.r.IntN(9)), Flags: c.flags(),
			Prefix: []byte(fmt.Sprintf("Delivered-To: %d@x.test\r\n", c.sent))[:c.r.IntN(2)*20],
		})
	}
	env := &mail.Envelope{ID: mail.NewID(c.clock.Now()), Received: c.clock.Now()}
	d := c.draft()
	c.log("deliver %v, %d bytes", targets, d.Size())
	c.same("Deliver", c.tested.Deliver(c.ctx, env, targets, d), c.model.Deliver(c.ctx, env, targets, d))
}

func (c *comparison[A, B]) append() {
	var list []draft.Append
	for range c.r.IntN(4) {
		list = append(list, draft.Append{Draft: c.draft(), Flags: c.flags(), Internal: c.clock.Now().Add(-time.Hour)})
	}
	id := c.anyMailbox()
	c.log("append %d to %s/%s", len(list), c.account, id)
	got, err1 := c.as[c.account].Append(c.ctx, id, list)
	want, err2 := c.bs[c.account].Append(c.ctx, id, list)
	c.same("Append", err1, err2)
	c.equal("Append", got, want)
}

func (c *comparison[A, B]) setFlags() {
	id, set, op, flags := c.anyMailbox(), c.someUIDs(), mail.FlagOp(c.r.IntN(3)), c.flags()
	var since *mail.ModSeq
	if c.r.IntN(4) == 0 {
		n := mail.ModSeq(c.r.IntN(200))
		since = &n
	}
	c.log("set flags of %s/%s %s: %d %v", c.account, id, set, op, flags)
	got, err1 := c.as[c.account].SetFlags(c.ctx, id, set, op, flags, since)
	want, err2 := c.bs[c.account].SetFlags(c.ctx, id, set, op, flags, since)
	c.same("SetFlags", err1, err2)
	c.equal("SetFlags", got, want)
}

func (c *comparison[A, B]) copy() {
	from, set, to := c.anyMailbox(), c.someUIDs(), c.anyMailbox()
	if c.r.IntN(2) == 0 {
		c.log("copy %s/%s %s to %s", c.account, from, set, to)
		got, err1 := c.as[c.account].Copy(c.ctx, from, set, to)
		want, err2 := c.bs[c.account].Copy(c.ctx, from, set, to)
		c.same("Copy", err1, err2)
		c.equal("Copy", got, want)
		return
	}
	c.log("move %s/%s %s to %s", c.account, from, set, to)
	got, err1 := c.as[c.account].Move(c.ctx, from, set, to)
	want, err2 := c.bs[c.account].Move(c.ctx, from, set, to)
	c.same("Move", err1, err2)
	c.equal("Move", got, want)
}

func (c *comparison[A, B]) expunge() {
	id, set, only := c.anyMailbox(), c.someUIDs(), c.r.IntN(4) > 0
	c.log("expunge %s/%s %s %t", c.account, id, set, only)
	got, err1 := c.as[c.account].Expunge(c.ctx, id, set, only)
	want, err2 := c.bs[c.account].Expunge(c.ctx, id, set, only)
	c.same("Expunge", err1, err2)
	c.equal("Expunge", got, want)
}

func (c *comparison[A, B]) name() string {
	names := []string{"a", "a/b", "a/b/c", "d", "d/e", "inbox", "Sent", "x//y", "INBOX/x", "Junk/z"}
	return names[c.r.IntN(len(names))]
}

func (c *comparison[A, B]) mailbox() {
	a, b := c.as[c.account], c.bs[c.account]
	switch c.r.IntN(3) {
	case 0:
		name, role := c.name(), mail.RoleNone
		if c.r.IntN(4) == 0 {
			role = mail.Role(2 + c.r.IntN(7))
		}
		c.log("create %s/%s", c.account, name)
		got, err1 := a.CreateMailbox(c.ctx, name, role)
		want, err2 := b.CreateMailbox(c.ctx, name, role)
		c.same("CreateMailbox", err1, err2)
		c.equal("CreateMailbox", got, want)
	case 1:
		id, name := c.anyMailbox(), c.name()
		if id == 1 && c.r.IntN(4) > 0 {
			return // INBOX would always be empty
		}
		c.log("rename %s/%s to %s", c.account, id, name)
		c.same("RenameMailbox", a.RenameMailbox(c.ctx, id, name), b.RenameMailbox(c.ctx, id, name))
	default:
		id := c.anyMailbox()
		c.log("delete %s/%s", c.account, id)
		c.same("DeleteMailbox", a.DeleteMailbox(c.ctx, id), b.DeleteMailbox(c.ctx, id))
	}
}

func (c *comparison[A, B]) subscribe() {
	name, on := c.name(), c.r.IntN(2) == 0
	c.log("subscribe %s/%s %t", c.account, name, on)
	c.same("Subscribe", c.as[c.account].Subscribe(c.ctx, name, on), c.bs[c.account].Subscribe(c.ctx, name, on))
}

func (c *comparison[A, B]) annotate() {
	id := c.anyMailbox()
	var changes []mail.Annotation
	for range c.r.IntN(4) {
		a := mail.Annotation{Name: fmt.Sprintf("/private/%d", c.r.IntN(6)), Gone: c.r.IntN(3) == 0}
		if !a.Gone {
			a.Value = strings.Repeat("v", c.r.IntN(40)*c.r.IntN(40)*c.r.IntN(4))
		}
		changes = append(changes, a)
	}
	c.log("annotate %s/%s %d", c.account, id, len(changes))
	c.same("Annotate", c.as[c.account].Annotate(c.ctx, id, changes), c.bs[c.account].Annotate(c.ctx, id, changes))
}

// expire lets go of everything up to some moment, now and then up to now.
func (c *comparison[A, B]) expire() {
	_, seq, err := c.bs[c.account].UIDs(c.ctx, 1)
	if err != nil {
		c.Fatal(err)
	}
	until := mail.ModSeq(c.r.IntN(int(seq) * 5 / 4))
	c.log("expire %s up to %d", c.account, until)
	c.same("Expire", c.tested.Expire(c.ctx, c.account, until), c.model.Expire(c.ctx, c.account, until))
}

func (c *comparison[A, B]) changes() {
	id, since := c.anyMailbox(), mail.ModSeq(c.r.IntN(250))
	got, err1 := c.as[c.account].Changes(c.ctx, id, since)
	want, err2 := c.bs[c.account].Changes(c.ctx, id, since)
	c.same("Changes", err1, err2)
	c.equalRows("Changes", got.Rows, want.Rows)
	got.Rows, want.Rows = nil, nil
	c.equal(fmt.Sprintf("Changes(%s, %d)", id, since), normal(got), normal(want))
}

// changedSince compares the account's feed from some moment on, in pages of some
// size, and where the emails stand that it tells of.
func (c *comparison[A, B]) changedSince() {
	a, b := c.as[c.account], c.bs[c.account]
	since, most := mail.ModSeq(c.r.IntN(400)), []int{0, 1, 5, 40}[c.r.IntN(4)]
	c.log("changes of %s since %d, %d at most", c.account, since, most)
	for {
		got, err1 := a.ChangedSince(c.ctx, since, most)
		want, err2 := b.ChangedSince(c.ctx, since, most)
		c.same("ChangedSince", err1, err2)
		c.equal(fmt.Sprintf("ChangedSince(%d, %d)", since, most), got, want)
		for _, id := range append(append(want.Emails.Created, want.Emails.Updated...), want.Emails.Destroyed...) {
			c.entries(a, b, id)
		}
		if !want.More || c.Failed() {
			return
		}
		since = want.Until
	}
}

func (c *comparison[A, B]) entries(a A, b B, id mail.EmailID) {
	got, err1 := a.Entries(c.ctx, id)
	want, err2 := b.Entries(c.ctx, id)
	c.same("Entries", err1, err2)
	var rows1, rows2 []mail.Row
	var boxes1, boxes2 []mail.MailboxID
	for _, e := range got {
		rows1, boxes1 = append(rows1, e.Row), append(boxes1, e.Mailbox)
	}
	for _, e := range want {
		rows2, boxes2 = append(rows2, e.Row), append(boxes2, e.Mailbox)
	}
	c.equal(fmt.Sprintf("Entries(%s): mailboxes", id), boxes1, boxes2)
	c.equalRows(fmt.Sprintf("Entries(%s)", id), rows1, rows2)
}

// normal makes an empty set nil.
func normal(c mail.Changes) mail.Changes {
	if len(c.Vanished) == 0 {
		c.Vanished = nil
	}
	return c
}

// equalRows compares rows, but for the IDs of appended messages, which are
// random, and the spelling of keywords.
func (c *comparison[A, B]) equalRows(what string, got, want []mail.Row) {
	c.Helper()
	c.equal(what+": number of rows", len(got), len(want))
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if !g.Flags.Equal(w.Flags) || !g.Internal.Equal(w.Internal) || g.Internal.String() != w.Internal.String() || !g.Saved.Equal(w.Saved) {
			c.Errorf("%s:\ngot  %+v\nwant %+v", what, g, w)
		}
		if g.Canonical == 0 || w.Canonical == 0 { // either need not say
			g.Canonical = w.Canonical
		}
		g.ID, g.Flags, g.Internal, g.Saved = w.ID, w.Flags, w.Internal, w.Saved
		c.equal(what, g, w)
	}
}

// compareAll compares everything the stores hold, bodies included.
func (c *comparison[A, B]) compareAll() {
	for id := mail.AccountID(1); id <= 2; id++ {
		a, b := c.as[id], c.bs[id]
		subs1, err1 := a.Subscriptions(c.ctx)
		subs2, err2 := b.Subscriptions(c.ctx)
		c.same("Subscriptions", err1, err2)
		c.equal("Subscriptions", subs1, subs2)
		usage1, err1 := c.tested.Usage(c.ctx, id)
		usage2, err2 := c.model.Usage(c.ctx, id)
		c.same("Usage", err1, err2)
		c.equal("Usage", usage1, usage2)
		list1, err1 := a.Mailboxes(c.ctx)
		list2, err2 := b.Mailboxes(c.ctx)
		c.same("Mailboxes", err1, err2)
		c.equal("Mailboxes", list1, list2)
		for _, m := range list2 {
			c.compareMailbox(a, b, m.ID)
		}
		if c.r.IntN(2) == 0 {
			c.compareExpunged(a, b)
		}
	}
}

func (c *comparison[A, B]) compareMailbox(a A, b B, id mail.MailboxID) {
	uids1, seq1, err1 := a.UIDs(c.ctx, id)
	uids2, seq2, err2 := b.UIDs(c.ctx, id)
	c.same("UIDs", err1, err2)
	c.equal("UIDs: ModSeq", seq1, seq2)
	if !slices.Equal(uids1, uids2) {
		c.Errorf("UIDs(%s) = %v; want %v", id, uids1, uids2)
		return
	}
	got, want := collect(c.ctx, c.T, a, id), collect(c.ctx, c.T, b, id)
	c.equalRows("Rows", got, want)
	c.compareSummaries(a, b, id, want)
	for i, r := range want {
		if i%7 == int(r.UID)%7 { // some of them, others the next time
			c.compareBody(a, b, id, r.UID)
		}
	}
}

// compareSummaries compares what ordering asks of messages, of some of them first
// so that the others are not all read at once.
func (c *comparison[A, B]) compareSummaries(a A, b B, id mail.MailboxID, rows []mail.Row) {
	var some mail.UIDSet
	for i, r := range rows {
		if i%3 == 0 {
			some = some.Add(r.UID)
		}
	}
	for _, set := range []mail.UIDSet{some, Every()} {
		want := summaries(c.ctx, c.T, b, id, set)
		got := summaries(c.ctx, c.T, a, id, set)
		if !reflect.DeepEqual(got, want) {
			c.Errorf("Summaries(%s, %s) = %+v; want %+v", id, set, got, want)
		}
	}
}

// summaries are those of a set by UID.
func summaries[A Account](ctx context.Context, t *testing.T, a A, id mail.MailboxID, set mail.UIDSet) map[mail.UID]message.Summary {
	found := map[mail.UID]message.Summary{}
	last := mail.UID(0)
	for s, err := range a.Summaries(ctx, id, set) {
		if err != nil {
			t.Fatalf("Summaries(%s): %v", id, err)
		}
		if s.Row.UID <= last {
			t.Fatalf("Summaries(%s): UID %d comes after %d", id, s.Row.UID, last)
		}
		last = s.Row.UID
		found[last] = *s.Summary
	}
	return found
}

func collect[A Account](ctx context.Context, t *testing.T, a A, id mail.MailboxID) []mail.Row {
	var rows []mail.Row
	for r, err := range a.Rows(ctx, id, Every()) {
		if err != nil {
			t.Fatalf("Rows(%s): %v", id, err)
		}
		rows = append(rows, r)
	}
	return rows
}

func (c *comparison[A, B]) compareBody(a A, b B, id mail.MailboxID, uid mail.UID) {
	read := func(acc Account) string {
		m, err := acc.Open(c.ctx, id, uid)
		if err != nil {
			c.Errorf("Open(%s, %d): %v", id, uid, err)
			return ""
		}
		defer m.Close()
		text, err := io.ReadAll(m.Reader())
		if err != nil {
			c.Errorf("read message %d of %s: %v", uid, id, err)
		}
		return string(text)
	}
	if got, want := read(a), read(b); got != want {
		c.Errorf("message %d of %s: got %d bytes that are not the %d wanted", uid, id, len(got), len(want))
	}
}
