package web

import (
	"archive/tar"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// archives are Archives that write little and read all.
type archives struct {
	broken error         // what Export answers after it has written
	full   error         // what Import answers after all
	wait   chan struct{} // Import waits for it
	began  chan struct{}
}

func (a *archives) Export(_ context.Context, account mail.AccountID, format transfer.Format, w io.Writer) (transfer.Exported, error) {
	t := tar.NewWriter(w)
	text := strings.Repeat(fmt.Sprintf("%s of %s\n", format, account), 1<<12)
	if err := t.WriteHeader(&tar.Header{Name: "x", Size: int64(len(text))}); err != nil {
		return transfer.Exported{}, err
	}
	if _, err := io.WriteString(t, text); err != nil {
		return transfer.Exported{}, err
	}
	return transfer.Exported{Messages: 7, Failed: 1}, errors.Join(a.broken, t.Flush())
}

func (a *archives) Import(ctx context.Context, _ mail.AccountID, into string, archive *transfer.Archive) (transfer.Summary, error) {
	if a.wait != nil {
		a.began <- struct{}{}
		<-a.wait
	}
	done := transfer.Summary{Problems: []string{"into " + into}}
	for m, err := range archive.Messages(ctx) {
		if err != nil {
			return done, err
		}
		if m.Body == nil {
			continue
		}
		n, err := io.Copy(io.Discard, m.Body)
		if err != nil {
			return done, err
		}
		done.Imported++
		done.Bytes += n
	}
	return done, a.full
}

func TestMailInAndOut(t *testing.T) {
	t.Parallel()
	a := &archives{}
	b := setUpBox(t, func(o *Options) { o.Archives = a })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	const path, mbox = "/api/accounts/alice@example.test/mail", "From a Tue Nov 14 22:13:20 2023\nSubject: x\n\ny\n"
	for _, method := range []string{"GET", "POST"} {
		b.want(b.do(method, path, ""), http.StatusUnauthorized, "")
		b.want(b.do(method, path, "", alice...), http.StatusForbidden, "")
		b.want(b.do(method, "/api/accounts/nobody@example.test/mail", mbox, admin...), http.StatusNotFound, "address")
	}

	w := b.do("GET", path, "", admin...)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-tar" || w.Header().Get("Content-Disposition") != `attachment; filename="alice@example.test.tar"` {
		t.Errorf("export: %d %v", w.Code, w.Header())
	}
	if got := w.Result().Trailer.Get(completeTrailer); got != "messages=7; failed=1; folders=0; bytes=0" || !strings.Contains(w.Body.String(), "maildir of a2") {
		t.Errorf("export: trailer %q", got)
	}
	if w := b.do("GET", path+"?format=mbox", "", admin...); w.Code != 200 || w.Header().Get("Content-Type") != "application/zip" {
		t.Errorf("export of mbox: %d %v", w.Code, w.Header())
	}
	b.want(b.do("GET", path+"?format=pst", "", admin...), http.StatusBadRequest, "format")

	got := b.want(b.do("POST", path+"?into=Old&name=Letters", mbox, admin...), http.StatusOK, "")
	if got["imported"] != 1.0 || got["bytes"] != 17.0 || fmt.Sprint(got["problems"]) != "[into Old]" {
		t.Errorf("import: %v", got)
	}
	b.want(b.do("POST", path, "{}", admin...), http.StatusUnsupportedMediaType, "")
	b.want(b.do("POST", path+"?into=a//b", mbox, admin...), http.StatusBadRequest, "into")
	for err, status := range map[error]int{mail.ErrNoSpace: 507, mail.ErrOverQuota: 507, errors.New("disk"): 503} {
		a.full = err
		got := b.want(b.do("POST", path, mbox, admin...), status, "")
		if text := fmt.Sprint(got["message"], got["what_to_do"]); !strings.Contains(text, "1 messages are in and stay.") || !strings.Contains(text, "what is in is left out") {
			t.Errorf("import with %v says %s", err, text)
		}
	}

	// One's own: with the password asked for lately, and no other's.
	w = b.do("GET", "/api/me/mail", "", alice...)
	if w.Code != 200 || w.Header().Get("Content-Disposition") != `attachment; filename="alice@example.test.tar"` || !strings.Contains(w.Body.String(), "maildir of a2") {
		t.Errorf("one's own: %d %v", w.Code, w.Header())
	}
	a.full = nil
	if got := b.want(b.do("POST", "/api/me/mail?into=Old", mbox, alice...), http.StatusOK, ""); got["imported"] != 1.0 {
		t.Errorf("import of one's own: %v", got)
	}
	b.want(b.do("GET", "/api/me/mail", ""), http.StatusUnauthorized, "")
	*b.clock = b.clock.Add(sureFor + time.Minute)
	b.want(b.do("GET", "/api/me/mail", "", alice...), http.StatusForbidden, "confirm")
	b.want(b.do("GET", path, "", admin...), http.StatusForbidden, "confirm")
	b.want(b.do("POST", "/api/me/mail", mbox, alice...), http.StatusOK, "")

	// Only so many at once, of whom each person is one.
	a.full, a.wait, a.began = nil, make(chan struct{}), make(chan struct{}, maxMoving)
	done := make(chan int, maxMoving)
	begin := func(path string, who []string) {
		go func() { done <- b.do("POST", path, mbox, who...).Code }()
		<-a.began
	}
	begin("/api/me/mail", alice)
	b.want(b.do("POST", "/api/me/mail", mbox, alice...), http.StatusTooManyRequests, "")
	for range maxMoving - 1 {
		begin(path, admin)
	}
	b.want(b.do("POST", path, mbox, admin...), http.StatusTooManyRequests, "")
	close(a.wait)
	for range maxMoving {
		if code := <-done; code != 200 {
			t.Errorf("an import that others waited for: %d", code)
		}
	}
}

// TestExportBreaksOff holds that nobody takes half an archive for all of it.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	a := &archives{broken: errors.New("disk")}
	b := setUpBox(t, func(o *Options) { o.Archives, o.TLS = a, o.Box.(*office).tls() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = b.Serve(l, Secure) }()
	t.Cleanup(func() { _ = b.Shutdown(context.Background()) })
	ca, err := x509.ParseCertificate(b.office.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, h2 := range []bool{false, true} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}}
		r, err := http.NewRequest("GET", "https://"+l.Addr().String()+"/api/accounts/alice@example.test/mail", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", b.signIn("admin@example.test", "a long enough one"))
		answer, err := client.Do(r)
		if err != nil {
			continue // broken off so early that there was no answer
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err == nil {
			t.Errorf("%s: the archive ends as if it were whole", answer.Proto)
		}
	}
}
