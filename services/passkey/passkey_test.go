package passkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

var testSite = Site{Host: "box.test", Origin: "https://box.test:2443"}

// device makes what an authenticator makes.
type device struct {
	cose []byte
	sign func(message []byte) []byte
}

func item(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 256:
		return []byte{major<<5 | 24, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
}

func str(major byte, b []byte) []byte { return append(item(major, len(b)), b...) }

func devices(t testing.TB) map[string]device {
	t.Helper()
	sum := func(m []byte) []byte { s := sha256.Sum256(m); return s[:] }
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]device{
		"ES256": {bytes.Join([][]byte{{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21}, str(2, point[1:33]), {0x22}, str(2, point[33:])}, nil), func(m []byte) []byte {
			s, err := ecdsa.SignASN1(rand.Reader, ec, sum(m))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}},
		"EdDSA": {bytes.Join([][]byte{{0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21}, str(2, public)}, nil), func(m []byte) []byte { return ed25519.Sign(private, m) }},
		"RS256": {bytes.Join([][]byte{{0xa4, 1, 3, 3, 0x39, 1, 0, 0x20}, str(2, r.N.Bytes()), {0x21}, str(2, []byte{1, 0, 1})}, nil), func(m []byte) []byte {
			s, err := rsa.SignPKCS1v15(rand.Reader, r, crypto.SHA256, sum(m))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}},
	}
}

func clientData(kind string, challenge []byte, origin, more string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q%s}`, kind, base64.RawURLEncoding.EncodeToString(challenge), origin, more)
}

func data(host string, flags byte, count uint32, rest ...[]byte) []byte {
	sum := sha256.Sum256([]byte(host))
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), count), bytes.Join(rest, nil)...)
}

func attested(cose []byte) []byte {
	return bytes.Join([][]byte{make([]byte, 16), {0, 3}, []byte("cid"), cose}, nil)
}

func object(auth []byte) []byte {
	return bytes.Join([][]byte{{0xa3}, str(3, []byte("fmt")), str(3, []byte("none")), str(3, []byte("attStmt")), {0xa0}, str(3, []byte("authData")), str(2, auth)}, nil)
}

// TestPasskeys: of each kind of key, one is made and signs in; whatever is not as it
// should be is refused.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	challenge := []byte("a challenge")
	for name, d := range devices(t) {
		create := clientData("webauthn.create", challenge, testSite.Origin, "")
		c, err := Register(testSite, challenge, create, object(data("box.test", 0x45, 1, attested(d.cose))))
		if err != nil || string(c.ID) != "cid" || !bytes.Equal(c.Key, d.cose) || c.Count != 1 {
			t.Fatalf("%s: registered %+v, %v", name, c, err)
		}
		for what, try := range map[string]struct {
			host, origin, kind, more string
			challenge                []byte
			flags                    byte
			count                    uint32
			spoil                    bool
			want                     error
		}{
			"good":             {"box.test", testSite.Origin, "webauthn.get", `,"crossOrigin":false`, challenge, 5, 2, false, nil},
			"another site":     {"evil.test", testSite.Origin, "webauthn.get", "", challenge, 5, 2, false, ErrWrong},
			"another origin":   {"box.test", "https://box.test", "webauthn.get", "", challenge, 5, 2, false, ErrWrong},
			"in a frame":       {"box.test", testSite.Origin, "webauthn.get", `,"crossOrigin":true`, challenge, 5, 2, false, ErrWrong},
			"another type":     {"box.test", testSite.Origin, "webauthn.create", "", challenge, 5, 2, false, ErrWrong},
			"other challenge":  {"box.test", testSite.Origin, "webauthn.get", "", []byte("old"), 5, 2, false, ErrWrong},
			"nobody verified":  {"box.test", testSite.Origin, "webauthn.get", "", challenge, 1, 2, false, ErrWrong},
			"nobody there":     {"box.test", testSite.Origin, "webauthn.get", "", challenge, 4, 2, false, ErrWrong},
			"counter the same": {"box.test", testSite.Origin, "webauthn.get", "", challenge, 5, 1, false, ErrCopied},
			"counter gone":     {"box.test", testSite.Origin, "webauthn.get", "", challenge, 5, 0, false, ErrCopied},
			"wrong signature":  {"box.test", testSite.Origin, "webauthn.get", "", challenge, 5, 2, true, ErrWrong},
		} {
			client, auth := clientData(try.kind, try.challenge, try.origin, try.more), data(try.host, try.flags, try.count)
			sum := sha256.Sum256(client)
			signature := d.sign(append(bytes.Clone(auth), sum[:]...))
			if try.spoil {
				signature[len(signature)-1] ^= 1
			}
			count, err := Check(testSite, challenge, c, client, auth, signature)
			if !errors.Is(err, try.want) || err == nil && count != try.count {
				t.Errorf("%s, %s: %d, %v; want %v", name, what, count, err, try.want)
			}
		}
		// Every shorter object is refused, and so is what isn't verified.
		whole := object(data("box.test", 0x45, 1, attested(d.cose)))
		for n := range whole {
			if _, err := Register(testSite, challenge, create, whole[:n]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s: cut at %d: %v", name, n, err)
			}
		}
		if _, err := Register(testSite, challenge, create, object(data("box.test", 0x41, 1, attested(d.cose)))); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: without verification: %v", name, err)
		}
		if _, err := Register(testSite, nil, create, whole); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: without a challenge: %v", name, err)
		}
	}
}

// TestNoCounter: a device without one stays at 0.
func TestNoCounter(t *testing.T) {
	t.Parallel()
	d := devices(t)["EdDSA"]
	client, auth := clientData("webauthn.get", []byte("c"), testSite.Origin, ""), data("box.test", 5, 0)
	sum := sha256.Sum256(client)
	if n, err := Check(testSite, []byte("c"), Credential{Key: d.cose}, client, auth, d.sign(append(bytes.Clone(auth), sum[:]...))); n != 0 || err != nil {
		t.Errorf("checked: %d, %v", n, err)
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{
		"not on the curve": bytes.Join([][]byte{{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21}, str(2, make([]byte, 32)), {0x22}, str(2, make([]byte, 32))}, nil),
		"label twice":      {0xa2, 1, 2, 1, 2},
		"many items":       {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"indefinite":       {0xbf, 0xff},
		"small RSA":        bytes.Join([][]byte{{0xa4, 1, 3, 3, 0x39, 1, 0, 0x20}, str(2, bytes.Repeat([]byte{0xff}, 128)), {0x21}, str(2, []byte{1, 0, 1})}, nil),
		"deep":             append([]byte{0xa1, 5}, bytes.Repeat([]byte{0x81}, 100)...),
	} {
		if _, err := readKey(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRegister(f *testing.F) {
	challenge := []byte("c")
	client := clientData("webauthn.create", challenge, testSite.Origin, "")
	for _, d := range devices(f) {
		f.Add(client, object(data("box.test", 0x45, 1, attested(d.cose))))
	}
	f.Fuzz(func(t *testing.T, client, object []byte) {
		c, err := Register(testSite, challenge, client, object)
		if err == nil && (len(c.ID) == 0 || len(c.ID) > MaxID || len(c.Key) > MaxKey) {
			t.Errorf("registered %+v", c)
		}
		_, _ = Check(testSite, challenge, Credential{Key: object}, client, object, client)
	})
}
