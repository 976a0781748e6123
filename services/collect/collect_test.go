package collect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestCollect: mail of a domain mailbox gets to those whom it is for, byte for
// byte, and what names nobody to the postmaster.
func TestCollect(t *testing.T) {
	t.Parallel()
	for _, caps := range [][]string{nil, {"PIPELINING", "SASL PLAIN LOGIN"}} {
		p := &popProvider{password: "secret", caps: caps}
		p.put("1", letter("alice@office.test", ".one\r\n..two\r\n.\r\nthree"))
		p.put("2", letter("Bob@Office.test", "for bob"))
		p.put("3", letter("nobody@office.test", "for nobody"))
		p.put("4", letter("alice@office.test, bob@office.test, alice@office.test", "for both"))
		p.put("5", "Subject: no recipient\r\n\r\nunsorted\r\n")
		p.put("6", letter("alice@office.test", strings.Repeat("too large ", 1<<17)))
		b := openBox(t, newDisk(), t.TempDir(), p.dial)
		r, err := b.once(popSource())
		if err != nil {
			t.Fatal(err)
		}
		if want := (count{collected: 5, unsorted: 2, tooLarge: 1, deleted: 5}); r.count != want {
			t.Errorf("count is %+v; want %+v", r.count, want)
		}
		for id, want := range map[mail.AccountID][]string{1: {"\r\n\r\n.one\r\n..two\r\n.\r\nthree\r\n", "for both"}, 2: {"for bob", "for both"}, 3: {"for nobody", "unsorted"}} {
			if got := len(b.inbox(id)); got != len(want) {
				t.Errorf("account %d has %d messages; want %d", id, got, len(want))
			}
			for _, text := range want {
				if n := b.has(id, text); n != 1 {
					t.Errorf("account %d has %q %d times; want once", id, text, n)
				}
			}
		}
		first := b.inbox(1)[0]
		for _, want := range []string{"Delivered-To: alice@office.test\r\nSanduk-Collected: ", "\r\nReceived: from pop.provider.test by box.office.test with POP3", "Return-Path: <sender@else.test>\r\n"} {
			if !strings.Contains(first, want) {
				t.Errorf("the message lacks %q:\n%s", want, first)
			}
		}
		if got := fmt.Sprint(p.left()); got != "[6]" {
			t.Errorf("at the provider is %s; want the large one alone", got)
		}
		// A circle ends in the mailbox.
		p.put("7", first)
		if _, err := b.once(popSource()); err != nil || len(b.inbox(1)) != 3 || len(b.inbox(3)) != 2 {
			t.Errorf("a message that came round: %v, alice has %d, postmaster %d; want 3 and 2", err, len(b.inbox(1)), len(b.inbox(3)))
		}
		b.close()
	}
}

// TestDrop: wherever the connection goes, each message is here once in the end.
func TestDrop(t *testing.T) {
	t.Parallel()
	for _, caps := range [][]string{nil, {"PIPELINING"}} {
		for _, lost := range []bool{false, true} {
			for drop := 1; ; drop++ {
				p := &popProvider{password: "secret", caps: caps, drop: drop, quitLost: lost}
				for i := range 3 {
					p.put(fmt.Sprint(i), letter("alice@office.test", fmt.Sprintf("text %d.", i)))
				}
				b := openBox(t, newDisk(), t.TempDir(), p.dial)
				_, err := b.once(popSource())
				p.drop, p.quitLost = 0, false
				if _, again := b.once(popSource()); again != nil {
					t.Fatal(again)
				}
				for i := range 3 {
					if n := b.has(1, fmt.Sprintf("text %d.", i)); n != 1 {
						t.Errorf("cut after %d replies: message %d is there %d times; want once", drop, i, n)
					}
				}
				if left := p.left(); len(left) != 0 {
					t.Errorf("cut after %d replies: at the provider are %v; want none", drop, left)
				}
				b.close()
				if err == nil || lost && drop > 14 {
					break
				}
			}
		}
	}
}

// TestPowerCut: whenever the power goes, also between the message's coming and its
// record, and between that and its deletion at the provider, each message is here
// once in the end, with the index that was there, and with one made anew.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	const messages = 4
	provider := func() *popProvider {
		p := &popProvider{password: "secret"}
		for i := range messages {
			p.put(fmt.Sprint(i), letter("alice@office.test, bob@office.test", fmt.Sprintf("text %d.%s", i, strings.Repeat("x", i*100_000))))
		}
		return p
	}
	disk, p, dir := newDisk(), provider(), t.TempDir()
	deleted := 0
	p.onQuit = func() { deleted = disk.Ops() }
	b := openBox(t, disk, dir, p.dial)
	first := disk.Ops()
	if _, err := b.once(popSource()); err != nil {
		t.Fatal(err)
	}
	last := disk.Ops()
	b.close()
	index, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	for point := range crashfs.Points(first, last) {
		for name, chance := range map[string]crashfs.Chance{"nothing": crashfs.Nothing(), "everything": crashfs.Everything(), "some": crashfs.Some(uint64(point))} {
			p, dir := provider(), t.TempDir()
			if point > deleted {
				p.mail = nil
			}
			if name == "everything" { // what bbolt has may be ahead of the log
				if err := os.WriteFile(filepath.Join(dir, File), index, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b := openBox(t, disk.Crash(point, chance), dir, p.dial)
			if _, err := b.once(popSource()); err != nil {
				t.Fatalf("point %d, %s: %v", point, name, err)
			}
			for i := range messages {
				for id := mail.AccountID(1); id <= 2; id++ {
					if n := b.has(id, fmt.Sprintf("text %d.", i)); n != 1 {
						t.Errorf("point %d of %d, %s: account %d has message %d %d times; want once", point, last, name, id, i, n)
					}
				}
			}
			if left := p.left(); len(left) > 0 {
				t.Errorf("point %d, %s: at the provider are %v; want none", point, name, left)
			}
			b.abandon()
		}
	}
}

// TestLeave: what was collected stays at the provider for its days, is not
// collected again meanwhile, also after a restart, and then goes; what the
// provider gave new names is known all the same.
func TestLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &popProvider{password: "secret"}
		p.put("old", letter("alice@office.test", "left"))
		s := popSource()
		s.Leave = 48 * time.Hour
		disk, dir := newDisk(), t.TempDir()
		b := openBox(t, disk, dir, p.dial)
		session := func(what string, here, there int) {
			t.Helper()
			if _, err := b.once(s); err != nil {
				t.Fatal(err)
			}
			if n := len(b.inbox(1)); n != here || len(p.left()) != there {
				t.Errorf("%s: %d here, %d at the provider; want %d and %d", what, n, len(p.left()), here, there)
			}
		}
		session("first", 1, 1)
		session("again", 1, 1)
		b.close()
		if err := os.Remove(filepath.Join(dir, File)); err != nil {
			t.Fatal(err)
		}
		b = openBox(t, disk, dir, p.dial)
		session("without its index", 1, 1)
		p.mail[0].uidl = "new"
		session("with another name", 1, 1)
		p.put("twin", letter("alice@office.test", "left"))
		session("another of the same bytes", 2, 2)
		time.Sleep(s.Leave - time.Second)
		session("before its time", 2, 2)
		time.Sleep(time.Second)
		session("after it", 2, 0)
		time.Sleep(sweepEvery)
		session("swept", 2, 0)
		if _, known, err := b.state.taken(s.Key(), uidlItem("twin")); known || err != nil {
			t.Errorf("a deleted message is known still: %v, %v", known, err)
		}
		b.close()
	})
}

// TestWaits: a message for a full mailbox stays at the provider, the others come.
func TestWaits(t *testing.T) {
	t.Parallel()
	p := &popProvider{password: "secret"}
	p.put("1", letter("alice@office.test", "for alice"))
	p.put("2", letter("alice@office.test, bob@office.test", "for both"))
	p.put("3", letter("bob@office.test", "for bob"))
	b := openBox(t, newDisk(), t.TempDir(), p.dial)
	defer b.close()
	b.quota[1] = mail.Quota{Messages: 1}
	b.quota[2] = mail.Quota{Messages: 5}
	r, err := b.once(popSource())
	if err != nil || r.count.waiting != 1 || len(mail.OverQuota(r.wait)) == 0 {
		t.Errorf("got %+v, %v; want one that waits for room", r, err)
	}
	if got := fmt.Sprint(p.left(), len(b.inbox(1)), len(b.inbox(2))); got != "[2] 1 1" {
		t.Errorf("left, alice, bob: %s; want [2] 1 1", got)
	}
	delete(b.quota, 1)
	if _, err := b.once(popSource()); err != nil || len(b.inbox(1)) != 2 || len(b.inbox(2)) != 2 {
		t.Errorf("with room: %v, %d, %d; want 2 and 2", err, len(b.inbox(1)), len(b.inbox(2)))
	}
}

// TestRefusals: what is said when a provider does not want.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]*popProvider{
		"does not take the user name or password": {password: "other"},
		"refuses: [IN-USE] busy":                  {refuse: "-ERR [IN-USE] busy"},
		"Use IMAP for this mailbox":               {password: "secret", noUIDL: true},
		"not a mail server of this kind":          {refuse: "HTTP/1.1 400 Bad Request"},
	} {
		b := openBox(t, newDisk(), t.TempDir(), p.dial)
		s := popSource()
		_, err := b.once(s)
		if err == nil || !strings.Contains(words(&s, err), want) {
			t.Errorf("got %v; want %q", err, want)
		}
		if isAuth(err) != (p.password == "other") {
			t.Errorf("isAuth(%v) = %v", err, isAuth(err))
		}
		b.close()
	}
	b := openBox(t, newDisk(), t.TempDir(), (&popProvider{password: "secret"}).dial)
	defer b.close()
	s := popSource()
	s.TLS = "starttls"
	if _, err := b.once(s); !errors.Is(err, errNoTLS) {
		t.Errorf("without STLS: %v; want errNoTLS", err)
	}
}

// TestNothingToBeDone: more than one session can do nothing about is no reason to begin
// the next one at once.
func TestNothingToBeDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &popProvider{password: "secret"}
		for i := range batch + 1 {
			p.put(fmt.Sprint(i), "Subject: large\r\n\r\n")
		}
		b := openBox(t, newDisk(), t.TempDir(), p.dial, popSource())
		b.c.o.MaxSize = 1
		done := make(chan struct{})
		ctx, cancel := contextWithCancel(t)
		go func() { defer close(done); b.c.Run(ctx) }()
		time.Sleep(time.Hour)
		if n, _ := p.counted(); n < 11 || n > 14 {
			t.Errorf("%d sessions in an hour; want one every five minutes", n)
		}
		cancel()
		<-done
		b.close()
	})
}

// TestSchedule: every five minutes; seldom after a password was refused; later and
// later while the server is away; at once when asked.
func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &popProvider{password: "secret"}
		s := popSource()
		b := openBox(t, newDisk(), t.TempDir(), p.dial, s)
		done := make(chan struct{})
		ctx, cancel := contextWithCancel(t)
		go func() { defer close(done); b.c.Run(ctx) }()
		expect := func(what string, d time.Duration, least, most int) {
			t.Helper()
			before, _ := p.counted()
			time.Sleep(d)
			synctest.Wait()
			after, _ := p.counted()
			if n := after - before; n < least || n > most {
				t.Errorf("%s: %d sessions in %s; want %d to %d", what, n, d, least, most)
			}
		}
		expect("all well", time.Hour, 11, 14)
		p.mu.Lock()
		p.password = "changed"
		p.mu.Unlock()
		expect("password refused", 24*time.Hour, 3, 5)
		list := b.c.List()
		if len(list) != 1 || !strings.Contains(list[0].Problem, "user name or password") || list[0].Next.Before(time.Now()) || list[0].LastGood.IsZero() {
			t.Errorf("status is %+v", list)
		}
		p.mu.Lock()
		p.password, p.mail = "secret", []popMail{{"1", letter("alice@office.test", "asked for")}}
		p.mu.Unlock()
		if err := b.c.Now("office"); err != nil {
			t.Error(err)
		}
		expect("asked", time.Second, 1, 1)
		if n := len(b.inbox(1)); n != 1 || b.c.List()[0].Collected != 1 || b.c.List()[0].Problem != "" {
			t.Errorf("%d messages, status %+v; want one", n, b.c.List())
		}
		if err := b.c.Now("else"); !errors.Is(err, ErrNoSource) {
			t.Errorf("Now of an unknown source: %v", err)
		}
		p.mu.Lock()
		p.refuse = "-ERR [SYS/TEMP] later"
		p.mu.Unlock()
		first, _ := p.counted()
		expect("out of order", 24*time.Hour, 24, 36)
		// Twice as long each time, give or take what keeps boxes apart, up to an hour.
		p.mu.Lock()
		tries := p.began[first:]
		p.mu.Unlock()
		for i, want := range []time.Duration{5, 10, 20, 40, 60, 60, 60} {
			want *= time.Minute
			if got := tries[i+1].Sub(tries[i]); got < want*9/10 || got > want*11/10+time.Second {
				t.Errorf("after failure %d it is tried again after %v; want about %v", i+1, got, want)
			}
		}
		cancel()
		<-done
		b.close()
	})
}
