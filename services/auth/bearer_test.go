package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// tokens says whose a token is.
type tokens map[string]mail.AccountID

func (k tokens) Bearer(_ context.Context, token string) (mail.AccountID, error) {
	switch id, known := k[token]; {
	case token == "trouble":
		return 0, iotest.ErrTimeout
	case known:
		return id, nil
	}
	return 0, mail.ErrDenied
}

func bearerMessage(name, token string) []byte {
	return []byte("n,a=" + name + ",\x01host=mail.example.test\x01port=993\x01auth=Bearer " + token + "\x01\x01")
}

func TestBearer(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	alice := mail.AccountID(len("alice"))
	a := p.authenticator(Options{Bearer: tokens{"good-one==": alice, "carls": alice - 1}})
	if slices.Contains(a.Mechanisms(false), "OAUTHBEARER") || !slices.Contains(a.Mechanisms(true), "OAUTHBEARER") {
		t.Errorf("offered without TLS: %q, with: %q", a.Mechanisms(false), a.Mechanisms(true))
	}
	if _, err := a.Start("OAUTHBEARER", peer(1), nil); !errors.Is(err, ErrNeedsTLS) {
		t.Errorf("Start without TLS = %v, want ErrNeedsTLS", err)
	}
	if _, err := p.authenticator(Options{}).Start("OAUTHBEARER", peer(1), overTLS()); !errors.Is(err, ErrMechanism) {
		t.Errorf("Start where nothing checks tokens = %v, want ErrMechanism", err)
	}
	for _, c := range []struct {
		message, status string
		want            error
	}{
		{string(bearerMessage("alice@example.test", "good-one==")), "", nil},
		{string(bearerMessage("alice", "good-one==")), "", nil},
		{"y,a=alice,\x01auth=bearer good-one==\x01\x01", "", nil},
		{string(bearerMessage("alice", "wrong")), statusInvalidToken, mail.ErrDenied},
		{string(bearerMessage("alice", "carls")), statusInvalidToken, mail.ErrDenied},
		{string(bearerMessage("nobody", "good-one==")), statusInvalidToken, mail.ErrDenied},
		{string(bearerMessage("al=2Cice", "good-one==")), statusInvalidToken, mail.ErrDenied},
		{string(bearerMessage("alice", "trouble")), "", iotest.ErrTimeout},
		{string(bearerMessage("al=ice", "good-one==")), statusInvalidRequest, ErrMalformed},
		{string(bearerMessage("", "good-one==")), statusInvalidRequest, ErrMalformed},
		{string(bearerMessage("alice", "")), statusInvalidRequest, ErrMalformed},
		{string(bearerMessage("alice", "two words")), statusInvalidRequest, ErrMalformed},
		{string(bearerMessage("alice", strings.Repeat("x", MaxResponse))), statusInvalidRequest, ErrMalformed},
		{"n,,\x01auth=Bearer good-one==\x01\x01", statusInvalidRequest, ErrMalformed},
		{"p=tls-exporter,a=alice,\x01auth=Bearer good-one==\x01\x01", statusInvalidRequest, ErrMalformed},
		{"n,a=alice,\x01auth=Basic good-one==\x01\x01", statusInvalidRequest, ErrMalformed},
		{"n,a=alice,\x01auth=Bearer good-one==\x01auth=Bearer good-one==\x01\x01", statusInvalidRequest, ErrMalformed},
		{"n,a=alice,\x01auth=Bearer good-one==\x01", statusInvalidRequest, ErrMalformed},
		{"", statusInvalidRequest, ErrMalformed}, {"\x01\x01\x01", statusInvalidRequest, ErrMalformed}, {"\xff", statusInvalidRequest, ErrMalformed},
	} {
		x := start(t, a, "OAUTHBEARER")
		responses := [][]byte{[]byte(c.message)}
		if c.status != "" {
			responses = append(responses, []byte("\x01"))
		}
		challenges, done, err := talk(t, x, responses...)
		if !errors.Is(err, c.want) || done != (c.want == nil) || done && x.Login().Account != alice {
			t.Errorf("OAUTHBEARER %.60q = %v, %v; want %v", c.message, done, err, c.want)
		}
		if c.status != "" && (len(challenges) != 1 || challenges[0] != c.status) {
			t.Errorf("OAUTHBEARER %.60q was told %q, want %q", c.message, challenges, c.status)
		}
		if _, _, err := x.Next(t.Context(), []byte("\x01")); !errors.Is(err, ErrMalformed) {
			t.Errorf("OAUTHBEARER goes on after the end: %v", err)
		}
	}
	challenges, done, err := talk(t, start(t, a, "OAUTHBEARER"), nil, bearerMessage("alice", "good-one=="))
	if err != nil || !done || challenges[0] != "" {
		t.Errorf("OAUTHBEARER without initial response = %q, %v, %v", challenges, done, err)
	}
}

// Wrong tokens count as wrong passwords do, and for the account they are said to
// be for.
func TestBearerLockOut(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{Bearer: tokens{}})
	for i := range freeFailures + 1 {
		message := bearerMessage("alice", "wrong"+strings.Repeat("x", i))
		if _, _, err := talk(t, start(t, a, "OAUTHBEARER"), message, []byte("\x01")); !errors.Is(err, mail.ErrDenied) {
			t.Fatalf("failure %d = %v", i, err)
		}
	}
	if _, err := a.Password(t.Context(), peer(2), "alice", alicePassword); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("the password afterwards = %v, want ErrTryLater", err)
	}
}

func FuzzBearer(f *testing.F) {
	f.Add(bearerMessage("alice", "good"))
	f.Add([]byte("y,a=a=2C=3Db,\x01auth=Bearer x\x01\x01"))
	f.Fuzz(func(t *testing.T, message []byte) {
		name, token, err := parseBearer(message)
		if err == nil && (name == "" || !isToken(token)) {
			t.Errorf("%q was read as %q, %q", message, name, token)
		}
	})
}
