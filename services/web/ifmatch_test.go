package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestIfMatch walks the table: whatever changes what a GET shows is refused when somebody
// else has changed that since, and done when nobody has, or when nobody asks.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	admin := b.signIn("admin@example.test", "a long enough one")
	now, made := "1", 0
	shows := func(w http.ResponseWriter, _ *http.Request, _ caller) error {
		_, _ = fmt.Fprintf(w, `"%s"`, now) // no answer of the call's type: all of it counts
		return nil
	}
	ask := func(in string, c call, method, match string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, "/", strings.NewReader("{}"))
		r.RemoteAddr = lan
		r.Header.Set("Cookie", admin)
		if match != "" {
			r.Header.Set("If-Match", match)
		}
		w := httptest.NewRecorder()
		b.serve(in, c)(w, r)
		return w
	}
	// Passwords and phrases are shown by nobody; what nobody but oneself changes is one's own.
	alone := []string{"PUT /api/accounts/{address}/password", "PUT /api/encryption/phrase", "PUT /api/setup/encryption/phrase", "PUT /api/shares"}
	for _, a := range b.api() {
		for _, c := range a.calls {
			method, at, _ := strings.Cut(c.path(), " ")
			res := b.resources[c.path()]
			if res == nil {
				if method == http.MethodPut && !strings.HasPrefix(at, "/api/me/") && !slices.Contains(alone, c.path()) {
					t.Errorf("%s: nothing shows what it changes, so two people undo each other's changes", c.path())
				}
				continue
			}
			if method == http.MethodGet {
				continue
			}
			for _, role := range []mail.AccountRole{mail.RoleHelpDesk, mail.RoleDomainAdmin, mail.RoleAdmin, mail.RoleOwner} {
				if c.need.grants(role) && !res.get.need.grants(role) {
					t.Errorf("%s may be called by %q, who may not see what it changes", c.path(), role)
				}
			}
			get := res.get
			get.handle, res.get.handle = shows, shows
			c.handle = func(w http.ResponseWriter, _ *http.Request, _ caller) error {
				made++
				w.WriteHeader(http.StatusNoContent)
				return nil
			}
			now, made = "1", 0
			tag := ask(a.name, get, http.MethodGet, "").Header().Get("ETag")
			if len(tag) < 20 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Errorf("%s: ETag %s; want a strong one", get.path(), tag)
			}
			if again := ask(a.name, get, http.MethodGet, "").Header().Get("ETag"); again != tag {
				t.Errorf("%s: ETag %s, then %s; want the same of the same", get.path(), tag, again)
			}
			for _, fits := range []string{"", "*", tag, `"other", ` + tag} {
				if w := ask(a.name, c, method, fits); w.Code != http.StatusNoContent {
					t.Errorf("%s with If-Match %s: %d %s", c.path(), fits, w.Code, w.Body)
				}
			}
			now = "2"
			for _, old := range []string{tag, "W/" + ask(a.name, get, http.MethodGet, "").Header().Get("ETag"), "words"} {
				if w := ask(a.name, c, method, old); w.Code != http.StatusPreconditionFailed || !strings.Contains(w.Body.String(), "Somebody else has changed this") {
					t.Errorf("%s with If-Match %s after a change: %d %s; want 412", c.path(), old, w.Code, w.Body)
				}
			}
			if made != 4 {
				t.Errorf("%s: done %d times; want 4", c.path(), made)
			}
		}
	}
}

// TestIfMatchOfWhatIsSet: what the box finds out by itself refuses nobody's change.
func TestIfMatchOfWhatIsSet(t *testing.T) {
	t.Parallel()
	book := &listBook{set: mail.BlockLists{Lists: []mail.BlockList{{Zone: "a.test"}}}}
	b := setUpBox(t, func(o *Options) { o.BlockLists = book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	const path = "/api/blocklists"
	seen := b.do("GET", path, "", admin...).Header().Get("ETag")
	set := func(zone, tag string, status int) {
		t.Helper()
		b.want(b.do("PUT", path, `{"lists":[{"zone":"`+zone+`","action":"junk"}],"allow":[]}`, append([]string{"If-Match", tag}, admin...)...), status, "")
	}
	set("b.test", seen, http.StatusNoContent) // whose trouble is seen now
	set("c.test", seen, http.StatusPreconditionFailed)
	if book.set.Lists[0].Zone != "b.test" {
		t.Errorf("a refused change was made: %v", book.set)
	}
	c := b.calls["GET "+path]
	if well, ill := c.etag([]byte(`{"lists":[{"zone":"a.test","action":"junk"}],"allow":[]}`)), c.etag([]byte(`{"lists":[{"zone":"a.test","action":"junk","trouble":"It is silent"}],"allow":[]}`)); well != ill {
		t.Errorf("a list that doesn't answer has the ETag %s, one that does %s; want the same", ill, well)
	}
	b.want(b.do("PUT", path, `{"lists":[`+strings.Repeat(" ", maxChange)+`]}`, admin...), http.StatusRequestEntityTooLarge, "")
}

// TestIfMatchOfMany: of many who change the same at one time, having seen the same, one does.
func TestIfMatchOfMany(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	var now, done, refused atomic.Int32
	get := b.calls["GET /api/received"]
	get.handle = func(w http.ResponseWriter, _ *http.Request, _ caller) error {
		_, _ = fmt.Fprint(w, now.Load())
		return nil
	}
	b.resources["PUT /api/received"].get = get
	put := b.calls["PUT /api/received"]
	put.handle = func(http.ResponseWriter, *http.Request, caller) error {
		now.Add(1)
		return nil
	}
	change := b.unlessChanged(put)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			r := httptest.NewRequest("PUT", "/api/received", strings.NewReader("{}"))
			r.Header.Set("If-Match", get.etag([]byte("0")))
			if err := change(httptest.NewRecorder(), r, caller{}); err == nil {
				done.Add(1)
			} else if problem(err).Status == http.StatusPreconditionFailed {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || refused.Load() != 49 {
		t.Errorf("%d of 50 changes were made, %d refused; want one and 49", done.Load(), refused.Load())
	}
}

func FuzzIfMatch(f *testing.F) {
	const tag = `"abc"`
	for _, s := range []string{"", "*", tag, `W/"abc"`, `"a,b", "abc"`, `,, "x",` + tag, `"open`, `"abc`, "words, " + tag} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if !matches(tag+", "+field, tag) {
			t.Errorf("a tag before %q doesn't match", field)
		}
		if matches(field, tag) && !strings.Contains(field, "*") && !strings.Contains(field, tag) {
			t.Errorf("%q matches", field)
		}
	})
}
