package office

import (
	"context"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/sharing"
)

// mailSession is a person's mail program, line by line.
type mailSession struct {
	t *testing.T
	*textproto.Conn
}

func (o *testOffice) session(t *testing.T, name string) mailSession {
	t.Helper()
	c, _ := o.knock(t, doors()["IMAP"])
	t.Cleanup(func() { _ = c.Close() })
	s := mailSession{t, c}
	s.ok(fmt.Sprintf("LOGIN %s@%s {%d+}\r\n%s", name, testDomain, len(testPassword), testPassword))
	return s
}

// ask sends a command and gives what comes, the tagged line last.
func (s mailSession) ask(command string) []string {
	s.t.Helper()
	if err := s.PrintfLine("t %s", command); err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for {
		line, err := s.ReadLine()
		if err != nil {
			s.t.Fatalf("%s: %v", command, err)
		}
		if lines = append(lines, line); strings.HasPrefix(line, "t ") {
			return lines
		}
	}
}

// ok is ask for what must be done; the untagged lines come back.
func (s mailSession) ok(command string) string {
	s.t.Helper()
	lines := s.ask(command)
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "t OK") {
		s.t.Fatalf("%.60s: %s", command, last)
	}
	return strings.Join(lines[:len(lines)-1], "\n")
}

// no is ask for what must be refused, with the code.
func (s mailSession) no(command, code string) {
	s.t.Helper()
	lines := s.ask(command)
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "t NO ["+code+"]") {
		s.t.Errorf("%s: %s; want NO [%s]", command, last, code)
	}
}

// until reads what comes unasked, to the first line that has want in it.
func (s mailSession) until(want string) {
	s.t.Helper()
	for {
		line, err := s.ReadLine()
		if err != nil {
			s.t.Fatalf("waiting for %q: %v", want, err)
		}
		if strings.Contains(line, want) {
			return
		}
	}
}

func (o *testOffice) give(t *testing.T, owner, mailbox, to, letters string) {
	t.Helper()
	rights, err := mail.ParseRights(letters)
	if err != nil {
		t.Fatal(err)
	}
	if to != mail.Anyone {
		to += "@" + testDomain
	}
	if err := o.shares.Set(t.Context(), o.person(t, owner), mailbox, mail.Grant{ID: to, Rights: rights}); err != nil {
		t.Fatalf("share %s of %s with %s: %v", mailbox, owner, to, err)
	}
}

func (o *testOffice) person(t *testing.T, name string) mail.AccountID {
	t.Helper()
	found, err := o.directory.Look(t.Context(), mail.Address{Local: name, Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	return found.Account
}

func (s mailSession) put(mailbox, text string) {
	s.t.Helper()
	s.ok(fmt.Sprintf("APPEND %q {%d+}\r\n%s", mailbox, len(text), text))
}

const alices = "Other Users/alice@" + testDomain + "/"

// TestShares: what one opens the other finds, reads, searches and copies, and hears of
// what comes there; and loses at once what is taken away, with the mailbox open.
func TestShares(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 1)
	alice, bob := o.session(t, "alice"), o.session(t, "bob")
	alice.ok("CREATE Plans")
	alice.put("Plans", "Subject: the roof\r\nMessage-ID: <1@x.test>\r\n\r\nTiles and beams.\r\n")
	alice.put("Plans", "Subject: the cellar\r\n\r\nStones.\r\n")
	if got := bob.ok(`LIST "" *`); strings.Contains(got, "alice") {
		t.Fatalf("bob is shown %s", got)
	}
	idle := o.session(t, "bob")
	idle.ok("SELECT INBOX")
	o.give(t, "alice", "Plans", "bob", "lrswite")
	if got := bob.ok(`LIST "" *`); !strings.Contains(got, alices+"Plans") || strings.Contains(got, alices+"INBOX") {
		t.Errorf("bob is shown %s", got)
	}
	if got := bob.ok("SELECT \"" + alices + "Plans\""); !strings.Contains(got, "* 2 EXISTS") {
		t.Errorf("bob opens it: %s", got)
	}
	if got := bob.ok("UID SEARCH TEXT beams"); !strings.Contains(got, "1") || strings.Contains(got, "2") {
		t.Errorf("bob searches: %s", got)
	}
	ids := bob.ok("FETCH 1 (EMAILID THREADID BODY.PEEK[TEXT])")
	if !strings.Contains(ids, "Tiles and beams.") {
		t.Errorf("bob reads %s", ids)
	}
	bob.ok("COPY 1 INBOX")
	bob.ok("STORE 2 +FLAGS (\\Deleted)")
	bob.ok("EXPUNGE")
	if got := alice.ok("STATUS Plans (MESSAGES)"); !strings.Contains(got, "MESSAGES 1") {
		t.Errorf("alice has %s", got)
	}
	// Mail that comes is told at once.
	if err := bob.PrintfLine("i IDLE"); err != nil {
		t.Fatal(err)
	}
	bob.until("+ ")
	alice.put("Plans", "Subject: the door\r\n\r\nWood.\r\n")
	bob.until("2 EXISTS")
	alice.ok("RENAME Plans Ideas")
	alice.put("Ideas", "Subject: the window\r\n\r\nGlass.\r\n")
	bob.until("3 EXISTS")
	if err := bob.PrintfLine("DONE"); err != nil {
		t.Fatal(err)
	}
	bob.until("i OK")
	if got := bob.ok(`LIST "" *`); !strings.Contains(got, alices+"Ideas") || strings.Contains(got, "Plans") {
		t.Errorf("after it was renamed bob is shown %s", got)
	}
	o.give(t, "alice", "Ideas", "bob", "l")
	if lines := bob.ask("FETCH 1 (BODY.PEEK[])"); strings.Contains(strings.Join(lines, "\n"), "Tiles") {
		t.Errorf("bob goes on reading: %s", lines)
	}
	again := o.session(t, "bob")
	again.no(`SELECT "`+alices+`Ideas"`, "NOPERM")
	o.give(t, "alice", "Ideas", "bob", "")
	again.no(`SELECT "`+alices+`Ideas"`, "NONEXISTENT")
	again.no(`CREATE "`+alices+`Ideas/x"`, "NOPERM")
	again.no(`CREATE "Other Users"`, "NOPERM")
}

// TestSharesLast: what is shared is shared after a restart, and when the mailbox or the
// account has been away.
func TestSharesLast(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 1)
	alice := o.session(t, "alice")
	alice.ok("CREATE Plans")
	alice.put("Plans", "Subject: the roof\r\n\r\nTiles.\r\n")
	o.give(t, "alice", "Plans", "bob", "lr")
	o.give(t, "bob", "INBOX", "anyone", "lri")
	numbers := func(o *testOffice) string {
		s := o.session(t, "bob")
		defer s.Close()
		s.ok(`EXAMINE "` + alices + `Plans"`)
		return s.ok(`STATUS "`+alices+`Plans" (MAILBOXID UIDVALIDITY)`) + s.ok("FETCH 1 (EMAILID THREADID)")
	}
	before := numbers(o)
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, data)
	if got := numbers(o); got != before {
		t.Errorf("after a restart %s; was %s", got, before)
	}
	ctx, alicesID := t.Context(), o.person(t, "alice")
	alice = o.session(t, "alice")
	alice.ok("DELETE Plans")
	names := func() (list []string) {
		a, err := o.shares.Open(ctx, o.person(t, "bob"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := a.Mailboxes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if a.Foreign(m.ID) {
				list = append(list, m.Name)
			}
		}
		return list
	}
	if got := names(); got != nil {
		t.Errorf("bob sees %q", got)
	}
	if err := o.shares.Expire(ctx); err != nil { // it can be put back: nothing is forgotten
		t.Fatal(err)
	}
	account, err := o.store.Account(ctx, alicesID)
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := account.DeletedMailboxes(ctx)
	if err != nil || len(deleted) != 1 {
		t.Fatal(deleted, err)
	}
	if _, err := account.RestoreMailbox(ctx, deleted[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{alices + "Plans"}) {
		t.Errorf("put back: bob sees %q", got)
	}
	if err := o.directory.RemoveAccount(ctx, alicesID); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != nil {
		t.Errorf("without alice bob sees %q", got)
	}
	if _, err := o.directory.RestoreAccount(ctx, alicesID, mail.Address{}, ""); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{alices + "Plans"}) {
		t.Errorf("with alice again bob sees %q", got)
	}
	if got, err := o.shares.Received(ctx, alicesID); err != nil || len(got) != 1 || got[0].Owner.Local != "bob" {
		t.Errorf("alice has received %v, %v", got, err)
	}
}

// TestSharedCopyStays: between accounts a move leaves the message at least in one place,
// and its copy is what it was.
func TestSharedCopyStays(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 1)
	alice, bob := o.session(t, "alice"), o.session(t, "bob")
	text := "Subject: the roof\r\n\r\n" + strings.Repeat("Tiles and beams.\r\n", 5000)
	alice.put("INBOX", text)
	o.give(t, "alice", "INBOX", "bob", "lrte")
	o.give(t, "person000", "INBOX", "bob", "lrsi")
	bob.ok(`SELECT "` + alices + `INBOX"`)
	if got := bob.ok(`MOVE 1 "Other Users/person000@` + testDomain + `/INBOX"`); !strings.Contains(got, "COPYUID") || !strings.Contains(got, "1 EXPUNGE") {
		t.Errorf("moved: %s", got)
	}
	if got := o.fetch(t, "alice"); len(got) != 0 {
		t.Errorf("alice still has %d messages", len(got))
	}
	if got := o.fetch(t, "person000"); len(got) != 1 || got[0] != text {
		t.Errorf("it came as %d messages", len(got))
	}
	var a *sharing.Account
	a, err := o.shares.Open(context.Background(), o.person(t, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := a.Mailbox(t.Context(), alices+"INBOX"); err != nil || m.Total != 0 {
		t.Errorf("bob sees %+v, %v", m, err)
	}
}

// TestSharesEndIdle: a program that waits in a mailbox is told at once when it may no
// longer read it, and when the owner deletes it; what the owner puts back is as it was.
func TestSharesEndIdle(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	alice := o.session(t, "alice")
	alice.ok("CREATE Plans")
	alice.put("Plans", "Subject: the roof\r\n\r\nTiles.\r\n")
	idle := func() mailSession {
		s := o.session(t, "bob")
		s.ok(`SELECT "` + alices + `Plans"`)
		if err := s.PrintfLine("i IDLE"); err != nil {
			t.Fatal(err)
		}
		s.until("+ ")
		return s
	}
	ended := func(s mailSession) {
		t.Helper()
		s.until("* BYE")
		if line, err := s.ReadLine(); err == nil {
			t.Errorf("after BYE comes %q", line)
		}
	}
	const bob = "bob@" + testDomain
	alice.ok("SETACL Plans " + bob + " lrs")
	waiting := idle()
	alice.ok("SETACL Plans " + bob + " l")
	ended(waiting)
	alice.ok("SETACL Plans " + bob + " lr")
	waiting = idle()
	alice.ok("DELETEACL Plans " + bob)
	ended(waiting)
	alice.ok("SETACL Plans anyone lr")
	waiting = idle()
	alice.ok("DELETE Plans")
	ended(waiting)
	account, err := o.store.Account(t.Context(), o.person(t, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := account.DeletedMailboxes(t.Context())
	if err != nil || len(deleted) != 1 {
		t.Fatal(deleted, err)
	}
	if _, err := account.RestoreMailbox(t.Context(), deleted[0].ID); err != nil {
		t.Fatal(err)
	}
	waiting = idle()
	if err := o.directory.RemoveAccount(t.Context(), o.person(t, "alice")); err != nil {
		t.Fatal(err)
	}
	ended(waiting)
}
