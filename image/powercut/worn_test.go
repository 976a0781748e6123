package powercut

import (
	"errors"
	"fmt"
	"net/smtp"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// wornTime is how long the box may take to notice that its disk takes no writes, and to say so.
const wornTime = 3 * time.Minute

// worn has the disk refuse every write while the box is under load: senders are told to come back, what is there can be
// read, the box says what is wrong, and nothing acknowledged is lost.
func (p *proof) worn(t *testing.T) {
	b := newBox(t, filepath.Join(p.dir, "worn"), p.first, 0, nil)
	b.on(t, "")
	addrs, err := b.ready(t, portsLine)
	if err != nil {
		t.Fatal(err)
	}
	h := newHistory(empty(), b.disk.Moves)
	l := &load{h: h, addrs: addrs, label: "worn", seed: p.seed, fill: liveFill, ctx: t.Context()}
	l.start()
	waitUntil(t, loadTime, func() error {
		if n := h.count(); n < 60 {
			return fmt.Errorf("only %d operations are acknowledged", n)
		}
		return nil
	})
	b.disk.Wear()
	l.all.Wait() // everybody gets an answer
	for _, err := range l.errors {
		var says *textproto.Error
		if errors.As(err, &says) && says.Code/100 != 4 {
			t.Errorf("a sender was told %v, want 4yz", says)
		}
	}
	waitUntil(t, wornTime, func() error {
		if !strings.Contains(b.boot.Serial(), "The disk takes no writes") {
			return errors.New("the box does not say that its disk takes no writes")
		}
		return nil
	})
	// From then on a new sender gets a temporary error, and a reader all that there is.
	var says *textproto.Error
	if err := sendOne(t, addrs.smtp); !errors.As(err, &says) || says.Code/100 != 4 {
		t.Errorf("a new sender was told %v, want 4yz", err)
	}
	v, err := readAll(t.Context(), addrs, nil, 0)
	if err != nil {
		t.Errorf("reading: %v", err)
	} else {
		report(t, "on the worn disk", append(v.problems, judge(h.final(), v.got, make(map[string]uint32))...))
	}
	if err := markOne(t, addrs.imaps, h); err == nil {
		t.Error("a flag was acknowledged on a disk that takes no writes")
	}
	b.cut(t, p.seed)
	b.on(t, "") // the same content on a disk that works
	_, problems := b.look(t, h.final(), nil, make(map[string]uint32))
	report(t, "on another disk", problems)
	t.Logf("figures: a disk that takes no writes: %d operations acknowledged before, 0 lost", h.count())
}

// sendOne tries to deliver a letter.
func sendOne(t *testing.T, addr string) error {
	t.Helper()
	conn, err := dial(t.Context(), addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := smtp.NewClient(conn, "mail."+domain)
	if err != nil {
		return err
	}
	if err := c.Mail("bob@example.net"); err != nil {
		return err
	}
	if err := c.Rcpt("alice@" + domain); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(letter{"worn.late", 1000}.text()); err != nil {
		return err
	}
	return w.Close()
}

// markOne tries to flag everything in INBOX.
func markOne(t *testing.T, addr string, h *history) error {
	t.Helper()
	for _, name := range people() {
		if len(known(h.account(name), "Sent")) == 0 {
			continue
		}
		c, err := login(t.Context(), addr, name)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Select("Sent", nil).Wait(); err != nil {
			return err
		}
		return c.Store(imap.SeqSet{{Start: 1}}, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{"worn"}, Silent: true}, nil).Close()
	}
	return errors.New("there is nothing to flag")
}

// waitUntil waits for the machine, which takes real time.
func waitUntil(t *testing.T, atMost time.Duration, check func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(atMost); ; <-tick.C {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
