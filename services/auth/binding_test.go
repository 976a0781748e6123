package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// handshake gives both ends' view of one TLS connection.
func handshake(t testing.TB, version uint16, certificate tls.Certificate) (server, client tls.ConnectionState) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	left, right := net.Pipe()
	t.Cleanup(func() { _ = left.Close(); _ = right.Close() })
	s := tls.Server(left, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: version})
	c := tls.Client(right, &tls.Config{RootCAs: roots, ServerName: "mail.example.test", MaxVersion: version})
	shaken := make(chan error, 1)
	go func() { shaken <- s.HandshakeContext(t.Context()) }()
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if version == tls.VersionTLS13 { // its session tickets wait to be read
		go func() { _, _ = c.Read(make([]byte, 1)) }()
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return s.ConnectionState(), c.ConnectionState()
}

// bind is the client's own idea of a binding, by a library that is not ours.
func bind(t testing.TB, kind scram.ChannelBindingType, state *tls.ConnectionState) scram.ChannelBinding {
	t.Helper()
	var binding scram.ChannelBinding
	var err error
	switch kind {
	case scram.ChannelBindingTLSExporter:
		binding, err = scram.NewTLSExporterBinding(state)
	case scram.ChannelBindingTLSServerEndpoint:
		binding, err = scram.NewTLSServerEndpointBinding(state)
	default:
		binding = scram.ChannelBinding{Type: kind, Data: []byte("x")}
	}
	if err != nil {
		t.Fatal(err)
	}
	return binding
}

// plusLogin logs in with a binding and returns the server's error.
func plusLogin(t testing.TB, x Exchange, mechanism, password string, binding scram.ChannelBinding) error {
	t.Helper()
	hash := scram.SHA256
	if mechanism == "SCRAM-SHA-1-PLUS" {
		hash = scram.SHA1
	}
	client, err := hash.NewClientUnprepped("alice", password, "")
	if err != nil {
		t.Fatal(err)
	}
	conversation := client.NewConversationWithChannelBinding(binding)
	challenge := ""
	for {
		response, err := conversation.Step(challenge)
		if err != nil {
			t.Fatalf("the client refuses: %v", err)
		}
		next, done, err := x.Next(t.Context(), []byte(response))
		if err != nil || done {
			return err
		}
		challenge = string(next)
	}
}

func TestPlus(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	certificate := testCertificate(t)
	a := p.authenticator(Options{Certificate: func(string) []byte { return certificate.Certificate[0] }})
	bare := p.authenticator(Options{}) // knows no certificate
	const exporter, endPoint = scram.ChannelBindingTLSExporter, scram.ChannelBindingTLSServerEndpoint
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, client := handshake(t, version, certificate)
		_, other := handshake(t, version, certificate)
		foreign := bind(t, endPoint, &client)
		foreign.Data[0] ^= 1
		for _, mechanism := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"} {
			for what, c := range map[string]struct {
				a        *Authenticator
				binding  scram.ChannelBinding
				password string
				want     error
			}{
				"exporter":                    {a, bind(t, exporter, &client), alicePassword, nil},
				"end point":                   {a, bind(t, endPoint, &client), alicePassword, nil},
				"exporter alone":              {bare, bind(t, exporter, &client), alicePassword, nil},
				"wrong password":              {a, bind(t, exporter, &client), "wrong", mail.ErrDenied},
				"exporter of another channel": {a, bind(t, exporter, &other), alicePassword, ErrMalformed},
				"another's certificate":       {a, foreign, alicePassword, ErrMalformed},
				"no certificate known":        {bare, bind(t, endPoint, &client), alicePassword, ErrMalformed},
				"tls-unique":                  {a, bind(t, "tls-unique", nil), alicePassword, ErrMalformed},
			} {
				x, err := c.a.Start(mechanism, peer(1), &server)
				if err != nil {
					t.Fatal(err)
				}
				if err := plusLogin(t, x, mechanism, c.password, c.binding); !errors.Is(err, c.want) || (x.Login().Account != 0) != (c.want == nil) {
					t.Errorf("TLS %x, %s, %s = %+v, %v; want %v", version, mechanism, what, x.Login(), err, c.want)
				}
			}
		}
	}
}

// The flag of the client's first message must suit the mechanism and what was
// offered (RFC 5802 §6).
func TestFlags(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	server, _ := handshake(t, tls.VersionTLS13, testCertificate(t))
	for _, c := range []struct {
		mechanism, flag string
		state           *tls.ConnectionState
		want            error
	}{
		{"SCRAM-SHA-256", "n", &server, nil},
		{"SCRAM-SHA-256", "y", nil, nil},
		{"SCRAM-SHA-256", "y", &server, ErrMalformed},
		{"SCRAM-SHA-256", "p=tls-exporter", &server, ErrMalformed},
		{"SCRAM-SHA-256", "p=tls-exporter", nil, ErrMalformed},
		{"SCRAM-SHA-256-PLUS", "p=tls-exporter", &server, nil},
		{"SCRAM-SHA-256-PLUS", "n", &server, ErrMalformed},
		{"SCRAM-SHA-256-PLUS", "y", &server, ErrMalformed},
		{"SCRAM-SHA-256-PLUS", "p=", &server, ErrMalformed},
		{"SCRAM-SHA-256-PLUS", "p", &server, ErrMalformed},
	} {
		x, err := a.Start(c.mechanism, peer(1), c.state)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := x.Next(t.Context(), []byte(c.flag+",,n=alice,r=abc")); !errors.Is(err, c.want) {
			t.Errorf("%s with flag %s, TLS %v = %v, want %v", c.mechanism, c.flag, c.state != nil, err, c.want)
		}
	}
	for _, mechanism := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"} {
		if _, err := a.Start(mechanism, peer(1), nil); !errors.Is(err, ErrNeedsTLS) {
			t.Errorf("Start(%s) without TLS = %v, want ErrNeedsTLS", mechanism, err)
		}
	}
}

// Where -PLUS is not offered, it can't be had, and who says that he saw none is right.
func TestUnbound(t *testing.T) {
	t.Parallel()
	u := Unbound{newPeople(t).authenticator(Options{})}
	if got, want := u.Mechanisms(true), []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"}; !slices.Equal(got, want) {
		t.Errorf("offered: %q, want %q", got, want)
	}
	if _, err := u.Start("SCRAM-SHA-256-PLUS", peer(1), overTLS()); !errors.Is(err, ErrMechanism) {
		t.Errorf("Start(SCRAM-SHA-256-PLUS) = %v, want ErrMechanism", err)
	}
	x, err := u.Start("SCRAM-SHA-256", peer(1), overTLS())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Next(t.Context(), []byte("y,,n=alice,r=abc")); err != nil {
		t.Errorf("flag y: %v", err)
	}
}

// What fails in the binding says nothing about the password: it locks nobody out.
func TestBindingIsNoGuess(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	server, _ := handshake(t, tls.VersionTLS13, testCertificate(t))
	for range freeFailures + 2 {
		x, err := a.Start("SCRAM-SHA-256-PLUS", peer(1), &server)
		if err != nil {
			t.Fatal(err)
		}
		if err := plusLogin(t, x, "SCRAM-SHA-256-PLUS", alicePassword, scram.ChannelBinding{Type: "tls-exporter", Data: []byte("x")}); !errors.Is(err, ErrMalformed) {
			t.Fatalf("a binding that is wrong = %v, want ErrMalformed", err)
		}
	}
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); err != nil {
		t.Errorf("the password afterwards = %v", err)
	}
}

// testCertificate is for mail.example.test. (mailtest's can't be used here: it
// imports this package.)
func testCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example.test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func FuzzSCRAMPlus(f *testing.F) {
	p := newPeople(f)
	server, _ := handshake(f, tls.VersionTLS13, testCertificate(f))
	f.Add([]byte("p=tls-exporter,,n=alice,r=abc"), []byte("c="+base64.StdEncoding.EncodeToString([]byte("p=tls-exporter,,"))+",r=abc,p=AAAA"))
	f.Add([]byte("p=tls-server-end-point,,n=alice,r=abc"), []byte("c=biws,r=abc,p=AAAA"))
	f.Fuzz(func(t *testing.T, first, final []byte) {
		x, err := p.authenticator(Options{}).Start("SCRAM-SHA-256-PLUS", peer(1), &server)
		if err != nil {
			t.Fatal(err)
		}
		for _, response := range [][]byte{first, final, {}} {
			if _, done, err := x.Next(t.Context(), response); done || err != nil {
				if done {
					t.Fatalf("logged in with %q, %q", first, final)
				}
				return
			}
		}
	})
}
