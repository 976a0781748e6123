package office

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/services/fetched"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// pick fetches messages by POP3 and leaves them on the box.
func (o *testOffice) pick(t testing.TB, name string, numbers ...int) {
	t.Helper()
	raw, err := tls.Dial("tcp", o.addrs["pop3s"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := textproto.NewConn(raw)
	say := func(command string) {
		t.Helper()
		if command != "" {
			if err := c.PrintfLine("%s", command); err != nil {
				t.Fatal(err)
			}
		}
		if line, err := c.ReadLine(); err != nil || !strings.HasPrefix(line, "+OK") {
			t.Fatalf("%s: got %q, %v; want +OK", command, line, err)
		}
	}
	for _, command := range []string{"", "USER " + name + "@" + testDomain, "PASS " + testPassword} {
		say(command)
	}
	for _, n := range numbers {
		say(fmt.Sprintf("RETR %d", n))
		if _, err := c.ReadDotBytes(); err != nil {
			t.Fatal(err)
		}
	}
	say("QUIT")
}

// held is a POP3 server in which some accounts' maildrops are open.
type held map[mail.AccountID]bool

func (h held) Hold(id mail.AccountID) (func(), bool) { return func() {}, !h[id] }

// TestLeave: mail that was fetched by POP3 goes when its days are over, also after a
// restart, but not what was never fetched, is flagged, or was moved; it can be brought
// back and then stays, and nothing goes from under a session.
func TestLeave(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	bob, err := o.directory.Resolve(t.Context(), mail.Address{Local: "bob", Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := o.submit(t, "bob@"+testDomain, fmt.Sprintf("Subject: number %d\r\nFrom: alice@example.test\r\n\r\nHello, Bob.\r\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	o.pick(t, "bob", 1)
	if ids, err := o.fetched.Accounts(); err != nil || len(ids) != 0 {
		t.Fatalf("noted of %v, %v, though nothing holds for anybody", ids, err)
	}
	o.api(t, "admin").do(http.MethodPut, "/api/pop3", map[string]any{"who": "bob@" + testDomain, "leave": 7}, nil)
	o.pick(t, "bob", 1, 2, 3, 4)
	c := o.imap(t, "bob", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	flag := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}, Silent: true}
	if err := c.Store(imap.UIDSetNum(3), flag, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Create("Kept", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Move(imap.UIDSetNum(4), "Kept").Wait(); err != nil {
		t.Fatal(err)
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, o.data)
	uids := func() (list []mail.UID) {
		for row := range maps.Values(o.byEmail(t, "bob", "INBOX")) {
			list = append(list, row.UID)
		}
		slices.Sort(list)
		return list
	}
	check := func(step string, open held, after fetched.Day, want ...mail.UID) {
		t.Helper()
		o.endLeavesOnce(t.Context(), open, fetched.DayOf(time.Now())+after)
		if got := uids(); !slices.Equal(got, want) {
			t.Errorf("%s: INBOX has %v; want %v", step, got, want)
		}
	}
	check("after 6 days", nil, 6, 1, 2, 3, 5)
	check("while a session has it open", held{bob: true}, 8, 1, 2, 3, 5)
	check("after 8 days", nil, 8, 3, 5)
	if got := len(o.byEmail(t, "bob", "Kept")); got != 1 {
		t.Errorf("what was moved: %d messages are left; want 1", got)
	}
	o.restoreAll(t, "bob", 2)
	check("brought back", nil, 30, 3, 5, 6, 7)
	o.api(t, "admin").do(http.MethodPut, "/api/pop3", map[string]any{"who": "bob@" + testDomain, "leave": -1}, nil)
	check("ended", nil, 30, 3, 5, 6, 7)
	if ids, err := o.fetched.Accounts(); err != nil || len(ids) != 0 {
		t.Errorf("still noted of %v, %v", ids, err)
	}
}

// TestLeaveClock: a clock that leaps by years between the fetch and the hour in which
// it is looked whose days are over removes nothing, nor after a restart.
func TestLeaveClock(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: x\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	o.api(t, "admin").do(http.MethodPut, "/api/pop3", map[string]any{"who": "bob@" + testDomain, "leave": 7}, nil)
	o.pick(t, "bob", 1)
	leapt := time.Now().AddDate(30, 0, 0)
	for _, restart := range []bool{false, true} {
		if restart {
			if err := o.stop(); err != nil {
				t.Fatal(err)
			}
			o = startOffice(t, o.data)
		}
		today, err := o.fetched.Today(leapt, time.Since(o.started))
		if err != nil {
			t.Fatal(err)
		}
		o.endLeavesOnce(t.Context(), held{}, today)
		if got := len(o.byEmail(t, "bob", "INBOX")); got != 1 {
			t.Errorf("restarted %v: INBOX has %d messages; want 1", restart, got)
		}
	}
}

// TestLeaveNothing: mail goes with the session that has fetched it, and can be brought
// back.
func TestLeaveNothing(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	for range 2 {
		if err := o.submit(t, "bob@"+testDomain, "Subject: x\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	o.api(t, "admin").do(http.MethodPut, "/api/pop3", map[string]any{"who": "bob@" + testDomain, "leave": 0}, nil)
	o.pick(t, "bob", 1)
	if got := len(o.byEmail(t, "bob", "INBOX")); got != 1 {
		t.Fatalf("INBOX has %d messages; want 1", got)
	}
	o.restoreAll(t, "bob", 1)
	if got := len(o.byEmail(t, "bob", "INBOX")); got != 2 {
		t.Errorf("INBOX has %d messages; want 2", got)
	}
}

// TestLeaveForgets: a file of notes that are of no more use shrinks.
func TestLeaveForgets(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	bob, err := o.directory.Resolve(t.Context(), mail.Address{Local: "bob", Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.directory.SetLeave(t.Context(), bob, mail.Leave{Enforced: true, Days: 7}); err != nil {
		t.Fatal(err)
	}
	gone := make([]mail.Fetched, minStale+1)
	for i := range gone {
		gone[i] = mail.Fetched{UIDValidity: 1, UID: mail.UID(i + 1000), Email: 1}
	}
	if err := o.fetched.Note(bob, 1, gone); err != nil {
		t.Fatal(err)
	}
	o.endLeavesOnce(t.Context(), held{}, 30)
	if _, records, err := o.fetched.Read(bob); err != nil || records != 0 {
		t.Errorf("%d records are left, %v; want none", records, err)
	}
}
