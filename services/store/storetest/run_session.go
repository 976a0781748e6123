package storetest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func testChanges[A Account](o *office[A]) {
	check := func(since mail.ModSeq, rows []mail.UID, vanished string) mail.ModSeq {
		o.Helper()
		c := o.changes(o.inbox.ID, since)
		var got []mail.UID
		for _, r := range c.Rows {
			got = append(got, r.UID)
		}
		if !slices.Equal(got, rows) || c.Vanished.String() != vanished || c.Gone {
			o.Errorf("Changes(%d): rows %v, vanished %s; want %v, %s", since, got, c.Vanished, rows, vanished)
		}
		if m := o.mailbox("INBOX"); c.UIDNext != m.UIDNext || c.Until < m.HighestModSeq {
			o.Errorf("Changes(%d) = %+v; the mailbox is %+v", since, c, m)
		}
		return c.Until
	}
	_, start, err := o.a.UIDs(o.ctx, o.inbox.ID)
	o.ok(err)
	check(start, nil, "")
	o.fill(o.inbox.ID, 5)
	filled := check(start, []mail.UID{1, 2, 3, 4, 5}, "")
	check(filled, nil, "")
	_, err = o.a.SetFlags(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2, 4), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
	o.ok(err)
	flagged := check(filled, []mail.UID{2, 4}, "")
	_, err = o.a.Expunge(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](4, 5), false)
	o.ok(err)
	_, err = o.a.Move(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](1), o.mailbox("Trash").ID)
	o.ok(err)
	check(flagged, nil, "1,4:5")
	check(filled, []mail.UID{2}, "1,4:5")
	until := check(start, []mail.UID{2, 3}, "1,4:5")
	if c := o.changes(o.mailbox("Trash").ID, flagged); len(c.Rows) != 1 || c.Until != until {
		o.Errorf("Trash's changes are %+v", c)
	}
	check(until+100, nil, "")
}

func testWatch[A Account](o *office[A]) {
	w, other := o.a.Watch(), o.a.Watch()
	other.Close()
	other.Close()
	awake := func() bool {
		select {
		case <-w.C:
			return true
		default:
			return false
		}
	}
	if awake() {
		o.Error("awake before anything happened")
	}
	o.fill(o.inbox.ID, 3)
	if !awake() || awake() {
		o.Error("three changes did not come as one wake-up")
	}
	o.deliver(Message("x"), mail.Target{Account: 1})
	if !awake() {
		o.Error("asleep after a delivery")
	}
	o.ok(o.a.Subscribe(o.ctx, "s", true))
	if !awake() {
		o.Error("asleep after a subscription")
	}
	w.Close()
	o.fill(o.inbox.ID, 1)
	if awake() {
		o.Error("awake after Close")
	}
	o.ok(o.store.CreateAccount(o.ctx, 2))
	second, err := o.store.Account(o.ctx, 2)
	o.ok(err)
	both := make(chan struct{}, 1)
	w = mail.NewWatch(both, func() {})
	stop, stopSecond := o.a.WatchOn(both), second.WatchOn(both)
	for range 2 {
		o.fill(o.inbox.ID, 1)
		if !awake() {
			o.Error("asleep on a channel that hangs on two accounts")
		}
		o.ok(second.Subscribe(o.ctx, "s", true))
		o.ok(second.Subscribe(o.ctx, "s", false))
		if !awake() || awake() {
			o.Error("asleep, or awake twice, after changes of the second account")
		}
	}
	stop()
	stop()
	o.fill(o.inbox.ID, 1)
	if awake() {
		o.Error("awake after the channel was taken off")
	}
	o.ok(second.Subscribe(o.ctx, "s", true))
	if !awake() {
		o.Error("asleep on what is left")
	}
	stopSecond()
}

func testThreads[A Account](o *office[A]) {
	thread := func(header ...string) mail.ThreadID {
		o.Helper()
		o.deliver(Message("x", header...), mail.Target{Account: 1})
		rows := o.rows(o.inbox.ID)
		return rows[len(rows)-1].Thread
	}
	first := thread("Message-ID: <1@x.test>", "Subject: plan")
	other := thread("Message-ID: <2@x.test>", "Subject: plan")
	none := thread("Subject: plan")
	if first == other || first == none || other == none || first == 0 {
		o.Errorf("unrelated messages are in threads %s, %s, %s", first, other, none)
	}
	if got := thread("Message-ID: <3@x.test>", "In-Reply-To: <1@x.test>", "Subject: Re: plan"); got != first {
		o.Errorf("a reply is in thread %s; want %s", got, first)
	}
	if got := thread("Message-ID: <4@x.test>", "References: <1@x.test> <3@x.test>", "Subject: Re: Plan"); got != first {
		o.Errorf("a reply to the reply is in thread %s; want %s", got, first)
	}
	if got := thread("Message-ID: <5@x.test>", "In-Reply-To: <1@x.test>", "Subject: something else"); got == first {
		o.Error("a reply with another subject is in the same thread")
	}
	// The reply comes before what it answers.
	early := thread("Message-ID: <7@x.test>", "In-Reply-To: <6@x.test>", "Subject: Re: late")
	if got := thread("Message-ID: <6@x.test>", "Subject: late"); got != early {
		o.Errorf("the late original is in thread %s; want %s", got, early)
	}
	// A bridge joins one thread and leaves both as they were.
	bridge := thread("Message-ID: <8@x.test>", "In-Reply-To: <2@x.test>", "References: <1@x.test>", "Subject: Re: plan")
	if bridge != other {
		o.Errorf("the bridge is in thread %s; want %s", bridge, other)
	}
	if rows := o.rows(o.inbox.ID); rows[0].Thread != first || rows[1].Thread != other {
		o.Errorf("threads changed to %s and %s", rows[0].Thread, rows[1].Thread)
	}
}

func testSearch[A Account](o *office[A]) {
	texts := []string{
		Message("the quick brown fox", "Subject: animals", "From: Alice <alice@x.test>", "Date: Mon, 2 Feb 2026 23:30:00 -0800"),
		Message("gr=C3=BC=C3=9Fe", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"),
		Message(strings.Repeat("filler ", 20000)+"needle", "Subject: long", "X-Thing: yes"),
	}
	for i, text := range texts {
		_, err := o.a.Append(o.ctx, o.inbox.ID, []draft.Append{{
			Draft: NewDraft(o, o.spool, text), Internal: received().AddDate(0, 0, i), Flags: mail.NewFlags([]string{`\Seen`, "k1", `\Flagged`}[i]),
		}})
		o.ok(err)
	}
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	rows := o.rows(o.inbox.ID)
	for _, c := range []struct {
		query mail.Query
		want  string
	}{
		{mail.And{}, "1:3"}, {mail.Or{}, ""}, {nil, "1:3"},
		{mail.UIDIn{Set: mail.SetOf[mail.UID](2, 9)}, "2"},
		{mail.HasFlags{Flags: mail.NewFlags(`\Seen`)}, "1"},
		{mail.HasFlags{Flags: mail.NewFlags("K1")}, "2"},
		{mail.Not{Query: mail.HasFlags{Flags: mail.NewFlags(`\Seen`)}}, "2:3"},
		{mail.Larger{Bytes: 10000}, "3"}, {mail.Smaller{Bytes: rows[1].Size}, "1"},
		{mail.DayIn{Since: day(2)}, "2:3"}, {mail.DayIn{Since: day(2), Before: day(3)}, "2"},
		{mail.MomentIn{Before: rows[1].Internal}, "1"}, {mail.MomentIn{Since: rows[1].Internal}, "2:3"},
		{mail.DayIn{Date: mail.SentDate, Since: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), Before: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)}, "1"},
		{mail.Header{Name: "subject", Value: "ANIM"}, "1"}, {mail.Header{Name: "Subject", Value: "grüsse"}, ""},
		{mail.Header{Name: "Subject", Value: "GRÜSSE"}, ""}, {mail.Header{Name: "Subject", Value: "grüße"}, "2"},
		{mail.Header{Name: "x-thing"}, "3"}, {mail.Header{Name: "From", Value: "alice@x.test"}, "1"},
		{mail.Body{Text: "QUICK brown"}, "1"}, {mail.Body{Text: "GRÜ"}, "2"}, {mail.Body{Text: "filler needle"}, "3"},
		{mail.Body{Text: "animals"}, ""}, {mail.Text{Text: "animals"}, "1"}, {mail.Text{Text: "needle"}, "3"},
		{mail.Fuzzy{Query: mail.Body{Text: "fox quick"}}, "1"}, {mail.Body{Text: "fox quick"}, ""},
		{mail.ModSeqFrom{ModSeq: rows[1].ModSeq}, "2:3"},
		{mail.EmailIs{Email: rows[1].Email}, "2"}, {mail.ThreadIs{Thread: rows[2].Thread}, "3"},
		{mail.And{mail.Body{Text: "o"}, mail.Or{mail.Larger{Bytes: 10000}, mail.HasFlags{Flags: mail.NewFlags(`\Seen`)}}}, "1"},
	} {
		got, err := o.a.Search(o.ctx, o.inbox.ID, c.query)
		o.ok(err)
		if got.String() != c.want {
			o.Errorf("Search(%#v) = %s; want %s", c.query, got, c.want)
		}
	}
}

func testLargeBody[A Account](o *office[A]) {
	var b strings.Builder
	b.WriteString("Subject: large\r\n\r\n")
	for i := 0; b.Len() < 3<<20; i++ {
		fmt.Fprintf(&b, "line %d of something that does not repeat itself quite %x\r\n", i, i*i*7919)
	}
	text := b.String()
	o.deliver(text, mail.Target{Account: 1, Prefix: []byte("Delivered-To: x@x.test\r\n")})
	if got, want := o.read(o.inbox.ID, 1), "Delivered-To: x@x.test\r\n"+text; got != want {
		o.Errorf("a large message reads %d bytes; want the %d that were delivered", len(got), len(want))
	}
	m, err := o.a.Open(o.ctx, o.inbox.ID, 1)
	o.ok(err)
	defer m.Close()
	whole := "Delivered-To: x@x.test\r\n" + text
	for _, off := range []int64{0, 10, 24, 100, 128<<10 - 3, 1 << 20, m.Size() - 7} {
		p := make([]byte, 1000)
		n, err := m.ReadAt(p, off)
		if err != nil && err != io.EOF {
			o.Fatalf("ReadAt(%d): %v", off, err)
		}
		if want := whole[off:min(int64(len(whole)), off+1000)]; string(p[:n]) != want {
			o.Errorf("ReadAt(%d) gave something else than was delivered", off)
		}
	}
}

// testConcurrent has several people work on one account at a time.
func testConcurrent[A Account](o *office[A]) {
	const writers, each = 8, 20
	draft1 := NewDraft(o, o.spool, Message("concurrent"))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				env := &mail.Envelope{ID: mail.NewID(received()), Received: received()}
				if err := o.store.Deliver(o.ctx, env, []mail.Target{{Account: 1}}, draft1); err != nil {
					o.Errorf("Deliver: %v", err)
				}
				if _, err := o.a.SetFlags(o.ctx, o.inbox.ID, Every(), mail.FlagsAdd, mail.NewFlags(fmt.Sprintf("w%d", w)), nil); err != nil {
					o.Errorf("SetFlags: %v", err)
				}
				if i%5 == 4 {
					if _, err := o.a.Move(o.ctx, o.inbox.ID, mail.SetOf(mail.UID(i*writers+w)), o.mailbox("Archive").ID); err != nil {
						o.Errorf("Move: %v", err)
					}
				}
			}
		})
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { followChanges(o, stop) })
	wg.Wait()
	close(stop)
	reader.Wait()
	total := len(o.uids(o.inbox.ID)) + len(o.uids(o.mailbox("Archive").ID))
	if total != writers*each {
		o.Errorf("%d messages are there; want %d", total, writers*each)
	}
}

// followChanges keeps a view of INBOX by Watch and Changes alone, as a session
// does, and compares it with the mailbox at the end.
func followChanges[A Account](o *office[A], stop chan struct{}) {
	w := o.a.Watch()
	defer w.Close()
	_, since, err := o.a.UIDs(o.ctx, o.inbox.ID)
	if err != nil {
		o.Errorf("UIDs: %v", err)
		return
	}
	// What changes between the two is told once more.
	view := map[mail.UID]mail.ModSeq{}
	for _, r := range o.rows(o.inbox.ID) {
		view[r.UID] = r.ModSeq
	}
	for done := false; !done; {
		select {
		case <-w.C:
		case <-stop:
			done = true
		}
		c, err := o.a.Changes(o.ctx, o.inbox.ID, since)
		if err != nil {
			o.Errorf("Changes: %v", err)
			return
		}
		for _, r := range c.Rows {
			view[r.UID] = r.ModSeq
		}
		for uid := range c.Vanished.All() {
			delete(view, uid)
		}
		since = c.Until
	}
	rows := o.rows(o.inbox.ID)
	if len(rows) != len(view) {
		o.Errorf("the session's view has %d messages; the mailbox %d", len(view), len(rows))
	}
	for _, r := range rows {
		if seq, ok := view[r.UID]; !ok || seq != r.ModSeq {
			o.Errorf("message %d: the view has ModSeq %d (%t); the mailbox %d", r.UID, seq, ok, r.ModSeq)
		}
	}
}

func testClosed[A Account](o *office[A]) {
	o.ok(o.store.Close())
	_, err := o.a.Mailboxes(o.ctx)
	o.want(err, mail.ErrClosed)
	_, err = o.store.Account(o.ctx, 1)
	o.want(err, mail.ErrClosed)
	o.want(o.store.CreateAccount(o.ctx, 3), mail.ErrClosed)
	env := &mail.Envelope{Received: received()}
	o.want(o.store.Deliver(o.ctx, env, []mail.Target{{Account: 1}}, NewDraft(o, o.spool, Message("x"))), mail.ErrClosed)
	o.ok(o.store.Close())
}
