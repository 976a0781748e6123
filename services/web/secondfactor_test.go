package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeFactors keeps them in memory, and counts what was wrong.
type fakeFactors struct {
	mu    sync.Mutex
	texts map[mail.AccountID]string
	wrong int
}

func (f *fakeFactors) HasSecondFactor(id mail.AccountID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.texts[id] != "", nil
}

func (f *fakeFactors) ChangeSecondFactor(_ context.Context, id mail.AccountID, change func(string) (string, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := change(f.texts[id])
	if err == nil {
		f.texts[id] = text
	}
	return err
}

func (f *fakeFactors) SecondFactor(ctx context.Context, _ netip.Addr, _ string, check func(context.Context) (bool, error)) error {
	if f.wrong >= 3 {
		return mail.ErrTryLater
	}
	ok, err := check(ctx)
	if err == nil && !ok {
		f.wrong++
		return mail.ErrDenied
	}
	return err
}

// rfcSecret is RFC 6238's, whose code at 1234567890 is 005924.
const rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	f := &fakeFactors{texts: map[mail.AccountID]string{}}
	b := setUpBox(t, func(o *Options) { o.SecondFactors = f })
	cookie := b.signIn("alice@example.test", "her long password")
	mine := []string{"Cookie", cookie}
	if got := b.want(b.do("POST", "/api/me/second-factor", "", mine...), http.StatusOK, ""); len(got["secret"].(string)) != 32 || !strings.HasPrefix(got["path"].(string), "M4 4h7") {
		t.Errorf("a new secret: %v", got)
	}
	*b.clock = time.Unix(1234567890, 0)
	other := b.signIn("alice@example.test", "her long password")
	cookie = b.signIn("alice@example.test", "her long password")
	mine = []string{"Cookie", cookie}
	put := func(secret, code, password string) string {
		return `{"secret":"` + secret + `","code":"` + code + `","current":"` + password + `"}`
	}
	b.want(b.do("PUT", "/api/me/second-factor", put("AAAA", "005924", "her long password"), mine...), http.StatusBadRequest, "secret")
	b.want(b.do("PUT", "/api/me/second-factor", put(rfcSecret, "005924", "wrong"), mine...), http.StatusForbidden, "current")
	b.want(b.do("PUT", "/api/me/second-factor", put(rfcSecret, "005925", "her long password"), mine...), http.StatusForbidden, "code")
	b.want(b.do("PUT", "/api/me/second-factor", put(rfcSecret, "005924", "her long password")), http.StatusUnauthorized, "")
	w := b.do("PUT", "/api/me/second-factor", put(rfcSecret, "005924", "her long password"), mine...)
	var codes struct{ Recovery []string }
	if err := json.Unmarshal(w.Body.Bytes(), &codes); err != nil || w.Code != http.StatusOK || len(codes.Recovery) != 10 {
		t.Fatalf("status %d, %s", w.Code, w.Body)
	}
	b.want(b.do("PUT", "/api/me/second-factor", put(rfcSecret, "005924", "her long password"), mine...), http.StatusConflict, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", other), http.StatusUnauthorized, "") // it came in without

	in := func(code string) string {
		return `{"address":"alice@example.test","password":"her long password","code":"` + code + `"}`
	}
	b.want(b.do("POST", "/api/session", in("")), http.StatusForbidden, "code")
	if f.wrong != 0 {
		t.Error("no code is no wrong one")
	}
	b.want(b.do("POST", "/api/session", in("005924")), http.StatusForbidden, "code") // the one that turned it on
	b.want(b.do("POST", "/api/session", in(codes.Recovery[3])), http.StatusOK, "")
	b.want(b.do("POST", "/api/session", in(codes.Recovery[3])), http.StatusForbidden, "code")
	if got := b.want(b.do("GET", "/api/me/second-factor", "", mine...), http.StatusOK, ""); got["on"] != true || got["recovery_left"] != 9.0 {
		t.Errorf("it stands: %v", got)
	}
	b.want(b.do("POST", "/api/session", in("123456")), http.StatusForbidden, "code")
	b.want(b.do("POST", "/api/session", in(codes.Recovery[1])), http.StatusTooManyRequests, "") // locked out, even with a good one
	f.wrong = 0
	b.want(b.do("POST", "/api/session", `{"address":"alice@example.test","password":"wrong","code":"`+codes.Recovery[1]+`"}`), http.StatusUnauthorized, "password")
	if strings.Contains(b.log.String(), codes.Recovery[1]) || strings.Contains(b.log.String(), rfcSecret) {
		t.Error("a secret is in the log")
	}

	b.want(b.do("DELETE", "/api/me/second-factor", `{"current":"wrong"}`, mine...), http.StatusForbidden, "current")
	b.want(b.do("DELETE", "/api/accounts/alice@example.test/second-factor", "", mine...), http.StatusForbidden, "")
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	b.want(b.do("DELETE", "/api/accounts/admin@example.test/second-factor", "", admin...), http.StatusConflict, "")
	b.want(b.do("DELETE", "/api/accounts/alice@example.test/second-factor", "", admin...), http.StatusNoContent, "")
	b.want(b.do("POST", "/api/session", in("")), http.StatusOK, "")
	b.want(b.do("DELETE", "/api/me/second-factor", `{"current":"her long password"}`, mine...), http.StatusNoContent, "")
}
