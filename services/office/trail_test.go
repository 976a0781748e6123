package office

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

// trailOf waits until the trail of the only message of these words has n steps, and gives
// what they say.
func (o *testOffice) trailOf(t *testing.T, text string, n int) (m web.Traced, what []string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) { // the trail notes it a little later
		found, _, err := tracing{o.Office}.Find(t.Context(), web.TraceQuery{Text: text})
		if err != nil || len(found) != 1 {
			t.Fatalf("%q: %d found, %v; want one", text, len(found), err)
		}
		if m = found[0]; len(m.Steps) >= n {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q has %d steps, want %d: %+v", text, len(m.Steps), n, m.Steps)
		}
		o.trail.noteReads(t.Context())
	}
	for _, s := range m.Steps {
		what = append(what, s.What)
	}
	return m, what
}

func of(s web.TraceStep, name string) string {
	for _, p := range s.Pairs {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// TestTrail follows a message through all that programs do with it.
func TestTrail(t *testing.T) {
	t.Parallel()
	log := new(lockedLog)
	o := startOffice(t, t.TempDir(), func(opts *Options) { opts.Log = slog.New(slog.NewTextHandler(log, nil)) })
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: Roof\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	c := o.imap(t, "bob", nil)
	if _, err := c.ID(&imap.IDData{Name: "Owl", Version: "3"}).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	one := imap.SeqSetNum(1)
	header := &imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader}
	if _, err := c.Fetch(one, &imap.FetchOptions{Flags: true, Envelope: true, BodySection: []*imap.FetchItemBodySection{header}}).Collect(); err != nil {
		t.Fatal(err)
	}
	o.trail.noteReads(t.Context())
	o.trailOf(t, "roof", 2) // headers are nothing fetched
	for range 3 {
		o.fetchFrom(t, c, "INBOX")
	}
	o.retr(t, "bob")
	m, _ := o.trailOf(t, "roof", 3)
	if s := m.Steps[2]; s.What != "messages fetched" || of(s, "account") != "bob@"+testDomain || of(s, "program") != "Owl 3" || of(s, "protocol") != "imap" || of(s, "peer") == "" {
		t.Errorf("the third step is %+v, want who has fetched it first", s)
	}
	if _, err := c.Move(one, "Trash").Wait(); err != nil {
		t.Fatal(err)
	}
	m, _ = o.trailOf(t, "roof", 4)
	if s := m.Steps[3]; s.What != "messages moved" || of(s, "into") != "Trash" || of(s, "folder") != "INBOX" || of(s, "uid") != "1" {
		t.Errorf("the fourth step is %+v, want that it was moved", s)
	}
	if _, err := c.Select("Trash", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(one, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	m, _ = o.trailOf(t, "roof", 5)
	gone := m.Steps[4]
	if gone.What != "messages deleted" || of(gone, "folder") != "Trash" {
		t.Errorf("the fifth step is %+v, want that it was deleted", gone)
	}
	// What the step says is enough to bring it back.
	var uid mail.UID
	if _, err := fmt.Sscan(of(gone, "uid"), &uid); err != nil {
		t.Fatal(err)
	}
	o.api(t, "bob").do("POST", "/api/me/undo/messages", map[string]any{"messages": []any{map[string]any{"mailbox": of(gone, "mailbox"), "uid": uid}}}, nil)
	_, what := o.trailOf(t, "roof", 6)
	want := []string{"message received", "message delivered", "messages fetched", "messages moved", "messages deleted", "messages restored"}
	if !slices.Equal(what, want) {
		t.Errorf("what happened is %q, want %q", what, want)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if n := strings.Count(log.text.String(), "messages fetched"); n != 1 {
		t.Errorf("the log speaks %d times of fetching, want once:\n%s", n, &log.text)
	}
}

// TestTrailOfFolder: mail that goes with its folder has gone too.
func TestTrailOfFolder(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: Roof\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	c := o.imap(t, "bob", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Create("Old", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Move(imap.SeqSetNum(1), "Old").Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete("Old").Wait(); err != nil {
		t.Fatal(err)
	}
	m, what := o.trailOf(t, "roof", 4)
	if s := m.Steps[3]; s.What != "messages deleted" || of(s, "folder") != "Old" {
		t.Errorf("what happened is %q, the last %+v; want it deleted with its folder", what, s)
	}
}

// TestTrailOfSharedMail: what others read in a mailbox that somebody has opened to them is
// known once of each, and whose mail it is.
func TestTrailOfSharedMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startOffice(t, dir)
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: Roof\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	o.give(t, "bob", "INBOX", "alice", "lr")
	read := func(name, mailbox string) {
		s := o.session(t, name)
		s.ok(fmt.Sprintf("EXAMINE %q", mailbox))
		s.ok("FETCH 1 BODY.PEEK[]")
		s.ok("LOGOUT")
	}
	const bobs = "Other Users/bob@" + testDomain + "/INBOX"
	read("alice", bobs)
	read("alice", bobs)
	o.trailOf(t, "roof", 3)
	o.stop()
	o = startOffice(t, dir)
	read("alice", bobs)
	read("bob", "INBOX")
	m, what := o.trailOf(t, "roof", 4)
	if !slices.Equal(what[2:], []string{"messages fetched", "messages fetched"}) {
		t.Fatalf("what happened is %q", what)
	}
	for i, want := range []string{"alice@" + testDomain + " bob@" + testDomain, "bob@" + testDomain + " "} {
		if s := m.Steps[2+i]; of(s, "account")+" "+of(s, "owner") != want {
			t.Errorf("fetch %d is %+v; want %q", i, s, want)
		}
	}
}

// TestTrailOfRestores: a message that comes back with its folder, or as all was at a time,
// has come back.
func TestTrailOfRestores(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: Roof\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	s := o.session(t, "bob")
	s.ok("CREATE Old")
	s.ok("SELECT INBOX")
	s.ok("MOVE 1 Old")
	then := time.Now()
	s.ok("DELETE Old")
	m, _ := o.trailOf(t, "roof", 4)
	bob := o.api(t, "bob")
	bob.do("POST", "/api/me/undo/mailboxes/"+of(m.Steps[3], "mailbox"), nil, nil)
	m, _ = o.trailOf(t, "roof", 5)
	if s := m.Steps[4]; s.What != "messages restored" || of(s, "folder") != "Old" || of(s, "account") != "bob@"+testDomain {
		t.Errorf("the fifth step is %+v, want that it came back with its folder", s)
	}
	s.ok("DELETE Old")
	o.trailOf(t, "roof", 6)
	for i, in := range []map[string]any{{"at": then, "folder": "As it was"}, {"at": then, "in_place": true}} {
		var job struct{ ID, State string }
		bob.do("POST", "/api/me/undo/as-of", in, &job)
		for job.State == "running" {
			bob.do("GET", "/api/jobs/"+job.ID, nil, &job)
		}
		m, what := o.trailOf(t, "roof", 7+i)
		if s := m.Steps[6+i]; job.State != "done" || s.What != "messages restored" || of(s, "as_of") != then.UTC().Format(time.RFC3339) || of(s, "by") != "bob@"+testDomain {
			t.Errorf("%s, what happened is %q, the last %+v; want it restored as of a time", job.State, what, s)
		}
	}
}

// TestTrailOfDELE: who deletes by POP3 is known too, and a restart forgets nothing of who
// has fetched what.
func TestTrailOfDELE(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startOffice(t, dir)
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: Roof\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	o.retr(t, "bob")
	o.trailOf(t, "roof", 3)
	o.stop()
	o = startOffice(t, dir)
	o.retr(t, "bob")
	o.dele(t, "bob")
	m, what := o.trailOf(t, "roof", 4)
	if !slices.Equal(what[2:], []string{"messages fetched", "messages deleted"}) || of(m.Steps[3], "protocol") != "pop3" {
		t.Errorf("what happened is %q", what)
	}
	text, err := json.Marshal(m.Steps[3].Pairs)
	if err != nil || !bytes.Contains(text, []byte("bob@"+testDomain)) {
		t.Errorf("who has deleted it is not in %s, %v", text, err)
	}
}

// BenchmarkFigureTrail has a new program fetch 100,000 messages, twice: what that adds to
// each message of FETCH, and how much the log and the trace grow by it.
func BenchmarkFigureTrail(b *testing.B) {
	const messages = 100_000
	dir := b.TempDir()
	log := new(lockedLog)
	o := startOffice(b, dir, func(opts *Options) { opts.Log = slog.New(slog.NewJSONHandler(log, nil)) })
	rows := make([]mail.Row, messages)
	for i := range rows {
		rows[i] = mail.Row{Email: mail.EmailID(i + 1), ID: mail.NewID(time.Now())}
	}
	before := log.text.Len()
	for _, name := range []string{"first_time", "again"} {
		b.Run(name, func(b *testing.B) {
			v := mail.Visit{Login: mail.Login{Account: 7, Address: mail.Address{Local: "bob", Domain: testDomain}}, Protocol: "imap", Program: "Owl 3"}
			began := time.Now()
			for i := range rows {
				o.trail.Read(&v, &rows[i])
			}
			b.ReportMetric(float64(time.Since(began).Nanoseconds())/messages, "ns/message")
			began = time.Now()
			o.trail.noteReads(b.Context())
			b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms,noted")
			log.mu.Lock()
			b.ReportMetric(float64(log.text.Len()-before), "B,log")
			before = log.text.Len()
			log.mu.Unlock()
		})
	}
}

// TestTraceOfBounceAndRelease: what waited for a decision and was let go, and what another
// server refused, are each one story from their coming to their end.
func TestTraceOfBounceAndRelease(t *testing.T) {
	t.Parallel()
	_, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 0)
	rule := mail.ContentRule{Name: "Prices", Out: true, Text: true, Words: []string{"price"}, Action: mail.ContentHold}
	if err := o.directory.SetContent(t.Context(), testDomain, []mail.ContentRule{rule}); err != nil {
		t.Fatal(err)
	}
	if err := o.submit(t, "nobody@far.test", "Subject: Offer\r\nFrom: alice@example.test\r\n\r\nthe price\r\n"); err != nil {
		t.Fatal(err)
	}
	m, _ := o.trailOf(t, "offer", 2)
	o.api(t, "admin").do("POST", "/api/held/"+m.ID.String()+"/release", nil, nil)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		one, err := tracing{o.Office}.Steps(t.Context(), m.ID, web.TraceWithin{})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", one, err)
		}
		last := one.Steps[len(one.Steps)-1]
		if last.What != "message tried" {
			continue
		}
		var what []string
		for _, s := range one.Steps {
			what = append(what, s.What)
		}
		for _, want := range []string{"message received", "message waits for a decision", "held message released", "message that waited delivered", "message tried"} {
			if !slices.Contains(what, want) {
				t.Errorf("what happened is %q, without %q", what, want)
			}
		}
		if of(last, "state") != "failed" || !strings.Contains(of(last, "reply"), "nobody of that name") {
			t.Errorf("the end is %+v, want what the other server said", last)
		}
		break
	}
}
