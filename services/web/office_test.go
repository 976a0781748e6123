package web

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// office is everything behind the seams, in memory.
type office struct {
	mu        sync.Mutex
	state     State
	accounts  []mail.Account
	passwords map[mail.AccountID]string
	tokens    map[[32]byte]Token
	next      mail.AccountID
	slow      time.Duration // how long a set-up takes, for the browser's tests
	trouble   error         // what every call answers, when set
	ca, leaf  []byte
	key       *ecdsa.PrivateKey
}

func (o *office) State(context.Context) (State, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state, o.trouble
}

// SetUp makes the accounts of a document that is right.
func (o *office) SetUp(_ context.Context, in *setup.Setup) error {
	time.Sleep(o.slow)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.trouble != nil {
		return o.trouble
	}
	for i, p := range in.Accounts {
		if p.Address.Local == "refused" {
			return &setup.FieldError{Field: fmt.Sprintf("accounts[%d].address", i), Text: "This address can't be used"}
		}
	}
	o.state = State{SetUp: true, Hostname: in.Hostname, Domains: in.Domains, Timezone: in.Timezone}
	for i, p := range append([]setup.Person{in.Admin}, in.Accounts...) {
		if err := o.add(p.Address, p.Name, p.Password, []mail.AccountRole{mail.RoleOwner, mail.RoleUser}[min(i, 1)]); err != nil {
			return err
		}
	}
	return nil
}

func (o *office) add(a mail.Address, name, password string, role mail.AccountRole) error {
	if slices.ContainsFunc(o.accounts, func(b mail.Account) bool { return b.Address.Canonical() == a.Canonical() }) {
		return mail.ErrAddressTaken
	}
	o.next++
	o.accounts = append(o.accounts, mail.Account{ID: o.next, Address: a, Name: name, Role: role, Created: time.Unix(1_800_000_000, 0)})
	o.passwords[o.next] = password
	return nil
}

func (o *office) Accounts(context.Context) ([]mail.Account, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.accounts), o.trouble
}

func (o *office) Account(_ context.Context, id mail.AccountID) (mail.Account, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.accounts {
		if a.ID == id {
			return a, o.trouble
		}
	}
	return mail.Account{}, cmp.Or(o.trouble, mail.ErrNoAccount)
}

func (o *office) AddAccount(_ context.Context, a mail.Account, password string) (mail.Account, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := cmp.Or(o.trouble, o.add(a.Address, a.Name, password, a.Role)); err != nil {
		return mail.Account{}, err
	}
	return o.accounts[len(o.accounts)-1], nil
}

func (o *office) SetPassword(_ context.Context, id mail.AccountID, password string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.passwords[id] = password
	return o.trouble
}

func (o *office) SetQuota(_ context.Context, id mail.AccountID, quota mail.Quota) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.accounts {
		if o.accounts[i].ID == id {
			o.accounts[i].Quota = quota
		}
	}
	return o.trouble
}

func (o *office) SetDisabled(_ context.Context, id mail.AccountID, disabled bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.accounts {
		if o.accounts[i].ID == id {
			o.accounts[i].Disabled = disabled
		}
	}
	return o.trouble
}

func (o *office) Usage(context.Context, mail.AccountID) (mail.Usage, error) {
	return mail.Usage{Messages: 3, Bytes: 4000}, nil
}

func (o *office) RemoveAccount(_ context.Context, id mail.AccountID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accounts = slices.DeleteFunc(o.accounts, func(a mail.Account) bool { return a.ID == id })
	return o.trouble
}

func (o *office) Password(_ context.Context, _ netip.Addr, login, password string) (mail.Login, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.accounts {
		if string(a.Address.Canonical()) == strings.ToLower(login) && o.passwords[a.ID] == password {
			if a.Disabled {
				break
			}
			return mail.Login{Account: a.ID, Address: a.Address, Admin: a.Role.Admin()}, o.trouble
		}
	}
	return mail.Login{}, cmp.Or(o.trouble, mail.ErrDenied)
}

func (o *office) AddToken(_ context.Context, t Token) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens[t.Hash] = t
	return o.trouble
}

func (o *office) Tokens(_ context.Context, owner mail.AccountID) (list []Token, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.tokens {
		if t.Owner == owner {
			list = append(list, t)
		}
	}
	return list, o.trouble
}

func (o *office) RemoveToken(_ context.Context, hash [32]byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.tokens, hash)
	return o.trouble
}

func (o *office) Token(_ context.Context, hash [32]byte) (Token, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t, ok := o.tokens[hash]; ok {
		return t, nil
	}
	return Token{}, mail.ErrDenied
}

func (o *office) SetRole(_ context.Context, id mail.AccountID, role mail.AccountRole, domains []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.accounts {
		if o.accounts[i].ID == id {
			o.accounts[i].Role, o.accounts[i].Domains = role, domains
		}
	}
	return o.trouble
}

func (o *office) CA() []byte   { return o.ca }
func (o *office) Leaf() []byte { return o.leaf }
func (o *office) Addresses() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("192.168.1.20"), netip.MustParseAddr("fd00::20"), netip.MustParseAddr("fe80::1%eth0")}
}

// makeCertificates makes a CA and a server certificate for 127.0.0.1.
func (o *office) makeCertificates(t testing.TB) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if o.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Sanduk test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mailbox.local"}, DNSNames: []string{"localhost", "mailbox.local"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if o.ca, err = x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey); err != nil {
		t.Fatal(err)
	}
	if o.leaf, err = x509.CreateCertificate(rand.Reader, leaf, ca, o.key.Public(), caKey); err != nil {
		t.Fatal(err)
	}
}

func (o *office) tls() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{o.leaf, o.ca}, PrivateKey: o.key}}, MinVersion: tls.VersionTLS12}
}

// box is a Server with its office, and a clock that tests can move.
type box struct {
	*Server
	t      testing.TB
	office *office
	claim  *claim.Code
	clock  *time.Time
	log    *strings.Builder
	calls  map[string]call // by pattern
}

const lan = "192.168.1.7:5000"

func newOffice(t testing.TB) *office {
	o := &office{passwords: map[mail.AccountID]string{}, tokens: map[[32]byte]Token{}}
	o.makeCertificates(t)
	return o
}

func newBox(t testing.TB, change ...func(*Options)) *box {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	b := &box{t: t, office: newOffice(t), clock: &now, log: &strings.Builder{}}
	clock := func() time.Time { return *b.clock }
	b.claim = claim.New(clock)
	opt := Options{
		Box: b.office, Accounts: b.office, Authenticator: b.office, Tokens: b.office, Certificates: b.office, Machine: b.office,
		Claim: b.claim, Local: func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() },
		Names: []string{"mailbox.local"}, Version: "1.2.3", Clock: clock, Recoverable: 30 * 24 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Pages:  fstest.MapFS{"index.html": {Data: []byte("<!doctype html>app")}, "assets/a.js": {Data: []byte("script")}, "assets/a.js.br": {Data: []byte("packed")}},
	}
	for _, f := range change {
		f(&opt)
	}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	b.Server, b.calls = s, describe(s)
	t.Cleanup(func() {
		if n := s.Panics(); n != 0 {
			t.Errorf("%d requests panicked:\n%s", n, b.log)
		}
	})
	return b
}

const documentJSON = `{"hostname":"mail.example.test","domains":["example.test"],"timezone":"Europe/Tirane",
	"admin":{"address":"admin@example.test","password":"a long enough one"},
	"accounts":[{"address":"alice@example.test","name":"Alice","password":"her long password"}]}`

// setUpBox is a box that has been set up with documentJSON.
func setUpBox(t testing.TB, change ...func(*Options)) *box {
	t.Helper()
	b := newBox(t, change...)
	b.want(b.do("POST", "/api/setup", documentJSON, "Authorization", "Claim "+b.claim.String()), http.StatusOK, "")
	return b
}

// do sends a request from the LAN to https://192.168.1.20.
func (b *box) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	return b.send(b.SecureHandler(), method, path, body, header...)
}

func (b *box) send(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = lan, "192.168.1.20"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		switch header[i] {
		case "Host":
			r.Host = header[i+1]
		case "From":
			r.RemoteAddr = header[i+1]
		default:
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b.asDescribed(r, body, w)
	return w
}

// want checks a reply's status, and the field its problem names.
func (b *box) want(w *httptest.ResponseRecorder, status int, field string) map[string]any {
	b.t.Helper()
	body, _ := io.ReadAll(w.Result().Body)
	var m map[string]any
	_ = json.Unmarshal(body, &m)
	if w.Code != status {
		b.t.Errorf("status %d, %s; want %d", w.Code, body, status)
	} else if status >= 400 {
		if got, _ := m["field"].(string); got != field {
			b.t.Errorf("field %q in %s; want %q", got, body, field)
		}
		if text, _ := m["message"].(string); !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ").") {
			b.t.Errorf("message %q isn't a sentence", text)
		}
	}
	return m
}

// signIn returns a cookie header's value.
func (b *box) signIn(address, password string) string {
	b.t.Helper()
	body, _ := json.Marshal(map[string]string{"address": address, "password": password})
	w := b.do("POST", "/api/session", string(body))
	b.want(w, http.StatusOK, "")
	for _, c := range w.Result().Cookies() {
		if c.Name == cookieName {
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
				b.t.Errorf("cookie %+v; want Secure, HttpOnly, SameSite=Strict, for the host alone", c)
			}
			return c.Name + "=" + c.Value
		}
	}
	b.t.Fatal("no session cookie")
	return ""
}
