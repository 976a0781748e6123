package store_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// kept is a rig with an Upkeep, whose uptime the test moves on.
type kept struct {
	*rig
	upkeep *store.Upkeep
	uptime time.Duration
}

func newKept(t *testing.T) *kept {
	k := &kept{rig: &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: storetest.NewClock(), segment: 6000}}
	k.start()
	if err := k.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) start() {
	k.t.Helper()
	if err := k.open(); err != nil {
		k.t.Fatal(err)
	}
	k.uptime = 0
	k.upkeep = store.NewUpkeep(k.store, store.UpkeepOptions{Logger: quiet(), Uptime: func() time.Duration { return k.uptime }, Flat: true})
	k.pass()
}

// restart stops and starts after the clock has gone on by off.
func (k *kept) restart(off time.Duration) {
	k.t.Helper()
	k.abandon()
	k.clock.Advance(off)
	k.start()
}

func (k *kept) pass() {
	k.t.Helper()
	if err := k.upkeep.Pass(k.t.Context()); err != nil {
		k.t.Fatalf("Pass: %v", err)
	}
}

// live lets days pass, with a pass every six hours.
func (k *kept) live(days int) {
	k.t.Helper()
	for range days * 4 {
		k.uptime += 6 * time.Hour
		k.clock.Advance(6 * time.Hour)
		k.pass()
	}
}

// expunged puts a message into INBOX and takes it away.
func (k *kept) expunged() {
	k.t.Helper()
	fillInbox(k.t, k.rig, 3)
	a, err := k.store.Account(k.t.Context(), 1)
	if err == nil {
		_, err = a.Expunge(k.t.Context(), 1, mail.SetOf[mail.UID](2), false)
	}
	if err == nil {
		err = k.store.Checkpoint()
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kept) wantEmails(what string, want int) {
	k.t.Helper()
	if got := k.store.Emails(1); got != want {
		k.t.Errorf("%s: the index has %d emails; want %d", what, got, want)
	}
}

// TestUpkeepClock: what was deleted stays for thirty days that have really passed,
// whatever the clock shows, and then goes.
func TestUpkeepClock(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		wild func(k *kept)
		days int // until it has gone, at most
	}{
		"right":                 {func(*kept) {}, 32},
		"leaps ahead":           {func(k *kept) { k.clock.Advance(70 * year) }, 32},
		"goes back":             {func(k *kept) { k.clock.Advance(-70 * year) }, 32},
		"leaps ahead while off": {func(k *kept) { k.restart(70 * year) }, 32},
		"goes back while off":   {func(k *kept) { k.restart(-70 * year) }, 32},
		"is wild at every start": {func(k *kept) {
			k.restart(70 * year)
			k.restart(-70 * year)
			k.restart(70 * year)
			k.restart(-70 * year)
		}, 32},
		"stands still while off":  {func(k *kept) { k.restart(0); k.restart(0) }, 32},
		"notes of it were lost":   {func(k *kept) { k.abandon(); k.loseNotes(); k.start() }, 32},
		"notes of it were broken": {func(k *kept) { k.abandon(); k.breakNotes(); k.start() }, 32},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKept(t)
			defer func() { k.abandon() }()
			k.live(1)
			k.expunged()
			c.wild(k)
			k.live(28)
			k.wantEmails("after 28 days", 3)
			k.live(c.days - 28)
			k.wantEmails("after all days", 2)
			report, err := k.store.Check(t.Context())
			if err != nil || !report.OK() {
				t.Errorf("check: %v, %+v", err, report)
			}
		})
	}
}

// TestUpkeepRemoved: all of a removed account goes when its removal is due, though
// it was used until then, and is whole until then.
func TestUpkeepRemoved(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	defer func() { k.abandon() }()
	for range 10 {
		k.expunged()
		k.live(1)
	}
	if err := k.store.RemoveAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	k.live(28)
	k.wantEmails("28 days after the removal", 30)
	k.live(4)
	k.wantEmails("32 days after the removal", 0)
	report, err := k.store.Check(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("check: %v, %+v", err, report)
	}
}

// TestUpkeepOlderLog puts the log back as it was some weeks ago, beside the notes
// of what was in it since.
func TestUpkeepOlderLog(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	defer func() { k.abandon() }()
	k.live(1)
	copied := k.log.Ops()
	for range 20 {
		k.expunged() // ModSeqs that come again, and mean others
	}
	k.live(20)
	k.abandon()
	k.log = k.log.Crash(copied, crashfs.Nothing())
	k.start()
	for range 10 {
		k.expunged()
	}
	k.live(15)
	k.wantEmails("after 15 days", 30)
	k.live(17)
	k.wantEmails("after 32 days", 29)
}

func (k *kept) loseNotes()  { k.writeNotes(nil) }
func (k *kept) breakNotes() { k.writeNotes([]byte("nonsense")) }

// writeNotes puts something else in the place of the notes.
func (k *kept) writeNotes(b []byte) {
	k.t.Helper()
	if err := writeOrRemove(k.index+"/accounts/upkeep", b); err != nil {
		k.t.Fatal(err)
	}
}

// TestScrub damages bodies, lets a month go by, and asks which messages are hurt.
// A start in between does not begin anew.
func TestScrub(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	defer func() { k.abandon() }()
	spool := storetest.NewSpool(t)
	a, err := k.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"whole", "small", "large"} {
		size := 3000
		if subject == "large" {
			size = journal.LargeBody + 5000
		}
		d := storetest.NewDraft(t, spool, storetest.Message(noise(size, size), "Subject: "+subject))
		if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			t.Fatal(err)
		}
	}
	fillInbox(t, k.rig, 40) // more segments
	k.abandon()
	k.start()
	hurtBody(t, k, 2)
	hurtBody(t, k, 3)
	k.live(2)
	k.restart(time.Hour)
	k.live(29)
	h := k.upkeep.Health()
	if h.LastScrub.IsZero() {
		t.Fatal("nothing was read in a month")
	}
	var words []string
	for _, d := range h.Damage {
		words = append(words, d.String())
	}
	text := strings.Join(words, "\n")
	if len(h.Damage) != 2 || !strings.Contains(text, `the message "small"`) || !strings.Contains(text, `"large"`) {
		t.Errorf("damage is\n%s\nwant that the messages small and large are named", text)
	}
	k.restart(time.Hour)
	if got := len(k.upkeep.Health().Damage); got != 2 {
		t.Errorf("after a start %d messages are named; want 2", got)
	}
}

// hurtBody turns a bit in the middle of a message's body on the disk.
func hurtBody(t *testing.T, k *kept, uid mail.UID) {
	t.Helper()
	ref := k.store.BodyOf(1, 1, uid)
	name := "log/" + ref.String()[:8] + ".seg"
	off := k.log.Size(name) / 2 // of a segment that has one large body
	err := journal.Dump(t.Context(), k.log, func(f journal.Found) error {
		if f.Record.Body == ref {
			off = f.Offset + f.Length - 1000 // the body stands at the end of the record
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	k.log.Flip(name, off)
}

func writeOrRemove(path string, b []byte) error {
	if b == nil {
		return os.Remove(path)
	}
	return os.WriteFile(path, b, 0o600)
}
