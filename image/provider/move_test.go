package provider

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/collect/moving"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// worker is somebody at work in the mailbox at the provider.
type worker struct {
	t *testing.T
	c *imapclient.Client
}

func (d *provider) work(t *testing.T, user string) *worker {
	t.Helper()
	c, err := imapclient.DialTLS(fmt.Sprintf("127.0.0.1:%d", d.imap), &imapclient.Options{TLSConfig: &tls.Config{RootCAs: d.roots}})
	w := &worker{t, c}
	w.must(err)
	t.Cleanup(func() { _ = c.Close() })
	w.must(c.Login(user, "secret").Wait())
	return w
}

func (w *worker) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) put(folder, number string, day int, flags ...imap.Flag) {
	w.t.Helper()
	text := strings.ReplaceAll(letter("a@b.test", number, 500), "\n", "\r\n")
	cmd := w.c.Append(folder, int64(len(text)), &imap.AppendOptions{Time: time.Date(2018, 3, day, 1, 2, 3, 0, time.UTC), Flags: flags})
	_, err := io.WriteString(cmd, text)
	w.must(err)
	w.must(cmd.Close())
	_, err = cmd.Wait()
	w.must(err)
}

// here is everything that has moved in: folder, day, flags, number.
func here(t *testing.T, store *memstore.Store) (list []string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := store.Account(ctx, 1)
	must(err)
	boxes, err := a.Mailboxes(ctx)
	must(err)
	for _, box := range boxes {
		for row, err := range a.Rows(ctx, box.ID, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})) {
			must(err)
			m, err := a.Open(ctx, box.ID, row.UID)
			must(err)
			text, err := io.ReadAll(m.Reader())
			must(err)
			_ = m.Close()
			_, number, _ := strings.Cut(string(text), "\r\nnumber ")
			number, _, _ = strings.Cut(number, ".")
			list = append(list, fmt.Sprintf("%s %d %s %s", box.Name, row.Internal.UTC().Day(), strings.Join(row.Flags.Names(), ","), number))
		}
	}
	slices.Sort(list)
	return list
}

// TestMove copies a mailbox with folders (one with a name in modified UTF-7, one of all mail), flags, keywords and
// dates; it is stopped in between, and goes on. The second run brings what has changed.
func TestMove(t *testing.T) {
	d := startDovecot(t)
	w := d.work(t, "carol")
	for _, name := range []string{"Projekte", "Projekte.Übersicht", "Everything", "Archiv"} {
		w.must(w.c.Create(name, nil).Wait())
	}
	var want []string
	add := func(there, to, number string, day int, flags ...imap.Flag) {
		t.Helper()
		w.put(there, number, day, flags...)
		var names []string
		for _, f := range flags {
			names = append(names, string(f))
		}
		want = append(want, fmt.Sprintf("%s %d %s %s", to, day, strings.Join(mail.NewFlags(names...).Names(), ","), number))
	}
	for i := range 300 {
		add("INBOX", "INBOX", fmt.Sprintf("in%d", i), 1+i%28, imap.FlagSeen)
	}
	add("INBOX", "INBOX", "flags", 5, imap.FlagFlagged, imap.FlagAnswered, "$Forwarded", "work")
	add("Gesendet", "Sent", "sent", 6, imap.FlagSeen)
	add("Projekte", "Projekte", "project", 7)
	add("Projekte.Übersicht", "Projekte/Übersicht", "overview", 8, imap.FlagDraft)
	add("Archiv", "Archive", "archive", 9)
	w.put("Everything", "flags", 5, imap.FlagFlagged)
	add("Everything", "Archive", "only there", 10)
	slices.Sort(want)

	store := memstore.New(time.Now)
	w.must(store.CreateAccount(t.Context(), 1))
	ix, err := moving.OpenIndex(filepath.Join(t.TempDir(), moving.File))
	w.must(err)
	defer ix.Close()
	spool := storetest.NewSpool(t)
	move := func(stop bool) moving.Status {
		t.Helper()
		m := moving.New(moving.Options{Index: ix, Draft: spool.New, MaxSize: mail.MaxMessage, Roots: d.roots, Log: slog.New(slog.DiscardHandler),
			Account: func(ctx context.Context, id mail.AccountID) (moving.Account, error) { return store.Account(ctx, id) }})
		w.must(m.Start(moving.Move{Account: 1, Address: mail.Address{Local: "carol", Domain: "office.test"},
			Source: collect.Source{Protocol: setup.ProtocolIMAP, Host: "127.0.0.1", Port: d.imap, TLS: setup.TLSImplicit, User: "carol", Password: "secret"}}))
		for until := time.Now().Add(time.Minute); ; {
			s := m.List()[0]
			if !s.Ended.IsZero() || stop && s.Copied > 0 || time.Now().After(until) {
				_ = m.Close()
				return m.List()[0]
			}
			time.Sleep(time.Millisecond) // another process is waited for
		}
	}
	for range 3 {
		move(true)
	}
	if s := move(false); s.State != moving.Done || len(s.Problems) > 0 {
		t.Fatalf("%+v", s)
	}
	if got := here(t, store); !slices.Equal(got, want) {
		t.Errorf("got %d messages\n%s\nwant %d\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	_, err = w.c.Select("INBOX", nil).Wait()
	w.must(err)
	w.must(w.c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsDel, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close())
	_, err = w.c.Move(imap.UIDSetNum(2), "Projekte").Wait()
	w.must(err)
	w.put("INBOX", "later", 11)
	if s := move(false); s.State != moving.Done || s.Copied != 2 || s.Flagged != 1 || s.Deleted != 1 || s.Present != 0 {
		t.Errorf("the second run: %+v; want 2 copied, 1 flag, 1 deleted", s)
	}
	for i, line := range want {
		switch line {
		case "INBOX 1 \\Seen in0":
			want[i] = "INBOX 1  in0"
		case "INBOX 2 \\Seen in1":
			want[i] = "Projekte 2 \\Seen in1"
		}
	}
	want = append(want, "INBOX 11  later")
	slices.Sort(want)
	if got := here(t, store); !slices.Equal(got, want) {
		t.Errorf("after the second run: got %d messages\n%s", len(got), strings.Join(got, "\n"))
	}
}
