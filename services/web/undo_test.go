package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// recycler is an Undo on a store in memory. Its people are the office's.
type recycler struct {
	store *memstore.Store
	asOf  func(context.Context, func(mail.Progress)) error // before a RestoreAsOf; nil: nothing
	asked struct {
		address  mail.Address
		password string
	}
}

func (u *recycler) RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error) {
	list, err := u.store.RemovedAccounts(ctx)
	for i := range list {
		list[i].Address, list[i].Name = mail.Address{Local: "alice", Domain: "example.test"}, "Alice"
	}
	return list, err
}

func (u *recycler) RestoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error) {
	u.asked.address, u.asked.password = address, password
	if password == "" {
		return mail.Account{}, mail.ErrPasswordNeeded
	}
	return mail.Account{ID: id, Address: address}, u.store.RestoreAccount(ctx, id)
}

func (u *recycler) Deleted(ctx context.Context, id mail.AccountID) (Deleted, error) {
	a, err := u.store.Account(ctx, id)
	return deleted{a, u}, err
}

type deleted struct {
	*memstore.Account
	u *recycler
}

func (d deleted) RestoreAsOf(ctx context.Context, r mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error) {
	if d.u.asOf != nil {
		if err := d.u.asOf(ctx, tell); err != nil {
			return mail.RestoredAsOf{}, err
		}
	}
	return d.Account.RestoreAsOf(ctx, r, tell)
}

// undoBox is a set-up box, of which alice (account 2) has had three messages.
func undoBox(t testing.TB) (*box, *recycler, *memstore.Account) {
	t.Helper()
	ctx := context.Background()
	clock := storetest.NewClock()
	u := &recycler{store: memstore.New(clock.Now)}
	for id := mail.AccountID(1); id <= 2; id++ {
		if err := u.store.CreateAccount(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	b := setUpBox(t, func(o *Options) { o.Undo = u })
	a, err := u.store.Account(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	for i := range 3 {
		text := storetest.Message("x", fmt.Sprintf("Subject: offer %d", i), "From: Bob <bob@example.net>")
		d := draft.Append{Draft: storetest.NewDraft(t, spool, text), Flags: mail.NewFlags(`\Seen`)}
		if _, err := a.Append(ctx, 1, []draft.Append{d}); err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(time.Hour)
	if _, err := a.Expunge(ctx, 1, mail.SetOf[mail.UID](1, 2), false); err != nil {
		t.Fatal(err)
	}
	return b, u, a
}

const (
	admin = "admin@example.test"
	alice = "alice@example.test"
)

func (b *box) as(who string) []string {
	return []string{"Cookie", b.signIn(who, map[string]string{admin: "a long enough one", alice: "her long password"}[who])}
}

func list(m map[string]any, key string) []map[string]any {
	var all []map[string]any
	items, _ := m[key].([]any)
	for _, item := range items {
		all = append(all, item.(map[string]any))
	}
	return all
}

func TestUndoMessages(t *testing.T) {
	t.Parallel()
	b, _, a := undoBox(t)
	for _, base := range []string{"/api/me/undo", "/api/accounts/alice@example.test/undo"} {
		who := map[bool]string{true: alice, false: admin}[strings.Contains(base, "me")]
		head := b.as(who)
		got := list(b.want(b.do("GET", base+"/messages", "", head...), http.StatusOK, ""), "messages")
		if len(got) == 0 || got[0]["from"] != "Bob <bob@example.net>" || got[0]["name"] != "INBOX" || got[0]["mailbox"] != "m1" || got[0]["until"] == "" {
			t.Fatalf("%s lists %v", base, got)
		}
		first := b.want(b.do("GET", base+"/messages?limit=1&back=1", "", head...), http.StatusOK, "")
		next, _ := first["next"].(string)
		rest := b.want(b.do("GET", base+"/messages?back=1&after="+next, "", head...), http.StatusOK, "")
		if next == "" || len(list(first, "messages")) != 1 || len(list(rest, "messages")) != 1 || rest["next"] != nil {
			t.Errorf("%s in pages: %v, %v", base, first, rest)
		}
		if found := list(b.want(b.do("GET", base+"/messages?back=1&words=OFFER+1", "", head...), http.StatusOK, ""), "messages"); len(found) != 1 || found[0]["uid"] != 2.0 {
			t.Errorf("%s by words: %v", base, found)
		}
		body := fmt.Sprintf(`{"messages":[{"mailbox":"m1","uid":%v}]}`, got[0]["uid"])
		for _, want := range []string{"back", "there"} {
			done := list(b.want(b.do("POST", base+"/messages", body, head...), http.StatusOK, ""), "messages")
			if len(done) != 1 || done[0]["outcome"] != want || done[0]["now"] == nil {
				t.Errorf("%s: %v; want %s", base, done, want)
			}
		}
	}
	m, err := a.Mailbox(context.Background(), "INBOX")
	if err != nil || m.Total != 3 {
		t.Errorf("INBOX has %d messages, %v; want 3", m.Total, err)
	}
	if !strings.Contains(b.log.String(), `msg="messages restored"`) {
		t.Error("nothing in the log")
	}
}

func TestUndoRefuses(t *testing.T) {
	t.Parallel()
	b, _, _ := undoBox(t)
	mine, boss := b.as(alice), b.as(admin)
	for _, try := range []struct {
		method, path, body string
		head               []string
		status             int
		field              string
	}{
		{"GET", "/api/me/undo/messages", "", nil, http.StatusUnauthorized, ""},
		{"GET", "/api/accounts/alice@example.test/undo/messages", "", mine, http.StatusForbidden, ""},
		{"GET", "/api/accounts/nobody@example.test/undo/messages", "", boss, http.StatusNotFound, "address"},
		{"GET", "/api/me/undo/messages?mailbox=1", "", mine, http.StatusBadRequest, "mailbox"},
		{"GET", "/api/me/undo/messages?since=yesterday", "", mine, http.StatusBadRequest, "since"},
		{"GET", "/api/me/undo/messages?after=1.2", "", mine, http.StatusBadRequest, "after"},
		{"GET", "/api/me/undo/messages?limit=-1", "", mine, http.StatusBadRequest, "limit"},
		{"GET", "/api/me/undo/messages?words=" + url.QueryEscape(strings.Repeat("a ", 21)), "", mine, http.StatusBadRequest, "words"},
		{"GET", "/api/me/undo/messages?colour=red", "", mine, http.StatusBadRequest, "colour"},
		{"POST", "/api/me/undo/messages", `{"messages":[]}`, mine, http.StatusBadRequest, "messages"},
		{"POST", "/api/me/undo/messages", `{"messages":[{"mailbox":"m1","uid":99}]}`, mine, http.StatusNotFound, "messages"},
		{"POST", "/api/me/undo/messages", `{"messages":[{"mailbox":"mzz","uid":1}]}`, mine, http.StatusNotFound, "mailbox"},
		{"POST", "/api/me/undo/messages", `{"messages":[{"mailbox":"INBOX","uid":1}]}`, mine, http.StatusBadRequest, "mailbox"},
		{"POST", "/api/me/undo/messages", `{"messages":[{"mailbox":"m1","uid":1}],"into":"x"}`, mine, http.StatusBadRequest, "into"},
		{"POST", "/api/me/undo/messages", `{"messages":[` + strings.Repeat(`{"mailbox":"m1","uid":1},`, 500) + `{"mailbox":"m1","uid":1}]}`, mine, http.StatusBadRequest, "messages"},
		{"POST", "/api/me/undo/messages", `{"messages":[` + strings.Repeat(" ", maxUndo) + `]}`, mine, http.StatusRequestEntityTooLarge, ""},
		{"POST", "/api/me/undo/messages", `{"messages":[{"mailbox":"m1","uid":1}]}`, append([]string{"Sec-Fetch-Site", "cross-site"}, mine...), http.StatusForbidden, ""},
		{"POST", "/api/me/undo/mailboxes/mzz", "", mine, http.StatusNotFound, "mailbox"},
		{"POST", "/api/me/undo/as-of", `{}`, mine, http.StatusBadRequest, "at"},
		{"POST", "/api/me/undo/as-of", `{"at":"2100-01-01T00:00:00Z"}`, mine, http.StatusBadRequest, "at"},
		{"POST", "/api/me/undo/as-of", `{"at":"2026-03-01T00:00:00Z","folder":"a//b"}`, mine, http.StatusBadRequest, "folder"},
		{"POST", "/api/me/undo/as-of", `{"at":"2026-03-01T00:00:00Z","folder":"a","in_place":true}`, mine, http.StatusBadRequest, "folder"},
		{"GET", "/api/jobs/none", "", mine, http.StatusNotFound, ""},
		{"GET", "/api/removed-accounts", "", mine, http.StatusForbidden, ""},
		{"POST", "/api/removed-accounts/a9", `{"password":"eight brown bottles"}`, boss, http.StatusNotFound, "address"},
		{"POST", "/api/removed-accounts/9", `{"password":"eight brown bottles"}`, boss, http.StatusNotFound, "address"},
		{"POST", "/api/removed-accounts/a2", `{"address":"not one"}`, boss, http.StatusBadRequest, "address"},
	} {
		b.want(b.do(try.method, try.path, try.body, try.head...), try.status, try.field)
		if t.Failed() {
			t.Fatalf("at %s %s", try.method, try.path)
		}
	}
}

func TestUndoMailbox(t *testing.T) {
	t.Parallel()
	b, _, a := undoBox(t)
	ctx := context.Background()
	m, err := a.CreateMailbox(ctx, "work", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteMailbox(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	head := b.as(alice)
	got := b.want(b.do("GET", "/api/me/undo/mailboxes", "", head...), http.StatusOK, "")
	deleted := list(got, "deleted")
	if len(list(got, "mailboxes")) != 6 || len(deleted) != 1 || deleted[0]["name"] != "work" || deleted[0]["until"] == nil {
		t.Fatalf("mailboxes: %v", got)
	}
	back := list(b.want(b.do("POST", "/api/me/undo/mailboxes/"+deleted[0]["id"].(string), "", head...), http.StatusOK, ""), "mailboxes")
	if len(back) != 1 || back[0]["name"] != "work" {
		t.Errorf("restored: %v", back)
	}
	// And for somebody else, by an administrator.
	if err := a.DeleteMailbox(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	const hers = "/api/accounts/alice@example.test/undo/mailboxes"
	head = b.as(admin)
	deleted = list(b.want(b.do("GET", hers, "", head...), http.StatusOK, ""), "deleted")
	back = list(b.want(b.do("POST", hers+"/"+deleted[0]["id"].(string), "", head...), http.StatusOK, ""), "mailboxes")
	if len(back) != 1 || back[0]["name"] != "work" {
		t.Errorf("restored for her: %v", back)
	}
}

func TestUndoAccount(t *testing.T) {
	t.Parallel()
	b, u, _ := undoBox(t)
	if err := u.store.RemoveAccount(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	head := b.as(admin)
	got := list(b.want(b.do("GET", "/api/removed-accounts", "", head...), http.StatusOK, ""), "accounts")
	if len(got) != 1 || got[0]["id"] != "a2" || got[0]["address"] != alice || got[0]["until"] == nil {
		t.Fatalf("removed: %v", got)
	}
	b.want(b.do("POST", "/api/removed-accounts/a2", `{}`, head...), http.StatusConflict, "password")
	back := b.want(b.do("POST", "/api/removed-accounts/a2", `{"address":"Ally@example.test","password":"eight brown bottles"}`, head...), http.StatusOK, "")
	if back["address"] != "ally@example.test" || u.asked.password != "eight brown bottles" {
		t.Errorf("restored: %v, asked %+v", back, u.asked)
	}
	if strings.Contains(b.log.String(), "brown") {
		t.Error("a password is in the log")
	}
}

func (b *box) job(id string, head []string) jobState {
	b.t.Helper()
	var state jobState
	w := b.do("GET", "/api/jobs/"+id, "", head...)
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil || w.Code != http.StatusOK {
		b.t.Fatalf("job %s: %d, %s", id, w.Code, w.Body)
	}
	return state
}

func jobID(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var state jobState
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil || w.Code != http.StatusAccepted || state.State != "running" {
		t.Fatalf("%d, %s", w.Code, w.Body)
	}
	return state.ID
}

const asOf = `{"at":"2026-03-01T22:00:00Z","folder":"then"}`

func TestUndoAsOf(t *testing.T) {
	t.Parallel()
	b, u, a := undoBox(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan error)
		u.asOf = func(ctx context.Context, tell func(mail.Progress)) error {
			tell(mail.Progress{Reading: true, Done: 5, Total: 7})
			select {
			case err := <-release:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		mine, boss := b.as(alice), b.as(admin)
		body := strings.Replace(asOf, "22:00:00Z", "23:00:00+02:00", 1)
		id := jobID(t, b.do("POST", "/api/accounts/alice@example.test/undo/as-of", `{"at":"2026-03-01T21:40:00Z","folder":"then"}`, boss...))
		synctest.Wait()
		if st := b.job(id, boss); st.State != "running" || st.Step != "reading" || st.Done != 5 || st.Total != 7 {
			t.Errorf("while it runs: %+v", st)
		}
		b.want(b.do("GET", "/api/jobs/"+id, "", mine...), http.StatusNotFound, "")
		b.want(b.do("POST", "/api/me/undo/as-of", body, mine...), http.StatusConflict, "")
		release <- nil
		synctest.Wait()
		if st := b.job(id, boss); st.State != "done" || st.Folder != "then" || st.Mailboxes != 6 || st.Back != 3 || st.Problem != nil {
			t.Errorf("done: %+v", st)
		}
		if _, err := a.Mailbox(context.Background(), "then/INBOX"); err != nil {
			t.Error(err)
		}
		// One that is stopped, and one that fails.
		id = jobID(t, b.do("POST", "/api/me/undo/as-of", body, mine...))
		b.want(b.do("DELETE", "/api/jobs/"+id, "", boss...), http.StatusNoContent, "")
		synctest.Wait()
		if st := b.job(id, mine); st.State != "stopped" {
			t.Errorf("stopped: %+v", st)
		}
		id = jobID(t, b.do("POST", "/api/me/undo/as-of", body, mine...))
		release <- mail.ErrNoSpace
		synctest.Wait()
		if st := b.job(id, mine); st.State != "failed" || st.Problem == nil || !strings.Contains(st.Problem.Message, "full") {
			t.Errorf("failed: %+v", st)
		}
		// The end of the server ends its work.
		id = jobID(t, b.do("POST", "/api/me/undo/as-of", body, mine...))
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if st := b.job(id, mine); st.State != "stopped" {
			t.Errorf("after the shutdown: %+v", st)
		}
		b.want(b.do("POST", "/api/me/undo/as-of", body, mine...), http.StatusServiceUnavailable, "")
	})
}
