package rescue

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// box is a machine whose code is "abcd-efgh".
type box struct {
	state State
	err   error
	did   []Order
}

func (b *box) State(context.Context) (State, error) { return b.state, b.err }

func (b *box) Do(_ context.Context, o Order) error {
	if o.Code != "abcd-efgh" {
		return &mail.RuleError{Text: "That is not the code on the box's screen."}
	}
	b.did = append(b.did, o)
	return nil
}

func (b *box) Bundle() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("PK")), nil }

func damaged() State {
	return State{
		Fault: Damaged, Problem: "The check could not mend it.", Said: "e2fsck -p: exit 8 <script>", Version: "1.2.0", Previous: "1.1.0",
		Disk: &Disk{Device: "sda", Model: "WD Red", Serial: "X1", Known: true, Hours: 40000, Celsius: 41, Unreadable: 3, Worn: -1},
		Acts: []Act{Check, Restart, Previous, Support, Erase},
	}
}

func ask(t *testing.T, h http.Handler, r *http.Request) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func order(values url.Values) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func testHandler(b Box, secure bool) http.Handler {
	return handler(b, slog.New(slog.DiscardHandler), secure, "7F:2A")
}

func TestPageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	resp, page := ask(t, testHandler(&box{state: damaged()}, true), httptest.NewRequest("GET", "/", nil))
	for _, want := range []string{
		"The disk with your mail is damaged", "The check could not mend it.", "have the disk copied first", "3 places on it can’t be read",
		"4.6 years", "exit 8 &lt;script&gt;", "1.2.0", "1.1.0", "WD Red, serial number X1", `value="check" checked`, `value="erase"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if resp.StatusCode != http.StatusOK || strings.Contains(page, "http-equiv") || strings.Contains(page, "<script") {
		t.Errorf("status %d; want a page without scripts that does not load itself anew", resp.StatusCode)
	}
	if got := resp.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") {
		t.Errorf("policy %q", got)
	}
}

// TestEveryFaultHasWords: what the machine may say is known here.
func TestEveryFaultHasWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range []Fault{Missing, Damaged, ReadOnly, Unclear, Newer, ""} {
		if h := f.headline(); seen[h] || len(f.steps()) < 2 {
			t.Errorf("%q has the headline %q and %d steps, want ones of its own", f, h, len(f.steps()))
		} else {
			seen[h] = true
		}
		b := &box{state: State{Fault: f, Problem: "p", Acts: []Act{Restart}}}
		if _, page := ask(t, testHandler(b, true), httptest.NewRequest("GET", "/", nil)); !strings.Contains(page, "The box finds no disk") {
			t.Errorf("%q: the page does not say that there is no disk", f)
		}
	}
	for _, a := range []Act{Check, Restart, Previous, Support, Erase} {
		if name, means := a.words(); name == "" || means == "" {
			t.Errorf("%q has no words", a)
		}
	}
}

func TestPlainPageTakesNoCode(t *testing.T) {
	t.Parallel()
	b := &box{state: damaged()}
	h := testHandler(b, false)
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "192.0.2.1:80"
	if _, page := ask(t, h, r); strings.Contains(page, "<form") || !strings.Contains(page, `href="https://192.0.2.1"`) || !strings.Contains(page, "7F:<wbr>2A") {
		t.Errorf("want the way to https and its fingerprint, and no form:\n%s", page)
	}
	resp, _ := ask(t, h, order(url.Values{"act": {"erase"}, "code": {"abcd-efgh"}, "word": {"erase"}}))
	if resp.StatusCode != http.StatusForbidden || len(b.did) != 0 {
		t.Errorf("status %d, did %v: want it refused", resp.StatusCode, b.did)
	}
	if resp, _ := ask(t, h, httptest.NewRequest("GET", "/admin/people", nil)); resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/" {
		t.Errorf("a bookmark leads to %d %q, want the page", resp.StatusCode, resp.Header.Get("Location"))
	}
}

func TestActs(t *testing.T) {
	t.Parallel()
	b := &box{state: damaged()}
	h := testHandler(b, true)
	resp, page := ask(t, h, order(url.Values{"act": {"restart"}, "code": {"wrong"}}))
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "not the code on the box") || !strings.Contains(page, `value="restart" checked`) {
		t.Errorf("wrong code: %d\n%s", resp.StatusCode, page)
	}
	resp, _ = ask(t, h, order(url.Values{"act": {"erase"}, "code": {"abcd-efgh"}, "word": {"erase"}}))
	if want := (Order{Erase, "abcd-efgh", "erase"}); resp.StatusCode != http.StatusOK || len(b.did) != 1 || b.did[0] != want {
		t.Errorf("erase: %d, did %v", resp.StatusCode, b.did)
	}
	if resp, _ = ask(t, h, order(url.Values{"act": {"check"}, "code": {"abcd-efgh"}})); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("check: %d, want to be led back to the page", resp.StatusCode)
	}
	resp, page = ask(t, h, order(url.Values{"act": {"support"}, "code": {"abcd-efgh"}}))
	if resp.StatusCode != http.StatusOK || page != "PK" || !strings.Contains(resp.Header.Get("Content-Disposition"), "sanduk-support.zip") {
		t.Errorf("support: %d %q %q", resp.StatusCode, resp.Header.Get("Content-Disposition"), page)
	}
	resp, _ = ask(t, h, order(url.Values{"act": {strings.Repeat("x", maxForm)}}))
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("too much: %d", resp.StatusCode)
	}
	b.state.Doing, b.state.Done = "The disk is being checked.", "old"
	if _, page := ask(t, h, httptest.NewRequest("GET", "/", nil)); !strings.Contains(page, `http-equiv="refresh" content="5"`) || !strings.Contains(page, "being checked") {
		t.Error("while something is under way the page does not follow it")
	}
	b.state.Doing, b.state.Done, b.state.Ending = "", "", true
	if _, page := ask(t, h, httptest.NewRequest("GET", "/", nil)); !strings.Contains(page, "starting again") || strings.Contains(page, "<form") {
		t.Error("a box that is starting again still offers acts")
	}
	b.err = errors.New("gone")
	if resp, _ := ask(t, h, httptest.NewRequest("GET", "/", nil)); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a machine that does not answer gives %d", resp.StatusCode)
	}
}

// TestServe opens real ports: other servers are told to wait, and the certificate is the
// one whose fingerprint is shown.
func TestServe(t *testing.T) {
	t.Parallel()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	o := Options{
		Box: &box{state: damaged()}, Log: slog.New(slog.DiscardHandler), SMTP: listen(), HTTP: listen(), HTTPS: listen(),
		Host: "mail.example.test", Now: time.Now(),
	}
	shown, ready := make(chan string, 1), make(chan bool, 1)
	o.Show = func(_ context.Context, f string) error { shown <- f; return nil }
	o.Ready = func() { ready <- true }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, o) }()
	<-ready
	conn, err := net.Dial("tcp", o.SMTP.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("EHLO early.example.test\r\n")) // a bot that doesn't wait
	code, text, err := textproto.NewReader(bufio.NewReader(conn)).ReadResponse(421)
	if err != nil || !strings.Contains(text, "4.3.2 mail.example.test") {
		t.Errorf("greeted with %d %q, %v, want 421 in words", code, text, err)
	}
	secure, err := tls.Dial("tcp", o.HTTPS.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	leaf := secure.ConnectionState().PeerCertificates[0]
	if got, want := fingerprint(tls.Certificate{Certificate: [][]byte{leaf.Raw}}), <-shown; got != want || len(want) != 95 {
		t.Errorf("the screen shows %q, and the certificate has %q", want, got)
	}
	resp, err := http.Get("http://" + o.HTTP.Addr().String() + "/")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("page over http: %v, %v", resp, err)
	}
	resp.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func FuzzHostOf(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "mailbox.local", "", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		r := &http.Request{Host: host}
		if got := hostOf(r); len(got) > len(host)+2 {
			t.Errorf("%q became %q", host, got)
		}
	})
}
