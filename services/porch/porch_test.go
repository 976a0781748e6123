package porch

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
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// porch serves one on listeners of its own; over is closed when Serve has returned.
func open(t *testing.T, unlock func(context.Context, string) error) (p *Porch, at map[string]string, over chan error) {
	t.Helper()
	borrowed := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(borrowed.Close)
	p = New(Options{Unlock: unlock, Local: netip.Addr.IsLoopback, TLS: &tls.Config{Certificates: borrowed.TLS.Certificates}, Logger: slog.New(slog.DiscardHandler)})
	listeners := make(map[string]net.Listener)
	at = make(map[string]string)
	for _, name := range []string{"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[name], at[name] = l, l.Addr().String()
	}
	over = make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { over <- p.Serve(ctx, listeners) }()
	t.Cleanup(cancel)
	return p, at, over
}

func browser() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func body(t *testing.T, res *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestWords: every protocol says that it is temporary, in its own words.
func TestWords(t *testing.T) {
	t.Parallel()
	_, at, _ := open(t, nil)
	for name, want := range map[string]string{
		"smtp": "421 4.3.2 ", "submission": "421 4.3.2 ", "imap": "* BYE [UNAVAILABLE] ", "pop3": "-ERR [SYS/TEMP] ",
		"submissions": "", "imaps": "", "pop3s": "",
	} {
		c, err := net.Dial("tcp", at[name])
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if want == "" && !errors.Is(err, io.EOF) || want != "" && (err != nil || !strings.HasPrefix(line, want) || !strings.HasSuffix(line, "\r\n")) {
			t.Errorf("%s: %q, %v; want %q", name, line, err, want)
		}
		_ = c.Close()
	}
}

// TestUnlock types phrases until one opens the mail, at which Serve returns.
func TestUnlock(t *testing.T) {
	t.Parallel()
	_, at, over := open(t, func(_ context.Context, phrase string) error {
		switch phrase {
		case "right":
			return nil
		case "broken":
			return errors.New("the disk is on fire at /dev/sda")
		}
		return &Refusal{"Group <2> is not as it was written down."}
	})
	client := browser()
	res, err := client.Get("http://" + at["http"] + "/admin?x=1")
	if code, _ := body(t, res, err); code != http.StatusTemporaryRedirect || !strings.HasPrefix(res.Header.Get("Location"), "https://127.0.0.1/") {
		t.Errorf("port 80: %d to %q", code, res.Header.Get("Location"))
	}
	base := "https://" + at["https"]
	res, err = client.Get(base + "/api/status")
	if code, text := body(t, res, err); code != http.StatusServiceUnavailable || !strings.Contains(text, "The mail is locked") || res.Header.Get("Content-Security-Policy") != policy {
		t.Errorf("the page: %d %s %v", code, text, res.Header)
	}
	for _, c := range []struct {
		phrase string
		code   int
		want   string
	}{
		{"wrong", http.StatusUnprocessableEntity, "Group &lt;2&gt; is not"}, {"", http.StatusUnprocessableEntity, "Group"},
		{strings.Repeat("x", maxBody), http.StatusUnprocessableEntity, "Group"}, // cut off, and so no phrase
		{"broken", http.StatusInternalServerError, "its log says more"}, {"right", http.StatusOK, "The mail is open"},
	} {
		res, err := client.PostForm(base+"/unlock", url.Values{"phrase": {c.phrase}})
		code, text := body(t, res, err)
		if code != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "on fire") || c.phrase != "" && strings.Contains(text, `value=`) {
			t.Errorf("%.20q: %d %s; want %d %s", c.phrase, code, text, c.code, c.want)
		}
	}
	if err := <-over; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// TestStrangers: not from outside the office, and not from another site's page.
func TestStrangers(t *testing.T) {
	t.Parallel()
	p := New(Options{
		Unlock: func(context.Context, string) error { t.Error("somebody got to the lock"); return nil },
		Local:  netip.Addr.IsPrivate, Logger: slog.New(slog.DiscardHandler),
	})
	h := p.guard(p.pages())
	for name, change := range map[string]func(*http.Request){
		"outside":      func(r *http.Request) { r.RemoteAddr = "203.0.113.9:5000" },
		"no address":   func(r *http.Request) { r.RemoteAddr = "x" },
		"another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"other origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		r := httptest.NewRequest(http.MethodPost, "https://192.168.1.20/unlock", strings.NewReader("phrase=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = "192.168.1.5:5000"
		change(r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// TestLanguages: all texts are there, and the browser's first known language counts.
func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, w := range languages() {
		for _, text := range []string{w.Lang, w.Title, w.Why, w.Label, w.Hint, w.Open, w.Done, w.Wait} {
			if text == "" {
				t.Errorf("%s lacks a text: %+v", w.Lang, w)
			}
		}
	}
	for accept, want := range map[string]string{"": "en", "fr": "en", "de-CH,de;q=0.9,en;q=0.8": "de", "fr-FR, SR-Latn;q=0.5": "sr", "*": "en", ",,;": "en"} {
		if got := wordsFor(accept).Lang; got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}
