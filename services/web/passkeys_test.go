package web

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// keyBook keeps passkeys in memory.
type keyBook struct {
	mu   sync.Mutex
	keys map[mail.AccountID][]mail.Passkey
	at   Accounts
}

func (b *keyBook) Passkeys(id mail.AccountID) ([]mail.Passkey, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.keys[id]), nil
}

func (b *keyBook) HasPasskeys(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, list := range b.keys {
		if slices.ContainsFunc(list, func(p mail.Passkey) bool { return p.Host == host }) {
			return true
		}
	}
	return false
}

func (b *keyBook) AddPasskey(_ context.Context, id mail.AccountID, p mail.Passkey) error {
	if p.Name == "" {
		return mail.ErrName
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.Added = time.Unix(0, 0).UTC()
	b.keys[id] = append(b.keys[id], p)
	return nil
}

func (b *keyBook) UsePasskey(_ context.Context, id mail.AccountID, credential []byte, use func(mail.Passkey) (uint32, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.keys[id] {
		if bytes.Equal(p.ID, credential) {
			count, err := use(p)
			if err == nil {
				b.keys[id][i].Count = count
			}
			return err
		}
	}
	return mail.ErrDenied
}

func (b *keyBook) RemovePasskey(_ context.Context, id mail.AccountID, credential []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys[id] = slices.DeleteFunc(b.keys[id], func(p mail.Passkey) bool { return credential == nil || bytes.Equal(p.ID, credential) })
	return nil
}

func (b *keyBook) Passkey(ctx context.Context, _ netip.Addr, login string, check func(context.Context) (bool, error)) (mail.Login, error) {
	ok, err := check(ctx)
	if err == nil && !ok {
		err = mail.ErrDenied
	}
	if err != nil {
		return mail.Login{}, err
	}
	all, err := b.at.Accounts(ctx)
	for _, a := range all {
		if a.Address.String() == login {
			return mail.Login{Account: a.ID, Address: a.Address, Admin: a.Role.Admin()}, nil
		}
	}
	return mail.Login{}, err
}

// testDevice is a device with an Ed25519 passkey.
type testDevice struct {
	host, origin string
	private      ed25519.PrivateKey
	count        uint32
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *testDevice) data(flags byte, rest ...[]byte) []byte {
	d.count++
	sum := sha256.Sum256([]byte(d.host))
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), d.count), bytes.Join(rest, nil)...)
}

func (d *testDevice) client(kind, challenge string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, kind, challenge, d.origin)
}

func (d *testDevice) create(challenge, name string) string {
	public := d.private.Public().(ed25519.PublicKey)
	cose := append([]byte{0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32}, public...)
	auth := d.data(0x45, make([]byte, 16), []byte{0, 3}, []byte("cid"), cose)
	object := bytes.Join([][]byte{[]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), {byte(len(auth))}, auth}, nil)
	return fmt.Sprintf(`{"challenge":%q,"name":%q,"client_data":%q,"attestation":%q}`, challenge, name, b64(d.client("webauthn.create", challenge)), b64(object))
}

func (d *testDevice) get(challenge, user string) string {
	client, auth := d.client("webauthn.get", challenge), d.data(5)
	sum := sha256.Sum256(client)
	return fmt.Sprintf(`{"challenge":%q,"id":%q,"user":%q,"client_data":%q,"auth_data":%q,"signature":%q}`,
		challenge, b64([]byte("cid")), user, b64(client), b64(auth), b64(ed25519.Sign(d.private, append(bytes.Clone(auth), sum[:]...))))
}

// TestPasskeys: made with the present password, under the box's name; it signs in alone,
// a challenge is good once and for a while, and an administrator ends all.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	book := &keyBook{keys: map[mail.AccountID][]mail.Passkey{}}
	b := setUpBox(t, func(o *Options) { o.Passkeys, book.at = book, o.Accounts })
	mine := []string{"Cookie", b.signIn("alice@example.test", "her long password"), "Host", "mail.example.test:2443"}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	const own, hers, in = "/api/me/passkeys", "/api/accounts/alice@example.test/passkeys", "/api/session/passkey"
	for _, r := range [][2]string{{"GET", own}, {"POST", own}, {"POST", own + "/challenge"}, {"DELETE", own + "/AA"}, {"GET", hers}, {"DELETE", hers}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
	}
	b.want(b.do("DELETE", hers, "", mine...), http.StatusForbidden, "")
	b.want(b.do("POST", own+"/challenge", `{"current":"her long password"}`, mine[:2]...), http.StatusConflict, "passkey") // by its number
	b.want(b.do("POST", in+"/challenge", ""), http.StatusConflict, "passkey")
	b.want(b.do("POST", own+"/challenge", `{"current":"wrong"}`, mine...), http.StatusForbidden, "current")
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &testDevice{host: "mail.example.test", origin: "https://mail.example.test:2443", private: private}
	ask := func() map[string]any {
		t.Helper()
		return b.want(b.do("POST", own+"/challenge", `{"current":"her long password"}`, mine...), http.StatusOK, "")
	}
	asked := ask()
	user := asked["user"].(string)
	b.want(b.do("POST", own, d.create(asked["challenge"].(string), "phone"), append(slices.Clone(admin), "Host", "mail.example.test:2443")...), http.StatusForbidden, "passkey") // not hers
	b.want(b.do("POST", own, d.create(ask()["challenge"].(string), ""), mine...), http.StatusBadRequest, "name")
	b.want(b.do("POST", own, d.create("AAAA", "phone"), mine...), http.StatusForbidden, "passkey")
	b.want(b.do("POST", own, d.create(ask()["challenge"].(string), "phone"), mine...), http.StatusCreated, "")
	if got := b.want(b.do("GET", own, "", mine...), http.StatusOK, ""); fmt.Sprint(got) != "map[host:mail.example.test passkeys:[map[added:1970-01-01T00:00:00Z host:mail.example.test id:Y2lk name:phone]]]" {
		t.Errorf("shown %v", got)
	}
	if got := b.want(b.do("GET", "/api/status", "", "Host", "mail.example.test"), http.StatusOK, ""); got["passkeys"] != true {
		t.Errorf("status %v", got)
	}
	if got := ask(); fmt.Sprint(got["have"]) != "[Y2lk]" {
		t.Errorf("asked %v", got)
	}

	named := []string{"Host", "mail.example.test:2443"}
	question := func() string {
		t.Helper()
		return b.want(b.do("POST", in+"/challenge", "", named...), http.StatusOK, "")["challenge"].(string)
	}
	first := d.get(question(), user)
	w := b.do("POST", in, first, named...)
	b.want(w, http.StatusOK, "")
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if got := b.want(b.do("GET", "/api/session", "", "Cookie", cookie), http.StatusOK, ""); got["address"] != "alice@example.test" {
		t.Errorf("signed in as %v", got)
	}
	b.want(b.do("POST", in, first, named...), http.StatusForbidden, "passkey") // once
	b.want(b.do("POST", in, d.get(question(), "AAAAAQ"), named...), http.StatusForbidden, "passkey")
	b.want(b.do("POST", in, d.get(question(), "AAAA_w"), named...), http.StatusForbidden, "passkey")
	b.want(b.do("POST", in, `{"challenge":"","id":"!"}`, named...), http.StatusForbidden, "passkey")
	elsewhere := question()
	b.want(b.do("POST", in, d.get(elsewhere, user), "Host", "mailbox.local"), http.StatusForbidden, "passkey")
	d.count = 0
	b.want(b.do("POST", in, d.get(question(), user), named...), http.StatusForbidden, "passkey")
	if !strings.Contains(b.log.String(), "went backwards") {
		t.Error("the log says nothing of a copy")
	}
	d.count = 100
	late := question()
	*b.clock = b.clock.Add(challengeLife)
	b.want(b.do("POST", in, d.get(late, user), named...), http.StatusForbidden, "passkey")
	for range maxChallenges + 10 {
		question()
	}
	if n := len(b.signingIn.m); n != maxChallenges {
		t.Errorf("%d challenges wait; want %d", n, maxChallenges)
	}
	if got := b.want(b.do("GET", hers, "", admin...), http.StatusOK, ""); got["count"] != 1.0 {
		t.Errorf("an administrator sees %v", got)
	}
	b.want(b.do("DELETE", own+"/!", "", mine...), http.StatusNotFound, "passkey")
	b.want(b.do("DELETE", hers, "", admin...), http.StatusNoContent, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", cookie), http.StatusUnauthorized, "")
	b.want(b.do("POST", in, d.get(question(), user), named...), http.StatusForbidden, "passkey")
}
