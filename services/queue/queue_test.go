package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

const text = "Subject: hello\r\n\r\nThe text.\r\n"

// remote is all servers of the world. answer says what becomes of a recipient.
type remote struct {
	mu     sync.Mutex
	answer func(job *mail.Job, to mail.Address) mail.Attempt
	sent   []sent
	now    map[mail.Hop]int // transactions under way
	most   map[mail.Hop]int
}

// sent is one try of one recipient.
type sent struct {
	id   mail.ID
	hop  mail.Hop
	to   string
	at   time.Time
	fate mail.Fate
}

func (r *remote) Send(ctx context.Context, job *mail.Job) (list []mail.Attempt) {
	r.mu.Lock()
	if r.now == nil {
		r.now, r.most = map[mail.Hop]int{}, map[mail.Hop]int{}
	}
	r.now[job.Hop]++
	r.most[job.Hop] = max(r.most[job.Hop], r.now[job.Hop])
	answer := r.answer
	r.mu.Unlock()
	for i, to := range job.To {
		a := answer(job, to.Address)
		a.To = i
		list = append(list, a)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[job.Hop]--
	for i, a := range list {
		r.sent = append(r.sent, sent{job.ID, job.Hop, job.To[i].String(), time.Now(), a.Fate})
	}
	return list
}

func (r *remote) tries(to string) (list []sent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sent {
		if s.to == to {
			list = append(list, s)
		}
	}
	return list
}

// all gives every try so far.
func (r *remote) all() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

// atOnce is the most transactions that a Hop has had at a time.
func (r *remote) atOnce(hop mail.Hop) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most[hop]
}

func accept(*mail.Job, mail.Address) mail.Attempt {
	return mail.Attempt{Fate: mail.FateRelayed, Server: "mx.test", Reply: mail.Reply{Code: 250, Text: "ok"}, Status: mail.Status2_0_0OK}
}

func defer451(*mail.Job, mail.Address) mail.Attempt {
	return mail.Attempt{Fate: mail.FateDeferred, Server: "mx.test", Reply: mail.Reply{Code: 451, Text: "later"}, Status: mail.Status4_7_0TryLater}
}

func refuse(*mail.Job, mail.Address) mail.Attempt {
	return mail.Attempt{Fate: mail.FateFailed, Server: "mx.test", Reply: mail.Reply{Code: 550, Status: mail.Status5_1_1NoSuchMailbox, Text: "nobody here"}, Status: mail.Status5_1_1NoSuchMailbox}
}

func nobody(*mail.Job, mail.Address) mail.Attempt {
	return mail.Attempt{Fate: mail.FateDeferred, Reply: mail.Reply{Text: "no answer"}, Status: mail.Status4_4_2Timeout}
}

// post takes the reports.
type post struct {
	mu      sync.Mutex
	journal *journal.Journal
	err     func(to mail.Address) error
	got     []posted
}

type posted struct {
	to     string
	report *report.Report
	text   string
	at     time.Time
}

func (p *post) Post(ctx context.Context, env *mail.Envelope, text []byte, with *journal.Entry) error {
	if p.err != nil {
		if err := p.err(env.To[0].Address); err != nil {
			return err
		}
	}
	r, err := report.Parse(bytes.NewReader(text))
	if err != nil {
		return err
	}
	err = p.journal.CommitAll(ctx, with, &journal.Entry{Family: journal.FamilyStore, Prepare: func(journal.Slot) ([]byte, error) { return []byte("report"), nil }})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, posted{env.To[0].String(), r, string(text), time.Now()})
	return nil
}

func (p *post) list() []posted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// bench is a queue with its surroundings.
type bench struct {
	t       testing.TB
	disk    durable.FS
	path    string
	opts    Options
	remote  *remote
	post    *post
	journal *journal.Journal
	q       *Queue
	stop    func()
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, disk: crashfs.New(), path: filepath.Join(t.TempDir(), File), remote: &remote{answer: accept}, post: &post{}}
	b.opts = Options{
		Sender: b.remote, Post: b.post, Logger: slog.New(slog.DiscardHandler),
		Hostname: func() string { return "box.test" }, Postmaster: func() mail.Address { return mail.Address{Local: "postmaster", Domain: "box.test"} },
	}
	return b
}

func (b *bench) open() *Queue {
	b.t.Helper()
	var err error
	if b.journal, err = journal.Open(b.disk, journal.Options{Logger: b.opts.Logger, Ring: journal.NoRing}); err != nil {
		b.t.Fatalf("open journal: %v", err)
	}
	b.post.journal = b.journal
	if b.q, err = Open(context.Background(), b.path, b.journal, b.opts); err != nil {
		b.t.Fatalf("open queue: %v", err)
	}
	return b.q
}

// run has the queue work until close.
func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.q.Run(ctx) })
	b.stop = func() { cancel(); running.Wait(); b.stop = nil }
}

func (b *bench) close() {
	b.t.Helper()
	if b.stop != nil {
		b.stop()
	}
	if err := errors.Join(b.q.Close(), b.journal.Close()); err != nil {
		b.t.Errorf("close: %v", err)
	}
	b.journal.Release()
}

func address(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// item is a message for some recipients, each by way of its domain.
func item(from string, to ...string) *Item {
	it := &Item{ID: mail.NewID(time.Now()), Prefix: []byte("Received: here\r\n"), Size: int64(len("Received: here\r\n" + text))}
	it.Message = it.ID
	if from != "" {
		it.From = address(from)
	}
	for _, s := range to {
		a := address(s)
		it.To = append(it.To, Recipient{Recipient: mail.Recipient{Address: a}, Hop: mail.Hop(a.Domain)})
	}
	return it
}

func (b *bench) enqueue(items ...*Item) {
	b.t.Helper()
	body, err := b.journal.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
	if err == nil {
		err = b.q.Enqueue(context.Background(), body, items)
	}
	if err != nil {
		b.t.Fatalf("Enqueue: %v", err)
	}
}

// bubble runs a test in which days pass in no time.
func bubble(t *testing.T, fn func(t *testing.T, b *bench)) {
	t.Helper()
	bubbleWith(t, func(*Options) {}, fn)
}

// bubbleWith is bubble with other options.
func bubbleWith(t *testing.T, change func(*Options), fn func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		change(&b.opts)
		b.open()
		b.run()
		fn(t, b)
		b.close()
	})
}

// TestSchedule: at once, after 1, 5, 15, 30 and 60 minutes, then every two hours, for
// five days; a word after four hours; and back it goes.
func TestSchedule(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = defer451
		began := time.Now()
		b.enqueue(item("alice@box.test", "bob@far.test"))
		time.Sleep(6 * 24 * time.Hour)
		synctest.Wait()
		tries := b.remote.tries("bob@far.test")
		var at time.Duration
		for i, pause := range []time.Duration{0, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour} {
			at += pause
			if got := tries[i].at.Sub(began); got != at {
				t.Errorf("try %d after %v; want %v", i+1, got, at)
			}
		}
		for i := 6; i < len(tries); i++ {
			if got := tries[i].at.Sub(tries[i-1].at); got < 108*time.Minute || got > 132*time.Minute {
				t.Errorf("try %d comes %v after the one before; want about 2 h", i+1, got)
			}
		}
		if last := tries[len(tries)-1].at.Sub(began); last > 5*24*time.Hour || last < 5*24*time.Hour-3*time.Hour || len(tries) < 60 {
			t.Errorf("%d tries, the last after %v; want some 64 in five days", len(tries), last)
		}
		reports := b.post.list()
		if len(reports) != 2 {
			t.Fatalf("%d reports; want delay and failure", len(reports))
		}
		for i, want := range []struct {
			action report.Action
			at     time.Duration
			status mail.Status
		}{{report.ActionDelayed, 4 * time.Hour, mail.Status4_7_0TryLater}, {report.ActionFailed, 5 * 24 * time.Hour, mail.Status5_4_7Expired}} {
			got := reports[i].report.Recipients[0]
			if got.Action != want.action || reports[i].at.Sub(began) != want.at || got.Status != want.status || got.Reply.Code != 451 || reports[i].to != "alice@box.test" {
				t.Errorf("report %d: %+v after %v to %s; want %v", i, got, reports[i].at.Sub(began), reports[i].to, want)
			}
		}
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left", n)
		}
	})
}

// TestAskedTry: tries that somebody asks for are besides the schedule, also behind a
// restart; the one that comes when the schedule has one stands for it.
func TestAskedTry(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(b *bench, id mail.ID) error{
		"one":          func(b *bench, id mail.ID) error { return b.q.Retry(context.Background(), id) },
		"all":          func(b *bench, _ mail.ID) error { b.q.Rush(""); return nil },
		"of a stopped": func(b *bench, _ mail.ID) error { return b.q.RetryAll(context.Background(), "") },
		"twice": func(b *bench, id mail.ID) error {
			return errors.Join(b.q.Retry(context.Background(), id), b.q.Retry(context.Background(), id))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, b *bench) {
				var asking sync.Mutex // held meanwhile: a try in between would be one of its own
				b.remote.answer = func(j *mail.Job, to mail.Address) mail.Attempt {
					asking.Lock()
					defer asking.Unlock()
					return defer451(j, to)
				}
				began := time.Now()
				it := item("alice@box.test", "bob@far.test")
				b.enqueue(it)
				var want []time.Duration
				var at time.Duration
				for _, pause := range []time.Duration{0, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour} {
					at += pause
					want = append(want, at, at+10*time.Second)
				}
				for i := 1; i < len(want); i += 2 {
					time.Sleep(time.Until(began.Add(want[i])))
					synctest.Wait()
					asking.Lock()
					err := ask(b, it.ID)
					asking.Unlock()
					if err != nil && !errors.Is(err, ErrSending) {
						t.Fatal(err)
					}
					synctest.Wait()
					b.close()
					b.open()
					b.run()
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				var got []time.Duration
				for _, s := range b.remote.tries("bob@far.test") {
					got = append(got, s.at.Sub(began))
				}
				if !slices.Equal(got, want) {
					t.Errorf("tried after %v\nwant        %v", got, want)
				}
				if shown, err := b.q.Show(t.Context(), it.ID); err != nil || shown.To[0].Tries != len(want) {
					t.Errorf("Show = %+v, %v; want %d tries", shown, err, len(want))
				}
			})
		})
	}
}

// TestReports: who is told of what.
func TestReports(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		from   string
		notify mail.Notify
		answer func(*mail.Job, mail.Address) mail.Attempt
		want   string // "action to" of each report
	}{
		{"refused", "alice@box.test", 0, refuse, "failed alice@box.test"},
		{"refused, failure only", "alice@box.test", mail.NotifyFailure, refuse, "failed alice@box.test"},
		{"refused, success only", "alice@box.test", mail.NotifySuccess, refuse, ""},
		{"refused, never", "alice@box.test", mail.NotifyNever, refuse, ""},
		{"refused, no sender", "", 0, refuse, "failed postmaster@box.test"},
		{"sent", "alice@box.test", 0, accept, ""},
		{"sent, success", "alice@box.test", mail.NotifySuccess, accept, "relayed alice@box.test"},
		{"sent, the next one reports", "alice@box.test", mail.NotifySuccess, func(j *mail.Job, to mail.Address) mail.Attempt {
			a := accept(j, to)
			a.Reports = true
			return a
		}, ""},
		{"never answered", "alice@box.test", 0, nobody, "delayed alice@box.test, failed alice@box.test"},
		{"never answered, failure only", "alice@box.test", mail.NotifyFailure, nobody, "failed alice@box.test"},
		{"never answered, delay only", "alice@box.test", mail.NotifyDelay, nobody, "delayed alice@box.test"},
		{"never answered, no sender", "", 0, nobody, "failed postmaster@box.test"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, b *bench) {
				b.remote.answer = c.answer
				it := item(c.from, "bob@far.test")
				it.To[0].Notify = c.notify
				b.enqueue(it)
				time.Sleep(6 * 24 * time.Hour)
				synctest.Wait()
				var got []string
				for _, p := range b.post.list() {
					got = append(got, p.report.Recipients[0].Action.String()+" "+p.to)
				}
				if s := strings.Join(got, ", "); s != c.want {
					t.Errorf("reports %q; want %q", s, c.want)
				}
				if n := b.q.Stats().Items; n != 0 {
					t.Errorf("%d items are left", n)
				}
			})
		})
	}
}

// TestDoubleBounce: a report that nobody takes goes to the postmaster; one that he
// can't get either is let go; one that can't be posted just now is posted later, once.
func TestDoubleBounce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = refuse
		gone := &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox}
		b.post.err = func(to mail.Address) error {
			if to.Local == "gone" {
				return gone
			}
			return nil
		}
		b.enqueue(item("gone@box.test", "bob@far.test"))
		b.enqueue(item("", "postmaster@box.test")) // which is hopeless
		synctest.Wait()
		if got := b.post.list(); len(got) != 1 || got[0].to != "postmaster@box.test" || !strings.Contains(got[0].text, "can't be returned") {
			t.Errorf("%d reports: %+v", len(got), got)
		}
		fails := 3
		b.post.err = func(mail.Address) error {
			if fails--; fails >= 0 {
				return mail.ErrNoSpace
			}
			return nil
		}
		b.enqueue(item("alice@box.test", "bob@far.test"))
		synctest.Wait()
		if n := b.q.Stats().Items; n != 1 {
			t.Errorf("%d items; want that it stays until its report is posted", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := b.post.list(); len(got) != 2 || b.q.Stats().Items != 0 {
			t.Errorf("%d reports, %d items; want one more and nothing left", len(got), b.q.Stats().Items)
		}
	})
}

// TestReportToFullMailbox: a sender whose mailbox stays full is given up in the end, and
// the postmaster hears of it; if his is full too, the item ends all the same.
func TestReportToFullMailbox(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = refuse
		full := []string{"alice"}
		b.post.err = func(to mail.Address) error {
			if slices.Contains(full, to.Local) {
				return &mail.Refusal{Status: mail.Status4_2_2MailboxFull}
			}
			return nil
		}
		b.enqueue(item("alice@box.test", "bob@far.test"))
		time.Sleep(9 * 24 * time.Hour)
		synctest.Wait()
		if n, got := b.q.Stats().Items, b.post.list(); n != 1 || len(got) != 0 {
			t.Errorf("after nine days %d items, %d reports; want that it is still tried", n, len(got))
		}
		time.Sleep(2 * 24 * time.Hour)
		synctest.Wait()
		if n, got := b.q.Stats().Items, b.post.list(); n != 0 || len(got) != 1 || got[0].to != "postmaster@box.test" {
			t.Errorf("after eleven days %d items, reports %+v; want one to the postmaster", n, got)
		}
		full = append(full, "postmaster")
		b.enqueue(item("alice@box.test", "bob@far.test"))
		time.Sleep(11 * 24 * time.Hour)
		synctest.Wait()
		if n, got := b.q.Stats().Items, b.post.list(); n != 0 || len(got) != 1 {
			t.Errorf("with nobody to report to: %d items, %d reports; want none and no more", n, len(got))
		}
	})
}

// TestReportWaits: a report that could not be posted at once, and comes due while its
// recipient is being sent again, waits for that, and the queue does nothing meanwhile.
// What is known of another recipient of the same item does not wait.
func TestReportWaits(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		var full atomic.Bool
		full.Store(true)
		b.post.err = func(mail.Address) error {
			if full.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
		var planned atomic.Int64
		b.q.opts.Schedule = func(mail.Hop) Schedule {
			if planned.Add(1) > 1000 {
				panic("the queue goes round in circles")
			}
			return Schedule{Then: 2 * time.Minute, Delay: time.Minute, GiveUp: 24 * time.Hour}
		}
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			switch {
			case to.Local == "nobody":
				return refuse(job, to)
			case job.Try > 1:
				time.Sleep(time.Hour) // a slow server
			}
			return defer451(job, to)
		}
		b.enqueue(item("alice@box.test", "slow@near.test"))
		b.enqueue(item("alice@box.test", "nobody@far.test", "slow@far.test"))
		time.Sleep(5 * time.Minute)
		full.Store(false)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		told := func() (list []string) {
			for _, p := range b.post.list() {
				for _, r := range p.report.Recipients {
					list = append(list, fmt.Sprint(r.Final, " ", r.Action))
				}
			}
			slices.Sort(list)
			return list
		}
		if got, want := told(), []string{"nobody@far.test failed"}; !slices.Equal(got, want) {
			t.Fatalf("while the others are being sent, told %q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got, want := told(), []string{"nobody@far.test failed", "slow@far.test delayed", "slow@near.test delayed"}; !slices.Equal(got, want) {
			t.Fatalf("when they have been sent, told %q, want %q", got, want)
		}
	})
}

// forgetful is a Sender that says nothing of some recipients.
type forgetful struct{ calls atomic.Int64 }

func (f *forgetful) Send(ctx context.Context, job *mail.Job) []mail.Attempt {
	if f.calls.Add(1) > 1000 {
		panic("the queue tries without end")
	}
	a := accept(job, job.To[0].Address)
	if job.Try > 1 {
		return []mail.Attempt{a}
	}
	a.To = len(job.To) // nobody
	return []mail.Attempt{a}
}

// TestNoResult: of whom a Sender says nothing is tried again by the schedule.
func TestNoResult(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		sender := &forgetful{}
		b.q.opts.Sender = sender
		b.enqueue(item("alice@box.test", "a@far.test", "b@far.test"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		items, _, err := b.q.List(t.Context(), Filter{}, Page{})
		if err != nil || len(items) != 1 {
			t.Fatalf("%d items, %v; want the one", len(items), err)
		}
		for _, r := range items[0].To {
			if r.Tries != 1 || r.State != StateQueued || r.Last.Status != mail.Status4_3_0SystemTrouble {
				t.Errorf("%s: %d tries, %s, %v; want one that failed for now", r.Address, r.Tries, r.State, r.Last.Status)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := sender.calls.Load(); n < 3 || n > 10 {
			t.Errorf("%d tries in an hour; want them by the schedule", n)
		}
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left; want none", n)
		}
	})
}

// TestWallClock: no time of an item has a reading of the monotonic clock, with which
// comparisons would disagree with the scheduler's when somebody sets the box's clock.
func TestWallClock(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = defer451
		it := item("alice@box.test", "a@far.test")
		it.Wishes.HoldUntil, it.Wishes.By = time.Now().Add(time.Minute), time.Now().Add(time.Hour)
		b.enqueue(it)
		check := func(when string) {
			t.Helper()
			synctest.Wait()
			is, err := b.q.Show(t.Context(), it.ID)
			if err != nil {
				t.Fatal(err)
			}
			for what, at := range map[string]time.Time{"Accepted": is.Accepted, "Next": is.To[0].Next, "HoldUntil": is.Wishes.HoldUntil, "By": is.Wishes.By} {
				if at != wall(at) {
					t.Errorf("%s: %s is %v; want it without the monotonic clock", when, what, at)
				}
			}
		}
		check("accepted")
		time.Sleep(time.Minute + time.Second)
		check("tried")
		if err := b.q.Retry(t.Context(), it.ID); err != nil {
			t.Fatal(err)
		}
		check("tried at once")
		if err := errors.Join(b.q.Hold(t.Context(), it.ID), b.q.Release(t.Context(), it.ID)); err != nil {
			t.Fatal(err)
		}
		check("released")
	})
}

// TestWishes: mail that is to be held back, and mail that has to be there by a time.
func TestWishes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		began := time.Now()
		b.remote.answer = defer451
		held, late, told := item("alice@box.test", "held@far.test"), item("alice@box.test", "late@far.test"), item("alice@box.test", "told@far.test")
		held.Wishes.HoldUntil = began.Add(3 * time.Hour)
		late.Wishes.By = began.Add(time.Hour)
		told.Wishes.By, told.Wishes.ByNotify = began.Add(2*time.Hour), true
		b.enqueue(held)
		b.enqueue(late)
		b.enqueue(told)
		time.Sleep(time.Minute)
		b.q.Kick("")
		time.Sleep(7*time.Hour + time.Minute)
		synctest.Wait()
		if at := b.remote.tries("held@far.test")[0].at.Sub(began); at != 3*time.Hour {
			t.Errorf("held back for %v; want 3 h", at)
		}
		var got []string
		for _, p := range b.post.list() {
			r := p.report.Recipients[0]
			said := ""
			if !p.report.By.IsZero() {
				said += " by " + p.report.By.Sub(began).Round(time.Second).String()
			}
			if !p.report.Release.IsZero() {
				said += " from " + p.report.Release.Sub(began).Round(time.Second).String()
			}
			got = append(got, fmt.Sprintf("%s %s %v%s", r.Action, r.Final.Local, p.at.Sub(began), said))
		}
		want := []string{"failed late 1h0m0s by 1h0m0s", "delayed told 2h0m0s by 2h0m0s", "delayed told 4h0m0s by 2h0m0s", "delayed held 7h0m0s from 3h0m0s"}
		if !slices.Equal(got, want) {
			t.Errorf("reports %q; want %q", got, want)
		}
	})
}

// TestBreaker: a dead Hop is probed by one message at a time; when it answers, all of
// its queue goes at once. Another Hop is not held up.
func TestBreaker(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		var mu sync.Mutex
		dead := true
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			mu.Lock()
			down := dead && job.Hop == "dead.test"
			mu.Unlock()
			if down {
				time.Sleep(time.Minute) // until a connection times out
				return nobody(job, to)
			}
			time.Sleep(time.Second)
			return accept(job, to)
		}
		for i := range 200 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("u%d@dead.test", i)))
		}
		began := time.Now()
		for i := range 20 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("u%d@well.test", i)))
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := len(b.remote.all()); got != 20 {
			t.Errorf("%d messages are out after 3 s; want the 20 to the other Hop", got)
		}
		if most := b.remote.atOnce("well.test"); most != DefaultPerHop {
			t.Errorf("%d connections at once; want %d", most, DefaultPerHop)
		}
		time.Sleep(3 * time.Hour)
		tries := 0
		b.remote.mu.Lock()
		for _, s := range b.remote.sent {
			if s.hop == "dead.test" {
				tries++
			}
		}
		clear(b.remote.most)
		b.remote.mu.Unlock()
		if tries > 30 {
			t.Errorf("%d tries in 3 h; want few, each by one message", tries)
		}
		time.Sleep(time.Hour)
		if most := b.remote.atOnce("dead.test"); most != 1 {
			t.Errorf("%d messages probe it at once; want 1", most)
		}
		mu.Lock()
		dead = false
		mu.Unlock()
		back := time.Now()
		time.Sleep(probeMost + time.Minute + 30*time.Second) // the next probe, and 200 by eights
		synctest.Wait()
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left %v after it came back", n, time.Since(back))
		}
		_ = began
	})
}

// TestKick: the line is back, and all goes at once.
func TestKick(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = nobody
		for i := range 50 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("u@h%d.test", i%7)))
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		b.remote.mu.Lock()
		b.remote.answer = accept
		b.remote.mu.Unlock()
		if n := b.q.Stats().Items; n != 50 {
			t.Fatalf("%d items; want 50", n)
		}
		b.q.Kick("")
		synctest.Wait()
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left", n)
		}
	})
}

// TestAdmin: what people can do about an item.
func TestAdmin(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.remote.answer = defer451
		later := func(from string, to ...string) *Item {
			time.Sleep(time.Millisecond)
			it := item(from, to...)
			b.enqueue(it)
			return it
		}
		a := later("alice@box.test", "bob@far.test", "eve@other.test")
		c, d := later("alice@box.test", "carol@far.test"), later("zoe@box.test", "dave@far.test")
		synctest.Wait()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		must(b.q.Hold(ctx, a.ID))
		if err := b.q.Hold(ctx, a.ID); !errors.Is(err, ErrNothing) {
			t.Errorf("Hold again = %v; want ErrNothing", err)
		}
		list := func(f Filter, p Page) string {
			items, more, err := b.q.List(ctx, f, p)
			must(err)
			var s []string
			for _, it := range items {
				s = append(s, map[mail.ID]string{a.ID: "a", c.ID: "c", d.ID: "d"}[it.ID])
			}
			if more {
				s = append(s, "…")
			}
			return strings.Join(s, " ")
		}
		for _, w := range []struct {
			f    Filter
			p    Page
			want string
		}{
			{Filter{}, Page{}, "a c d"}, {Filter{}, Page{Limit: 2}, "a c …"}, {Filter{}, Page{After: c.ID}, "d"}, {Filter{Held: true}, Page{}, "a"},
			{Filter{Hop: "other.test"}, Page{}, "a"}, {Filter{Address: "ZOE@"}, Page{}, "d"}, {Filter{Address: "carol"}, Page{}, "c"},
		} {
			if got := list(w.f, w.p); got != w.want {
				t.Errorf("List(%+v, %+v) = %q; want %q", w.f, w.p, got, w.want)
			}
		}
		var exported bytes.Buffer
		must(b.q.Export(ctx, a.ID, &exported))
		if got := exported.String(); got != "Received: here\r\n"+text {
			t.Errorf("Export gives %q", got)
		}
		must(b.q.Redirect(ctx, c.ID, address("carol@far.test"), address("carol@new.test"), "new.test"))
		must(b.q.Drop(ctx, d.ID))
		time.Sleep(6 * 24 * time.Hour)
		synctest.Wait()
		if got := list(Filter{}, Page{}); got != "a" {
			t.Errorf("after six days there are %q; want what is held", got)
		}
		if n := len(b.remote.tries("bob@far.test")); n != 1 {
			t.Errorf("%d tries of what is held", n)
		}
		if n := len(b.remote.tries("carol@new.test")); n < 50 {
			t.Errorf("%d tries of what was redirected", n)
		}
		b.remote.mu.Lock()
		b.remote.answer = accept
		b.remote.mu.Unlock()
		w := b.q.Watch()
		defer w.Close()
		must(b.q.Release(ctx, a.ID))
		<-w.C
		synctest.Wait()
		if _, err := b.q.Show(ctx, a.ID); !errors.Is(err, ErrNoItem) {
			t.Errorf("Show = %v; want that it has gone", err)
		}
		for _, p := range b.post.list() {
			if p.to == "zoe@box.test" {
				t.Error("a report of what was dropped")
			}
		}
	})
}

// TestContent: what is sent is prefix and body, wherever a read begins.
func TestContent(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		got := make(chan string, 1)
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			c, err := job.Open()
			if err != nil {
				t.Error(err)
				return accept(job, to)
			}
			defer func() { _ = c.Close() }()
			all, err := io.ReadAll(io.NewSectionReader(c, 0, job.Size))
			if err != nil {
				t.Error(err)
			}
			for off := range all { // every piece reads the same
				p := make([]byte, min(20, len(all)-off))
				if _, err := c.ReadAt(p, int64(off)); err != nil || !bytes.HasPrefix(all[off:], p) {
					t.Errorf("ReadAt(%d) = %q, %v", off, p, err)
				}
			}
			got <- string(all)
			return accept(job, to)
		}
		b.enqueue(item("alice@box.test", "bob@far.test"))
		if s := <-got; s != "Received: here\r\n"+text {
			t.Errorf("sent %q", s)
		}
	})
}
