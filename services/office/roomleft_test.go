package office

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
	"github.com/sanduk-mail/sanduk/services/room"
)

// TestRoom lets the disk of a whole office get fuller and fuller, and empty again:
// first the world has to wait, then the office, and deleting goes on to the end.
func TestRoom(t *testing.T) {
	t.Parallel()
	const total, gb, mb = 100 << 30, 1 << 30, 1 << 20 // so that the reserve is 5 GB
	var free atomic.Int64
	free.Store(50 * gb)
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS = resolvertest.New(t, map[string]string{"far.test": "@ A 192.0.2.1"}).Client()
		options.Disk = func() (room.Usage, error) { return room.Usage{Total: total, Free: free.Load()}, nil }
	})
	o.setUpNow(t, 0)
	conn, err := serveStrangers(t, o).DialFrom(netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	world := smtp.NewClient(conn) // one for all: its greeting is kept back
	defer world.Close()
	outside := func(size int) string { return offer(t, world, size) }
	inside := func() error {
		return o.submit(t, "alice@"+testDomain, "From: alice@"+testDomain+"\r\nSubject: within\r\n\r\nhello\r\n")
	}
	append1 := func() error {
		c := o.imap(t, "alice", nil)
		defer c.Close()
		const text = "Subject: filed\r\n\r\nx\r\n"
		a := c.Append("INBOX", int64(len(text)), nil)
		_, _ = a.Write([]byte(text)) // what comes of it Wait says
		_ = a.Close()
		_, err := a.Wait()
		return err
	}
	remove := func() error {
		c := o.imap(t, "alice", nil)
		defer c.Close()
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			return err
		}
		flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := c.Store(imap.SeqSetNum(1), flags, nil).Close(); err != nil {
			return err
		}
		return c.Expunge().Close()
	}
	if err := inside(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		free          int64
		world, office bool
		finding       string
	}{
		{50 * gb, true, true, ""},
		{10*gb + mb, true, true, "The disk is nearly full: 10241 MB are free. Below 10240 MB mail from outside is turned away"},
		{10*gb - mb, false, true, "Mail from outside is turned away, to come again later; mail within the office"},
		{5*gb + 64*mb, false, true, "mail within the office, reading and deleting go on"},
		{5*gb - mb, false, false, "The disk is full: 5119 MB are free"},
		{0, false, false, "The disk is full: 0 MB are free"},
		{50 * gb, true, true, ""},
	} {
		free.Store(test.free)
		reply := outside(0)
		if test.world != strings.HasPrefix(reply, "250 ") || !test.world && !strings.HasPrefix(reply, "452 4.3.1 ") {
			t.Errorf("%d MB free: the world hears %q; want it taken: %t, else 452 4.3.1", test.free/mb, reply, test.world)
		}
		if err := inside(); (err == nil) != test.office {
			t.Errorf("%d MB free: somebody of the office hears %v; want it taken: %t", test.free/mb, err, test.office)
		}
		if err := append1(); (err == nil) != test.office {
			t.Errorf("%d MB free: APPEND: %v; want it taken: %t", test.free/mb, err, test.office)
		}
		before := len(o.fetch(t, "alice"))
		if err := remove(); err != nil {
			t.Errorf("%d MB free: deleting: %v", test.free/mb, err)
		}
		if got := len(o.fetch(t, "alice")); got != before-1 {
			t.Errorf("%d MB free: %d messages after one of %d was deleted", test.free/mb, got, before)
		}
		wantFinding(t, o, test.finding)
	}
	// What says its size waits where the size does not fit, and only that.
	free.Store(10*gb + 5*mb)
	if got := outside(6 * mb); !strings.HasPrefix(got, "452 4.3.1 ") {
		t.Errorf("6 MB where 5 MB are left: %q; want 452 4.3.1", got)
	}
	if got := outside(4 * mb); !strings.HasPrefix(got, "250 ") {
		t.Errorf("4 MB where 5 MB are left: %q; want 250", got)
	}
	// Two months before it comes to that it is said.
	now := time.Now()
	for day := range 30 {
		when := now.Add(time.Duration(day-30) * 24 * time.Hour)
		if err := o.history.Note(room.Usage{Total: total, Free: 50*gb - int64(day)*gb}, when); err != nil {
			t.Fatal(err)
		}
	}
	free.Store(20 * gb)
	wantFinding(t, o, "The disk will be full in about 10 days: 102")
	free.Store(90 * gb)
	wantFinding(t, o, "")
}

// wantFinding wants one thing said of the disk, or nothing.
func wantFinding(t *testing.T, o *testOffice, want string) {
	t.Helper()
	var answer struct {
		Findings []struct{ What string }
	}
	o.api(t, "admin").do("GET", "/api/health", nil, &answer)
	got := ""
	for _, f := range answer.Findings {
		if strings.HasPrefix(f.What, "The disk") {
			got += f.What
		}
	}
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("health says of the disk %q; want %q", got, want)
	}
}

// offer hands a short message in from outside, of which it says a size, and returns the
// reply that decides.
func offer(t *testing.T, c *smtp.Client, size int) string {
	t.Helper()
	reply := func(err error) string {
		if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
			if err := c.Reset(); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%d %d.%d.%d %s", e.Code, e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2], e.Message)
		}
		if err != nil {
			t.Fatal(err)
		}
		return "250 OK"
	}
	if err := c.Mail("someone@far.test", &smtp.MailOptions{Size: int64(size)}); err != nil {
		return reply(err)
	}
	if err := c.Rcpt("alice@"+testDomain, nil); err != nil {
		return reply(err)
	}
	w, err := c.Data()
	if err != nil {
		return reply(err)
	}
	_, _ = w.Write([]byte("From: someone@far.test\r\nSubject: from outside\r\n\r\nhello\r\n")) // Close says what came of it
	return reply(w.Close())
}
