package issuance

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// authority speaks as much of ACME as the client asks for. It looks at no signature: a
// real one does that in TestPebble.
type authority struct {
	*httptest.Server
	mu       sync.Mutex
	refuse   string       // why it issues nothing; "": it does
	answers  http.Handler // of the box, at port 80
	life     time.Duration
	names    []string
	proved   bool
	answered bool // a challenge was to be looked at
	accounts map[string]bool
	orders   int
	issued   []byte
}

func newAuthority(t *testing.T) *authority {
	a := &authority{life: 90 * 24 * time.Hour, accounts: map[string]bool{}}
	a.Server = httptest.NewTLSServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", rand.Text())
	body, _ := io.ReadAll(r.Body)
	var outer struct{ Protected, Payload string }
	_ = json.Unmarshal(body, &outer) // of questions it stays empty
	payload, _ := base64.RawURLEncoding.DecodeString(outer.Payload)
	head, _ := base64.RawURLEncoding.DecodeString(outer.Protected)
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	order := func() map[string]any {
		status := "pending"
		if a.proved {
			status = "ready"
		}
		if a.issued != nil {
			status = "valid"
		}
		var ids []map[string]string
		for _, name := range a.names {
			ids = append(ids, map[string]string{"type": "dns", "value": name})
		}
		return map[string]any{"status": status, "identifiers": ids, "authorizations": []string{a.URL + "/authz"}, "finalize": a.URL + "/finalize", "certificate": a.URL + "/cert"}
	}
	challenge := func() (list []map[string]string) {
		for _, kind := range []Method{HTTP, DNS} {
			list = append(list, map[string]string{"type": string(kind), "url": a.URL + "/challenge/" + string(kind), "token": "token", "status": "pending"})
		}
		return list
	}
	switch path := r.URL.Path; {
	case path == "/dir":
		say(200, map[string]string{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/orders", "revokeCert": a.URL + "/no", "keyChange": a.URL + "/no"})
	case path == "/account":
		var jwk struct{ JWK json.RawMessage }
		_ = json.Unmarshal(head, &jwk)
		status := 200
		if !a.accounts[string(jwk.JWK)] {
			status = 201
		}
		a.accounts[string(jwk.JWK)] = true
		w.Header().Set("Location", a.URL+"/account/1")
		say(status, map[string]string{"status": "valid"})
	case path == "/orders" && a.refuse != "":
		say(403, map[string]any{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": a.refuse})
	case path == "/orders":
		var in struct{ Identifiers []struct{ Value string } }
		_ = json.Unmarshal(payload, &in)
		a.names, a.proved, a.issued = nil, false, nil
		for _, id := range in.Identifiers {
			a.names = append(a.names, id.Value)
		}
		a.orders++
		w.Header().Set("Location", a.URL+"/order")
		say(201, order())
	case path == "/order":
		say(200, order())
	case path == "/authz":
		status := "pending"
		if a.proved {
			status = "valid"
		}
		say(200, map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": a.names[0]}, "challenges": challenge()})
	case strings.HasPrefix(path, "/challenge/"):
		a.answered, a.proved = true, true
		if strings.HasSuffix(path, string(HTTP)) {
			seen := httptest.NewRecorder()
			a.answers.ServeHTTP(seen, httptest.NewRequest("GET", "/.well-known/acme-challenge/token", nil))
			a.proved = strings.HasPrefix(seen.Body.String(), "token.")
		}
		say(200, challenge()[0])
	case path == "/finalize":
		var in struct{ CSR string }
		_ = json.Unmarshal(payload, &in)
		der, _ := base64.RawURLEncoding.DecodeString(in.CSR)
		a.issued = a.sign(der)
		w.Header().Set("Location", a.URL+"/order")
		say(200, order())
	case path == "/cert":
		_, _ = w.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.issued}))
	}
}

// sign makes a certificate of a request; it is its own authority.
func (a *authority) sign(request []byte) []byte {
	csr, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(a.life)}
	der, _ := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{}, csr.PublicKey, a.TLS.Certificates[0].PrivateKey)
	return der
}

// box is an Issuance with what it is about.
type box struct {
	*Issuance
	files     *durable.OS
	options   Options
	current   *x509.Certificate
	published bool
}

func newBox(t *testing.T, a *authority) *box {
	t.Helper()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	if err := durable.MkdirAllSync(files, "private", 0o700); err != nil {
		t.Fatal(err)
	}
	b := &box{files: files}
	b.options = Options{
		FS: files, Client: a.Client(), Log: slog.New(slog.DiscardHandler),
		Names:   func(context.Context, Method) []string { return []string{"mail.example.test"} },
		Current: func() *x509.Certificate { return b.current },
		Take: func(chain [][]byte, _ *ecdsa.PrivateKey) (err error) {
			b.current, err = x509.ParseCertificate(chain[0])
			return err
		},
		Published: func(context.Context, Proof) bool { return b.published },
		Ready:     func(context.Context) bool { return true },
	}
	b.start(t)
	a.answers = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.ServeHTTP(w, r) })
	return b
}

// start opens it anew, as a start of the box does.
func (b *box) start(t *testing.T) {
	t.Helper()
	var err error
	if b.Issuance, err = Open(b.options); err != nil {
		t.Fatal(err)
	}
}

func (b *box) set(t *testing.T, s Settings) {
	t.Helper()
	if err := b.Set(s); err != nil {
		t.Fatal(err)
	}
}

// TestHTTP: a certificate is got, kept while it is good, and renewed in time with the
// same key and account, also after a start.
func TestHTTP(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBox(t, a)
	b.once(t.Context(), false)
	if a.orders != 0 {
		t.Fatal("it ordered before anybody asked for it")
	}
	b.set(t, Settings{a.URL + "/dir", "admin@example.test", HTTP})
	a.life = 29 * 24 * time.Hour // 30 days before its end would be at once
	b.once(t.Context(), false)
	first := b.current
	if first == nil || first.VerifyHostname("mail.example.test") != nil {
		t.Fatalf("no certificate: %+v", b.State())
	}
	if info, err := b.files.Stat(File); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", File, info, err)
	}
	b.start(t)
	b.once(t.Context(), false)
	if a.orders != 1 {
		t.Errorf("%d orders for a certificate that is good", a.orders)
	}
	near := *first
	near.NotBefore, near.NotAfter = time.Now().Add(-20*24*time.Hour), time.Now().Add(2*24*time.Hour)
	b.current = &near
	b.once(t.Context(), false)
	if a.orders != 2 || b.current.Equal(first) || !bytes.Equal(b.current.RawSubjectPublicKeyInfo, first.RawSubjectPublicKeyInfo) || len(a.accounts) != 1 {
		t.Errorf("after the renewal: %d orders, %d accounts, %+v", a.orders, len(a.accounts), b.State())
	}
	answer := httptest.NewRecorder()
	b.ServeHTTP(answer, httptest.NewRequest("GET", "/.well-known/acme-challenge/token", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("what has been proved is still answered: %d", answer.Code)
	}
	if err := b.End(); err != nil || b.State().Settings != (Settings{}) {
		t.Errorf("End: %v, %+v", err, b.State())
	}
	b.current = nil
	if b.once(t.Context(), true); a.orders != 2 {
		t.Error("it orders although it was ended")
	}
}

// TestDNS: the order waits for its record across a start, and asks the authority nothing
// meanwhile.
func TestDNS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBox(t, a)
	b.set(t, Settings{a.URL + "/dir", "", DNS})
	b.once(t.Context(), false)
	proofs := b.Proofs()
	if len(proofs) != 1 || proofs[0].Name != "_acme-challenge.mail.example.test" || len(proofs[0].Value) != 43 || a.answered {
		t.Fatalf("it waits for %v; the authority was told: %v", proofs, a.answered)
	}
	b.start(t)
	b.once(t.Context(), false)
	if a.answered || b.current != nil {
		t.Error("the authority was told before the record was there")
	}
	b.published = true
	b.once(t.Context(), false)
	if b.current == nil || a.orders != 1 || len(b.Proofs()) != 0 {
		t.Errorf("with the record: %d orders, %+v", a.orders, b.State())
	}
}

// TestFailures: what the authority says is shown, pauses grow, somebody can ask at once,
// and the certificate of before stays.
func TestFailures(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBox(t, a)
	b.set(t, Settings{a.URL + "/dir", "", HTTP})
	a.refuse = "This name is on\na list of evil names"
	old := &x509.Certificate{NotAfter: time.Now().Add(24 * time.Hour)}
	b.current = old
	var last time.Duration
	for range 6 {
		b.once(t.Context(), true)
		s := b.State()
		pause := s.Next.Sub(s.Tried)
		if s.Problem != "This name is on a list of evil names" || pause < last || b.current != old {
			t.Fatalf("after %v: %+v", last, s)
		}
		last = pause
		b.start(t) // the pause outlives it
	}
	if last != 24*time.Hour {
		t.Errorf("the last pause is %v", last)
	}
	a.refuse = ""
	if b.once(t.Context(), false); b.current != old {
		t.Error("it did not wait for the pause to end")
	}
	if b.once(t.Context(), true); b.current == old || b.State().Problem != "" {
		t.Errorf("asked, with an authority that issues again: %+v", b.State())
	}
	a.Close()
	b.current = old
	if b.once(t.Context(), true); b.current != old || b.State().Problem == "" {
		t.Errorf("without the Internet: %+v", b.State())
	}
}

// TestSettings: what makes no sense is refused at its field.
func TestSettings(t *testing.T) {
	t.Parallel()
	b := newBox(t, newAuthority(t))
	for field, s := range map[string]Settings{
		"directory": {"http://ca.example.test/dir", "", HTTP},
		"method":    {LetsEncrypt, "", "tls-alpn-01"},
		"contact":   {LetsEncrypt, "nobody", DNS},
	} {
		var rule *mail.RuleError
		if err := b.Set(s); !errors.As(err, &rule) || rule.Field != field {
			t.Errorf("%+v: %v, want one at %s", s, err, field)
		}
	}
}

// TestDamaged: a file that can't be read is set aside, and the box starts.
func TestDamaged(t *testing.T) {
	t.Parallel()
	b := newBox(t, newAuthority(t))
	for _, text := range []string{"", "\x01{", "\x02{}", strings.Repeat("x", maxFile+1)} {
		if err := os.WriteFile(b.files.Path(File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.start(t)
		if b.State().Settings != (Settings{}) {
			t.Errorf("%.8q: %+v", text, b.State())
		}
		if _, err := b.files.Stat(File + ".damaged"); err != nil {
			t.Errorf("%.8q: %v", text, err)
		}
	}
}

// TestDiskFails: a key that could not be kept is told to nobody.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBox(t, a)
	b.set(t, Settings{a.URL + "/dir", "", HTTP})
	b.o.FS = full{b.files}
	if b.once(t.Context(), true); len(a.accounts) != 0 || b.current != nil {
		t.Errorf("%d accounts with a key that is nowhere", len(a.accounts))
	}
}

// full is a disk that takes nothing.
type full struct{ durable.FS }

func (full) OpenFile(name string, _ int, _ fs.FileMode) (durable.File, error) {
	return nil, fmt.Errorf("open %s: full", name)
}

// TestCuts: the power goes at every step. The account that the authority has heard of
// goes on, the certificate's key is the one it had, and the box always starts.
func TestCuts(t *testing.T) {
	t.Parallel()
	a, disk := newAuthority(t), crashfs.New()
	b := newBox(t, a)
	if err := durable.MkdirAllSync(disk, "private", 0o700); err != nil {
		t.Fatal(err)
	}
	began := disk.Ops()
	b.options.FS = disk
	taken, take := 0, b.options.Take
	b.options.Take = func(chain [][]byte, key *ecdsa.PrivateKey) error {
		taken = disk.Ops()
		return take(chain, key)
	}
	heard := 0
	b.options.Client.Transport = watched{b.options.Client.Transport, func(path string) {
		if path == "/account" && heard == 0 {
			heard = disk.Ops()
		}
	}}
	b.start(t)
	b.set(t, Settings{a.URL + "/dir", "", HTTP})
	if b.once(t.Context(), true); b.current == nil {
		t.Fatalf("no certificate: %+v", b.State())
	}
	last := b.now()
	for point := began; point <= disk.Ops(); point++ {
		for n, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			options := b.options
			options.FS = disk.Crash(point, chance)
			after, err := Open(options)
			if err != nil {
				t.Fatalf("cut at %d, chance %d: %v", point, n, err)
			}
			k := after.now()
			if point >= heard && !bytes.Equal(k.AccountKey, last.AccountKey) || point >= taken && !bytes.Equal(k.Key, last.Key) {
				t.Errorf("cut at %d, chance %d: a key that somebody has heard of is lost", point, n)
			}
			if _, err := options.FS.Stat(File + ".damaged"); err == nil {
				t.Errorf("cut at %d, chance %d: the file is damaged", point, n)
			}
		}
	}
}

// watched tells of each request before it is sent.
type watched struct {
	http.RoundTripper
	tell func(path string)
}

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	w.tell(r.URL.Path)
	return w.RoundTripper.RoundTrip(r)
}
