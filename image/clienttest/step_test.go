package clienttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// testInStep has two programs keep copies of one account: each sees what the other did, also when both are at it at
// once and mail comes in.
func testInStep(t *testing.T, o *office, m *matrix) {
	const owner, program = "step", "mbsync and offlineimap"
	a, b := newMbsync(t, o, owner, "imaps", "IMAPS"), newOfflineIMAP(t, o, owner)
	m.try(t, program, "what one does the other sees", func(t *testing.T) {
		o.deliver(t, owner, note("one"), note("two"), note("three"), note("four"))
		a.sync(t)
		b.sync(t)
		sameOnBoth(t, a.subjects(t, "INBOX"), b.subjects(t, "INBOX"))

		a.mark(t, "INBOX", "Subject: one\n", "F")
		name := a.holding(t, "INBOX", "Subject: two\n") // moved as a program moves that works on a Maildir: without its UID
		if err := os.Rename(name, filepath.Join(string(a.maildir), "Archive/cur/2.moved:2,S")); err != nil {
			t.Fatal(err)
		}
		a.sync(t)
		b.sync(t)
		if name := b.holding(t, "INBOX", "Subject: one\n"); !strings.HasSuffix(name, ":2,F") {
			t.Errorf("the other has %s; want it flagged", filepath.Base(name))
		}
		if name := b.holding(t, "Archive", "Subject: two\n"); !strings.HasSuffix(name, ":2,S") {
			t.Errorf("the other has %s; want it read", filepath.Base(name))
		}

		b.mark(t, "INBOX", "Subject: three\n", "RS")
		if err := os.Remove(b.holding(t, "INBOX", "Subject: four\n")); err != nil {
			t.Fatal(err)
		}
		b.sync(t)
		a.sync(t)
		if name := a.holding(t, "INBOX", "Subject: three\n"); !strings.HasSuffix(name, "RS") {
			t.Errorf("the first has %s; want it answered and read", filepath.Base(name))
		}
		sameOnBoth(t, a.subjects(t, "INBOX"), []string{"one", "three"})
		sameOnBoth(t, b.subjects(t, "INBOX"), []string{"one", "three"})
	})
	m.try(t, program, "both at once, while mail comes in", func(t *testing.T) {
		rounds := 3
		if long() {
			rounds = 30
		}
		for round := range rounds {
			put := func(d maildir, who string) {
				text := noteFrom(at(owner), fmt.Sprintf("%s %d", who, round))
				write(t, filepath.Join(string(d), fmt.Sprintf("INBOX/new/180000000%d.1.%s", round, who)), strings.ReplaceAll(text, "\r\n", "\n"))
			}
			put(a.maildir, "first")
			put(b.maildir, "second")
			a.mark(t, "INBOX", "Subject: one\n", []string{"S", "FS"}[round%2])
			var both sync.WaitGroup
			ended := make(map[string]int)
			var mu sync.Mutex
			for _, run := range []func() (string, int){
				func() (string, int) { return "mbsync", a.run(t, "", "mbsync", "-c", a.config, "-a").code },
				func() (string, int) {
					return "offlineimap", b.run(t, "", "offlineimap", "-c", b.config, "-o", "-u", "basic").code
				},
			} {
				both.Go(func() {
					name, code := run()
					mu.Lock()
					defer mu.Unlock()
					ended[name] = code
				})
			}
			o.deliver(t, owner, note(fmt.Sprintf("outside %d", round)))
			both.Wait()
			for name, code := range ended {
				if code != 0 {
					t.Errorf("round %d: %s ended with status %d", round, name, code)
				}
			}
		}
		for range 2 { // the last round's are brought to both
			a.sync(t)
			b.sync(t)
		}
		box := o.letters(t, owner, "INBOX")
		if want := 2 + 3*rounds; len(box) != want {
			t.Errorf("the box has %d messages; want %d", len(box), want)
		}
		sameOnBoth(t, a.subjects(t, "INBOX"), subjects(box))
		sameOnBoth(t, b.subjects(t, "INBOX"), subjects(box))
		if !marked("one", imap.FlagSeen)(box) {
			t.Error("the flag of one did not arrive")
		}
	})
}
