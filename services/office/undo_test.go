package office

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// api is a signed-in browser.
type api struct {
	t      testing.TB
	base   string
	client http.Client
}

func (o *testOffice) api(t testing.TB, name string) *api {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t, "https://" + o.addrs["https"], http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: insecure(), DisableKeepAlives: true}}}
	a.do("POST", "/api/session", map[string]any{"address": name + "@" + testDomain, "password": testPassword}, nil)
	return a
}

func (a *api) do(method, path string, in map[string]any, out any) {
	a.t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			a.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		a.t.Fatalf("%s %s: %d %s, %v", method, path, answer.StatusCode, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			a.t.Fatal(err)
		}
	}
}

// byEmail gives the rows of a person's mailbox by EMAILID.
func (o *testOffice) byEmail(t testing.TB, name, mailbox string) map[mail.EmailID]mail.Row {
	t.Helper()
	ctx := context.Background()
	id, err := o.directory.Resolve(ctx, mail.Address{Local: name, Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	a, err := o.store.Account(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Mailbox(ctx, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[mail.EmailID]mail.Row{}
	for r, err := range a.Rows(ctx, m.ID, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})) {
		if err != nil {
			t.Fatal(err)
		}
		rows[r.Email] = r
	}
	return rows
}

// TestUndo deletes mail in every way that programs have, and brings it back on
// the page: with flags, dates and EMAILID, and shown at once to a session that
// is open.
func TestUndo(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	for i := range 3 {
		if err := o.submit(t, "bob@"+testDomain, fmt.Sprintf("Subject: number %d\r\nFrom: alice@example.test\r\n\r\nHello, Bob.\r\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	c := o.imap(t, "bob", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	keep := &imap.StoreFlags{Op: imap.StoreFlagsSet, Flags: []imap.Flag{imap.FlagFlagged, "$Label1"}, Silent: true}
	if err := c.Store(imap.UIDSetNum(2), keep, nil).Close(); err != nil {
		t.Fatal(err)
	}
	inbox := o.byEmail(t, "bob", "INBOX")
	// By IMAP, by POP3, and a draft by its next version.
	doom := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}, Silent: true}
	if err := c.Store(imap.UIDSetNum(2), doom, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	o.dele(t, "bob")
	saveDraft(t, c, "first words")
	drafts := o.byEmail(t, "bob", "Drafts")
	if _, err := c.Select("Drafts", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	saveDraft(t, c, "second thoughts")
	if err := c.Store(imap.UIDSetNum(1), doom, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(o.byEmail(t, "bob", "INBOX")); got != 1 {
		t.Fatalf("INBOX has %d messages; want 1", got)
	}

	grown := make(chan uint32, 16)
	open := o.imap(t, "bob", &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				grown <- *data.NumMessages
			}
		},
	}})
	if _, err := open.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := open.Idle()
	if err != nil {
		t.Fatal(err)
	}
	o.restoreAll(t, "bob", 3)
	select {
	case n := <-grown:
		if n != 2 && n != 3 {
			t.Errorf("the open session was told of %d messages; want 3", n)
		}
	case <-time.After(time.Minute):
		t.Error("the open session was not told")
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
	same(t, "INBOX", o.byEmail(t, "bob", "INBOX"), inbox)
	for email, want := range drafts {
		got, back := o.byEmail(t, "bob", "Drafts")[email]
		if !back || !got.Flags.Equal(want.Flags) || !got.Internal.Equal(want.Internal) {
			t.Errorf("the overwritten draft came back as %+v; want %+v", got, want)
		}
	}
	if bodies := o.fetch(t, "bob"); len(bodies) != 3 {
		t.Errorf("IMAP gives %d messages; want 3", len(bodies))
	}
	o.restoreAll(t, "bob", 0)
}

// same checks that all is there again.
func same(t *testing.T, name string, got, want map[mail.EmailID]mail.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d messages; want %d", name, len(got), len(want))
	}
	for email, w := range want {
		if g := got[email]; !g.Flags.Equal(w.Flags) || !g.Internal.Equal(w.Internal) || g.Thread != w.Thread || g.Size != w.Size || g.ID != w.ID {
			t.Errorf("%s: got back %+v; want %+v", name, g, w)
		}
	}
}

// restoreAll brings everything back that the page of one's own account lists.
func (o *testOffice) restoreAll(t testing.TB, name string, want int) {
	t.Helper()
	page := o.api(t, name)
	var list struct {
		Messages []struct {
			Mailbox string `json:"mailbox"`
			UID     uint32 `json:"uid"`
		} `json:"messages"`
	}
	page.do("GET", "/api/me/undo/messages", nil, &list)
	if len(list.Messages) != want {
		t.Fatalf("%d messages are listed; want %d", len(list.Messages), want)
	}
	if want > 0 {
		page.do("POST", "/api/me/undo/messages", map[string]any{"messages": list.Messages}, nil)
	}
}

func saveDraft(t testing.TB, c *imapclient.Client, text string) {
	t.Helper()
	text = "Subject: draft\r\n\r\n" + text + "\r\n"
	put := c.Append("Drafts", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDraft, imap.FlagSeen}, Time: time.Unix(1_700_000_000, 0)})
	if _, err := io.WriteString(put, text); err != nil {
		t.Fatal(err)
	}
	if err := put.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := put.Wait(); err != nil {
		t.Fatal(err)
	}
}

// dele deletes the first message over POP3.
func (o *testOffice) dele(t testing.TB, name string) {
	t.Helper()
	raw, err := tls.Dial("tcp", o.addrs["pop3s"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := textproto.NewConn(raw)
	for _, command := range []string{"", "USER " + name + "@" + testDomain, "PASS " + testPassword, "DELE 1", "QUIT"} {
		if command != "" {
			if err := c.PrintfLine("%s", command); err != nil {
				t.Fatal(err)
			}
		}
		if line, err := c.ReadLine(); err != nil || !strings.HasPrefix(line, "+OK") {
			t.Fatalf("%s: got %q, %v; want +OK", command, line, err)
		}
	}
}
