package moving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// provider is go-imap's server in memory, with a client that works in its mailbox.
type provider struct {
	t        testing.TB
	listener *mailtest.Listener
	client   *imapclient.Client

	mu   sync.Mutex
	uses map[string][]imap.MailboxAttr // guarded by mu; of all folders
}

// session tells what folders are for, which go-imap's server forgets.
type session struct {
	imapserver.Session
	p *provider
}

func (s *session) Create(name string, options *imap.CreateOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.uses[name] = options.SpecialUse
	return s.Session.Create(name, options)
}

func (s *session) List(w *imapserver.ListWriter, _ string, _ []string, options *imap.ListOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.p.uses)) {
		data := &imap.ListData{Mailbox: name, Delim: '/'}
		if options.ReturnSpecialUse {
			data.Attrs = s.p.uses[name]
		}
		if err := w.WriteList(data); err != nil {
			return err
		}
	}
	return nil
}

func newProvider(t testing.TB) *provider {
	p := &provider{t: t, listener: mailtest.Listen(143), uses: map[string][]imap.MailboxAttr{"INBOX": nil}}
	user := imapmemserver.NewUser("old", "secret")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{memory.NewSession(), p}, nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapSpecialUse: {}, imap.CapCreateSpecialUse: {}}, InsecureAuth: true,
	})
	go func() { _ = server.Serve(p.listener) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := p.listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	p.client = imapclient.New(conn, nil)
	t.Cleanup(func() { _ = p.client.Close() })
	p.must(p.client.Login("old", "secret").Wait())
	return p
}

func (p *provider) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *provider) dial(context.Context, string, string) (net.Conn, error) { return p.listener.Dial() }

func date(day int) time.Time { return time.Date(2019, 5, day, 6, 7, 8, 0, time.UTC) }

func (p *provider) put(folder, text string, day int, flags ...imap.Flag) {
	p.t.Helper()
	cmd := p.client.Append(folder, int64(len(text)), &imap.AppendOptions{Time: date(day), Flags: flags})
	_, err := cmd.Write([]byte(text))
	p.must(err)
	p.must(cmd.Close())
	_, err = cmd.Wait()
	p.must(err)
}

func (p *provider) store(folder string, uid imap.UID, op imap.StoreFlagsOp, flags ...imap.Flag) {
	p.t.Helper()
	_, err := p.client.Select(folder, nil).Wait()
	p.must(err)
	p.must(p.client.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: op, Flags: flags}, nil).Close())
}

func (p *provider) remove(folder string, uid imap.UID) {
	p.t.Helper()
	p.store(folder, uid, imap.StoreFlagsAdd, imap.FlagDeleted)
	p.must(p.client.Expunge().Close())
}

func letter(text string) string {
	return "From: a@else.test\r\nMessage-ID: <" + text + "@else.test>\r\nSubject: " + text + "\r\n\r\n" + text + "\r\n"
}

// home is where mail goes.
type home struct {
	t     testing.TB
	dir   string
	store *memstore.Store
	spool func(int64) *draft.Draft
	p     *provider
	ix    *Index
	mover *Mover
	fail  error // of the next Append
	// After so many the power goes between what is durable and the note of it; 0: never.
	cut     int
	appends int
	left    int // messages that are said to have been removed
}

func newHome(t testing.TB, p *provider) *home {
	h := &home{t: t, dir: t.TempDir(), store: memstore.New(time.Now), spool: storetest.NewSpool(t).New, p: p}
	p.must(h.store.CreateAccount(t.Context(), 1))
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *home) open() {
	var err error
	h.ix, err = OpenIndex(filepath.Join(h.dir, File))
	h.p.must(err)
	left := func(v *mail.Visit, _ mail.MailboxID, gone mail.UIDSet) {
		if v.Login.Account != 1 || v.Login.Address.Local != "new" || v.Program != "imap.old.test" {
			h.t.Errorf("what has gone is said to be removed by %+v", v)
		}
		h.left += gone.Len()
	}
	h.mover = New(Options{Left: left, Index: h.ix, Draft: h.spool, MaxSize: 1 << 20, Dial: h.p.dial, Log: slog.New(slog.DiscardHandler),
		Account: func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := h.store.Account(ctx, id)
			return &account{Account: a, h: h}, err
		}})
}

func (h *home) close() {
	_ = h.mover.Close()
	_ = h.ix.Close()
}

// account can fail.
type account struct {
	*memstore.Account
	h *home
}

var errCut = errors.New("the power went")

func (a *account) Append(ctx context.Context, box mail.MailboxID, messages []draft.Append) (mail.Appended, error) {
	if a.h.fail != nil {
		return mail.Appended{}, a.h.fail
	}
	done, err := a.Account.Append(ctx, box, messages)
	if a.h.appends++; a.h.appends == a.h.cut {
		return mail.Appended{}, errCut
	}
	return done, err
}

// move runs a move to its end.
func (h *home) move() Status {
	h.t.Helper()
	h.p.must(h.mover.Start(Move{Account: 1, Address: mail.Address{Local: "new", Domain: "office.test"}, Leave: []string{"Left"},
		Source: collect.Source{Protocol: setup.ProtocolIMAP, Host: "imap.old.test", Port: 143, TLS: setup.TLSNone, User: "old", Password: "secret"}}))
	h.mover.running.Wait()
	return h.mover.List()[0]
}

// all gives everything that is here: folder, date, flags, subject.
func (h *home) all() []string {
	h.t.Helper()
	ctx := h.t.Context()
	a, err := h.store.Account(ctx, 1)
	h.p.must(err)
	boxes, err := a.Mailboxes(ctx)
	h.p.must(err)
	var list []string
	for _, box := range boxes {
		for row, err := range a.Rows(ctx, box.ID, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})) {
			h.p.must(err)
			m, err := a.Open(ctx, box.ID, row.UID)
			h.p.must(err)
			text, err := io.ReadAll(m.Reader())
			h.p.must(err)
			_ = m.Close()
			_, subject, _ := strings.Cut(string(text), "Subject: ")
			subject, _, _ = strings.Cut(subject, "\r\n")
			if string(text) != letter(subject) {
				h.t.Errorf("%s is %q; want the very bytes", subject, text)
			}
			list = append(list, fmt.Sprintf("%s %d %s %s", box.Name, row.Internal.Day(), strings.Join(row.Flags.Names(), ","), subject))
		}
	}
	slices.Sort(list)
	return list
}

func (h *home) expect(what string, want ...string) {
	h.t.Helper()
	if got := h.all(); !slices.Equal(got, want) {
		h.t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestMove: everything comes, with flags, keywords and dates, into the right folders;
// the second run brings what has changed and no more.
func TestMove(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, f := range []string{"Work", "Work/Offers", "Gesendet", "Entwürfe & mehr", "Left", "Shaped"} {
		p.must(p.client.Create(f, nil).Wait())
	}
	p.must(p.client.Create("Müll", &imap.CreateOptions{SpecialUse: []imap.MailboxAttr{imap.MailboxAttrTrash}}).Wait())
	p.put("INBOX", letter("one"), 1, imap.FlagSeen, imap.FlagFlagged, "label", imap.FlagForwarded)
	p.put("INBOX", letter("two"), 2)
	p.put("INBOX", letter("two"), 2) // a twin
	p.put("Work", letter("three"), 3)
	p.put("Work/Offers", letter("four"), 4, imap.FlagAnswered)
	p.put("Gesendet", letter("five"), 5, imap.FlagSeen)
	p.put("Entwürfe & mehr", letter("six"), 6, imap.FlagDraft)
	p.put("Müll", letter("seven"), 7)
	p.put("Left", letter("eight"), 8)
	h := newHome(t, p)
	s := h.move()
	if s.State != Done || s.Copied != 8 || s.Folders != s.OfFolders || len(s.Problems) > 0 || s.Bytes == 0 {
		t.Fatalf("the first run: %+v", s)
	}
	first := []string{
		"Entwürfe & mehr 6 \\Draft six", "INBOX 1 \\Flagged,\\Seen,$Forwarded,label one", "INBOX 2  two", "INBOX 2  two",
		"Sent 5 \\Seen five", "Trash 7  seven", "Work 3  three", "Work/Offers 4 \\Answered four",
	}
	slices.Sort(first)
	h.expect("the first run", normalize(h, first)...)
	if s := h.move(); s.State != Done || s.Copied+s.Present+s.Flagged+s.Deleted != 0 || s.Messages != 8 {
		t.Errorf("without changes: %+v", s)
	}
	p.store("INBOX", 1, imap.StoreFlagsSet, imap.FlagSeen)
	p.store("Work", 1, imap.StoreFlagsAdd, imap.FlagSeen)
	p.remove("INBOX", 2)
	p.put("INBOX", letter("two"), 9)
	p.put("Work", letter("nine"), 9)
	p.remove("Gesendet", 1) // the last one of its folder: stays
	s = h.move()
	if s.State != Done || s.Copied != 2 || s.Flagged != 2 || s.Deleted != 1 || h.left != 1 || len(s.Problems) != 1 {
		t.Errorf("the second run: %+v", s)
	}
	second := []string{
		"Entwürfe & mehr 6 \\Draft six", "INBOX 1 \\Seen one", "INBOX 2  two", "INBOX 9  two",
		"Sent 5 \\Seen five", "Trash 7  seven", "Work 3 \\Seen three", "Work 9  nine", "Work/Offers 4 \\Answered four",
	}
	slices.Sort(second)
	h.expect("the second run", normalize(h, second)...)

	// Without its notes all is fetched again and nothing doubled.
	h.close()
	p.must(os.WriteFile(filepath.Join(h.dir, File), []byte("nonsense"), 0o600))
	h.open()
	if s := h.move(); s.State != Done || s.Copied != 0 || s.Present != 8 {
		t.Errorf("with a damaged index: %+v", s)
	}
	h.expect("with a damaged index", normalize(h, second)...)
	p.put("INBOX", letter("ten"), 10)
	if s := h.move(); s.Copied != 1 || s.Present != 0 {
		t.Errorf("after that: %+v", s)
	}
}

// normalize puts flags into the order in which the store names them.
func normalize(h *home, list []string) []string {
	for i, line := range list {
		for _, field := range strings.Fields(line) {
			if strings.HasPrefix(field, `\`) || strings.HasPrefix(field, "$") {
				list[i] = strings.Replace(line, field, strings.Join(mail.NewFlags(strings.Split(field, ",")...).Names(), ","), 1)
			}
		}
	}
	slices.Sort(list)
	return list
}

// TestCut: wherever the power goes between what is durable and its note, nothing is
// doubled and nothing missing.
func TestCut(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.must(p.client.Create("Work", nil).Wait())
	for i := range batchMessages + 40 {
		p.put("INBOX", letter(fmt.Sprintf("m%d", i/2)), 1) // in twins
	}
	for i := range batchMessages + 1 {
		p.put("Work", letter(fmt.Sprintf("w%d", i)), 1)
	}
	whole := newHome(t, p)
	if s := whole.move(); s.State != Done {
		t.Fatalf("%+v", s)
	}
	want := whole.all()
	for cut := 1; cut <= whole.appends; cut++ {
		h := newHome(t, p)
		h.cut = cut
		if s := h.move(); s.State != Failed {
			t.Fatalf("cut %d: %+v; want that it failed", cut, s)
		}
		h.close()
		h.open()
		if s := h.move(); s.State != Done || s.Present == 0 {
			t.Errorf("cut %d: %+v; want that it goes on and finds what was not noted", cut, s)
		}
		h.expect(fmt.Sprintf("cut %d", cut), want...)
	}
}

// TestAllMail: of a folder of all mail comes only what no other folder has.
func TestAllMail(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.must(p.client.Create("All Mail", &imap.CreateOptions{SpecialUse: []imap.MailboxAttr{imap.MailboxAttrAll}}).Wait())
	p.must(p.client.Create("Starred", &imap.CreateOptions{SpecialUse: []imap.MailboxAttr{imap.MailboxAttrFlagged}}).Wait())
	p.put("INBOX", letter("one"), 1)
	p.put("Starred", letter("one"), 1)
	for i, text := range []string{"one", "archived"} {
		p.put("All Mail", letter(text), i+1)
	}
	h := newHome(t, p)
	if s := h.move(); s.State != Done || s.Copied != 2 {
		t.Errorf("%+v; want two", s)
	}
	h.expect("first", "Archive 2  archived", "INBOX 1  one")
	p.put("INBOX", letter("three"), 3)
	p.put("All Mail", letter("three"), 3)
	if s := h.move(); s.State != Done || s.Copied != 1 || s.Deleted != 0 {
		t.Errorf("again: %+v; want one more", s)
	}
	h.expect("again", "Archive 2  archived", "INBOX 1  one", "INBOX 3  three")
}

// TestTrouble: what is said when it does not work.
func TestTrouble(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.put("INBOX", letter("one"), 1)
	p.put("INBOX", letter(strings.Repeat("x", 1<<20)), 2)
	h := newHome(t, p)
	h.fail = mail.ErrOverQuota
	if s := h.move(); s.State != Failed || !strings.Contains(s.Problem, "The mailbox here is full") {
		t.Errorf("a full mailbox: %+v", s)
	}
	h.fail = nil
	if s := h.move(); s.State != Done || s.Copied != 1 || s.TooLarge != 1 || len(s.Problems) != 1 {
		t.Errorf("a message that is too large: %+v", s)
	}
	p.must(h.mover.Start(Move{Account: 1, Source: collect.Source{Host: "imap.old.test", TLS: setup.TLSNone, User: "old", Password: "wrong"}}))
	h.mover.running.Wait()
	if s := h.mover.List()[0]; s.State != Failed || !strings.Contains(s.Problem, "does not take the user name or password") {
		t.Errorf("a wrong password: %+v", s)
	}
	if err := h.mover.Stop(9); !errors.Is(err, ErrNoMove) {
		t.Errorf("Stop of none = %v", err)
	}
}

// TestStop: a move that waits for an answer ends when somebody wants that, and two
// of the same person don't run at once.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silent := mailtest.Listen(143)
		ix, err := OpenIndex(filepath.Join(t.TempDir(), File))
		if err != nil {
			t.Fatal(err)
		}
		m := New(Options{Index: ix, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context, string, string) (net.Conn, error) { return silent.Dial() },
			Account: func(context.Context, mail.AccountID) (Account, error) { return nil, nil }})
		for id := range mail.AccountID(atOnce + 1) {
			if err := m.Start(Move{Account: id + 1, Source: collect.Source{Host: "h", TLS: setup.TLSNone}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if err := m.Start(Move{Account: 1}); !errors.Is(err, ErrRunning) {
			t.Errorf("twice: %v; want ErrRunning", err)
		}
		if list := m.List(); list[0].State != Running || list[atOnce].State != Waiting {
			t.Errorf("states are %v and %v", list[0].State, list[atOnce].State)
		}
		if err := m.Stop(1); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if list := m.List(); list[0].State != Stopped || list[atOnce].State != Running {
			t.Errorf("after a stop states are %v and %v", list[0].State, list[atOnce].State)
		}
		_ = m.Close()
		_ = ix.Close()
		_ = silent.Close()
	})
}

func TestLocalName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		delim rune
		want  string
	}{
		{"INBOX", '.', "INBOX"}, {"inbox", '/', "INBOX"}, {"INBOX.Work.A/B", '.', "Work/A_B"}, {"Work/A", '/', "Work/A"},
		{"a.b", 0, "a.b"}, {"//a//", '/', "a"}, {"a\nb", '/', "ab"}, {"Ünï", '/', "Ünï"}, {" a / b ", '/', "a/b"},
	} {
		if got := localName(test.name, test.delim); got != test.want {
			t.Errorf("localName(%q, %q) = %q; want %q", test.name, test.delim, got, test.want)
		}
	}
}

func FuzzLocalName(f *testing.F) {
	f.Add("INBOX.a/b", '.')
	f.Add("\x00", '/')
	f.Add(strings.Repeat("a/", 100), '/')
	f.Fuzz(func(t *testing.T, name string, delim rune) {
		local := localName(name, delim)
		if again, err := mail.MailboxName(local); err != nil || again != local {
			t.Errorf("localName(%q, %q) = %q, which is no name: %v", name, delim, local, err)
		}
	})
}

func FuzzKnown(f *testing.F) {
	f.Add(known{1, 2, 3}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, ok := decodeKnown(b); ok && string(k.encode()) != string(b) {
			t.Errorf("%x is read as %+v", b, k)
		}
	})
}
