package auth

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func overTLS() *tls.ConnectionState { return &tls.ConnectionState{Version: tls.VersionTLS13} }

// talk carries responses to the exchange and returns the challenges. It stops
// at the first error.
func talk(t testing.TB, x Exchange, responses ...[]byte) (challenges []string, done bool, err error) {
	t.Helper()
	for _, r := range responses {
		var challenge []byte
		challenge, done, err = x.Next(t.Context(), r)
		if err != nil {
			break
		}
		challenges = append(challenges, string(challenge))
	}
	if err != nil || !done {
		if got := x.Login(); got != (mail.Login{}) {
			t.Errorf("somebody is logged in before the end: %+v", got)
		}
	}
	return challenges, done, err
}

func start(t testing.TB, a *Authenticator, mechanism string) Exchange {
	t.Helper()
	x, err := a.Start(mechanism, peer(1), overTLS())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestMechanisms(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	if got := a.Mechanisms(false); slices.Contains(got, "PLAIN") || slices.Contains(got, "LOGIN") || len(got) != 2 {
		t.Errorf("without TLS: %q", got)
	}
	if got, want := a.Mechanisms(true), []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"}; !slices.Equal(got, want) {
		t.Errorf("with TLS: %q, want %q", got, want)
	}
	for _, m := range a.Mechanisms(true) {
		if _, err := a.Start(m, peer(1), overTLS()); err != nil {
			t.Errorf("Start(%s) = %v", m, err)
		}
	}
	for _, m := range []string{"PLAIN", "LOGIN"} {
		if _, err := a.Start(m, peer(1), nil); !errors.Is(err, ErrNeedsTLS) {
			t.Errorf("Start(%s) without TLS = %v, want ErrNeedsTLS", m, err)
		}
	}
	for _, m := range []string{"", "plain", "CRAM-MD5", "OAUTHBEARER", "EXTERNAL", "PLAIN-PLUS", "X-" + strings.Repeat("A", 1000)} {
		if _, err := a.Start(m, peer(1), overTLS()); !errors.Is(err, ErrMechanism) {
			t.Errorf("Start(%.20s) = %v, want ErrMechanism", m, err)
		}
	}
	dev := p.authenticator(Options{ClearLoopback: true})
	if _, err := dev.Start("PLAIN", netip.MustParseAddr("::ffff:127.0.0.1"), nil); err != nil || !slices.Contains(dev.Mechanisms(false), "PLAIN") {
		t.Errorf("in development PLAIN is not offered on loopback: %v", err)
	}
	if _, err := dev.Start("PLAIN", peer(1), nil); !errors.Is(err, ErrNeedsTLS) {
		t.Errorf("in development PLAIN from elsewhere = %v, want ErrNeedsTLS", err)
	}
}

// ARCHITECTURE.md's table of mechanisms is what is offered, in that order.
func TestMechanismTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\nLog-in mechanisms of IMAP, POP3 and submission")
	_, rest, headed := strings.Cut(rest, "|---|---|---|---|\n")
	if !found || !headed {
		t.Fatal("there is no table of mechanisms")
	}
	table, _, _ := strings.Cut(rest, "\n\n")
	var got []string
	for row := range strings.Lines(table) {
		columns := strings.Split(row, "|")
		if len(columns) != 6 {
			t.Fatalf("row %q has %d columns", row, len(columns)-2)
		}
		for name := range strings.SplitSeq(columns[1], ",") {
			got = append(got, strings.TrimSpace(name))
		}
		for file := range strings.SplitSeq(columns[4], ",") {
			if _, err := os.Stat(strings.Trim(strings.TrimSpace(file), "`")); err != nil {
				t.Errorf("row %q: %v", row, err)
			}
		}
	}
	want := append(newPeople(t).authenticator(Options{Bearer: tokens{}}).Mechanisms(true), mechanismExternal)
	if !slices.Equal(got, want) {
		t.Errorf("the table has %q, offered are %q", got, want)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	good := "\x00alice@example.test\x00" + alicePassword
	for _, c := range []struct {
		response string
		want     error
	}{
		{good, nil},
		{"alice@example.test" + good, nil},
		{"ALICE@example.test" + "\x00alice\x00" + alicePassword, nil},
		{"alice\x00alice\x00" + alicePassword, nil},
		{"carl@example.test" + good, mail.ErrDenied},
		{"\x00alice\x00wrong", mail.ErrDenied},
		{"\x00nobody\x00wrong", mail.ErrDenied},
		{"", ErrMalformed}, {"\x00", ErrMalformed}, {"\x00\x00", ErrMalformed}, {"alice", ErrMalformed},
		{"\x00alice\x00", ErrMalformed}, {"\x00\x00password", ErrMalformed}, {good + "\x00", ErrMalformed},
		{"\x00alice\x00\xff\xfe", ErrMalformed}, {"\x00alice\x00" + strings.Repeat("x", MaxResponse), ErrMalformed},
	} {
		x := start(t, a, "PLAIN")
		_, done, err := talk(t, x, []byte(c.response))
		if !errors.Is(err, c.want) || done != (c.want == nil) || done && x.Login().Address.Local != "alice" {
			t.Errorf("PLAIN %.40q = %v, %v; want %v", c.response, done, err, c.want)
		}
		if _, _, err := x.Next(t.Context(), []byte(good)); !errors.Is(err, ErrMalformed) {
			t.Errorf("PLAIN goes on after the end: %v", err)
		}
	}
	challenges, done, err := talk(t, start(t, a, "PLAIN"), nil, []byte(good))
	if err != nil || !done || challenges[0] != "" {
		t.Errorf("PLAIN without initial response = %q, %v, %v", challenges, done, err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	name, password := []byte("alice@example.test"), []byte(alicePassword)
	challenges, done, err := talk(t, start(t, a, "LOGIN"), nil, name, password)
	if err != nil || !done || challenges[0] != "Username:" || challenges[1] != "Password:" {
		t.Errorf("LOGIN = %q, %v, %v", challenges, done, err)
	}
	challenges, done, err = talk(t, start(t, a, "LOGIN"), name, password)
	if err != nil || !done || challenges[0] != "Password:" {
		t.Errorf("LOGIN with the name at once = %q, %v, %v", challenges, done, err)
	}
	for _, c := range []struct {
		responses [][]byte
		want      error
	}{
		{[][]byte{name, []byte("wrong")}, mail.ErrDenied},
		{[][]byte{{}}, ErrMalformed},
		{[][]byte{nil, {}}, ErrMalformed},
		{[][]byte{name, {}}, ErrMalformed},
		{[][]byte{bytes.Repeat([]byte("x"), MaxResponse+1)}, ErrMalformed},
		{[][]byte{name, []byte("wrong"), password}, mail.ErrDenied},
	} {
		x := start(t, a, "LOGIN")
		if _, done, err := talk(t, x, c.responses...); done || !errors.Is(err, c.want) {
			t.Errorf("LOGIN %.60q = %v, %v; want %v", c.responses, done, err, c.want)
		}
		if _, _, err := x.Next(t.Context(), password); !errors.Is(err, ErrMalformed) {
			t.Errorf("LOGIN goes on after the end: %v", err)
		}
	}
}

// scramClient logs in as a client that is not ours does.
func scramClient(t testing.TB, x Exchange, mechanism, name, password, authzid string, initial bool) error {
	t.Helper()
	hash := scram.SHA256
	if mechanism == "SCRAM-SHA-1" {
		hash = scram.SHA1
	}
	client, err := hash.NewClientUnprepped(name, password, authzid)
	if err != nil {
		t.Fatal(err)
	}
	conversation := client.NewConversation()
	if !initial {
		challenge, done, err := x.Next(t.Context(), nil)
		if err != nil || done || challenge == nil || len(challenge) != 0 {
			t.Fatalf("%s without initial response = %q, %v, %v", mechanism, challenge, done, err)
		}
	}
	challenge := ""
	for range 3 {
		response, err := conversation.Step(challenge)
		if err != nil {
			t.Errorf("%s: the client refuses: %v", mechanism, err)
			return err
		}
		next, done, err := x.Next(t.Context(), []byte(response))
		if err != nil {
			return err
		}
		if done {
			if !conversation.Valid() {
				t.Errorf("%s: done before the client has seen the server's proof", mechanism)
			}
			return nil
		}
		challenge = string(next)
	}
	t.Errorf("%s does not end", mechanism)
	return nil
}

func TestSCRAM(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		for _, c := range []struct {
			name, password, authzid string
			want                    error
		}{
			{"alice@example.test", alicePassword, "", nil},
			{"Alice", alicePassword, "", nil},
			{"alice", alicePassword, "alice@example.test", nil},
			{"carl", carlPassword, "", nil},
			{"alice", alicePassword, "carl@example.test", mail.ErrDenied},
			{"alice", "wrong", "", mail.ErrDenied},
			{"nobody", alicePassword, "", mail.ErrDenied},
			{"a,b=c", alicePassword, "", mail.ErrDenied},
		} {
			for _, initial := range []bool{true, false} {
				x := start(t, p.authenticator(Options{}), mechanism)
				err := scramClient(t, x, mechanism, c.name, c.password, c.authzid, initial)
				if !errors.Is(err, c.want) {
					t.Errorf("%s as %s = %v, want %v", mechanism, c.name, err, c.want)
				}
				if (x.Login().Account != 0) != (c.want == nil) {
					t.Errorf("%s as %s: Login = %+v", mechanism, c.name, x.Login())
				}
			}
		}
	}
}

// An unknown account looks like a known one: the same salt every time, another
// for another name, the same cost.
func TestFakeSalt(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	first := func(mechanism, name string) string {
		x := start(t, p.authenticator(Options{}), mechanism)
		challenge, _, err := x.Next(t.Context(), []byte("n,,n="+name+",r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		_, salt, _ := strings.Cut(string(challenge), ",")
		return salt
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		one, again, other, real := first(mechanism, "nobody"), first(mechanism, "NOBODY"), first(mechanism, "noone"), first(mechanism, "alice")
		if one != again {
			t.Errorf("%s: the salt of an unknown account changes: %s, %s", mechanism, one, again)
		}
		// All spellings of a real name find one record; so must those of one that isn't.
		if whole := first(mechanism, "nobody@EXAMPLE.test"); whole != one {
			t.Errorf("%s: the salt tells that nobody has this name: %s for the local part, %s for the address", mechanism, one, whole)
		}
		if one == other {
			t.Errorf("%s: two unknown accounts have one salt: %s", mechanism, one)
		}
		if len(one) != len(real) || !strings.HasSuffix(real, one[strings.LastIndex(one, ","):]) {
			t.Errorf("%s: an unknown account shows: %s is unlike %s", mechanism, one, real)
		}
	}
	if first("SCRAM-SHA-1", "nobody") == first("SCRAM-SHA-256", "nobody") {
		t.Error("an unknown account has one salt for both mechanisms")
	}
}

func TestSCRAMMalformed(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for _, first := range []string{
		"", "n", "n,,", "n,,n=alice", "x,,n=alice,r=abc", "n,,m=1,n=alice,r=abc", "n,,n=al=ice,r=abc", "n,b=x,n=alice,r=abc",
		"p=tls-exporter,,n=alice,r=abc", "\xff,,n=alice,r=abc", "n,,n=alice,r=" + strings.Repeat("x", MaxResponse),
	} {
		x := start(t, p.authenticator(Options{}), "SCRAM-SHA-256")
		if _, _, err := talk(t, x, []byte(first)); !errors.Is(err, ErrMalformed) {
			t.Errorf("first message %.30q = %v, want ErrMalformed", first, err)
		}
		if _, _, err := x.Next(t.Context(), []byte("n,,n=alice,r=abc")); !errors.Is(err, ErrMalformed) {
			t.Errorf("goes on after %.30q: %v", first, err)
		}
	}
	cbind := base64.StdEncoding.EncodeToString([]byte("n,,"))
	for _, final := range []string{"", "c=" + cbind, "c=" + cbind + ",r=abc,p=AAAA", "c=!,r=abc,p=AAAA", "\xff"} {
		x := start(t, p.authenticator(Options{}), "SCRAM-SHA-256")
		if _, _, err := talk(t, x, []byte("n,,n=alice,r=abc"), []byte(final)); !errors.Is(err, ErrMalformed) {
			t.Errorf("final message %q = %v, want ErrMalformed", final, err)
		}
	}
}

// SCRAM's failures count, and a proof is not looked at while the account waits.
func TestSCRAMLockOut(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	waiting := start(t, a, "SCRAM-SHA-256") // begun before the others fail
	if _, _, err := waiting.Next(t.Context(), []byte("n,,n=alice,r=abc")); err != nil {
		t.Fatal(err)
	}
	for i := range freeFailures + 1 {
		if err := scramClient(t, start(t, a, "SCRAM-SHA-256"), "SCRAM-SHA-256", "alice", "wrong", "", true); !errors.Is(err, mail.ErrDenied) {
			t.Fatalf("failure %d = %v", i, err)
		}
	}
	if err := scramClient(t, start(t, a, "SCRAM-SHA-1"), "SCRAM-SHA-1", "alice", alicePassword, "", true); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("after failures = %v, want ErrTryLater", err)
	}
	if _, _, err := waiting.Next(t.Context(), []byte("c=biws,r=abc,p=AAAA")); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("the exchange begun before = %v, want ErrTryLater", err)
	}
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("the other protocols = %v, want ErrTryLater", err)
	}
}

func fuzzExchange(f *testing.F, mechanism string, seeds ...string) {
	p := newPeople(f)
	for _, s := range seeds {
		f.Add([]byte(s), []byte(s), []byte{}, true)
		f.Add([]byte(s), []byte(s), []byte{}, false)
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte, initial bool) {
		// Trusted, so that each attempt is looked at; many accounts are tried.
		x, err := p.authenticator(Options{Trusted: func(netip.Addr) bool { return true }}).Start(mechanism, peer(1), overTLS())
		if err != nil {
			t.Fatal(err)
		}
		responses := [][]byte{a, b, c, a}
		if !initial {
			responses = [][]byte{nil, a, b, c}
		}
		over := false
		for _, r := range responses {
			_, done, err := x.Next(t.Context(), r)
			if over && err == nil {
				t.Fatal("the exchange goes on after its end")
			}
			over = over || done || err != nil
			if done && !bytes.Contains(bytes.Join(responses, nil), []byte(alicePassword)) && !bytes.Contains(bytes.Join(responses, nil), []byte(carlPassword)) {
				t.Fatalf("logged in without the password: %q", responses)
			}
		}
	})
}

func FuzzPlain(f *testing.F) {
	fuzzExchange(f, "PLAIN", "\x00alice\x00"+alicePassword, "\x00\x00", "a\x00b\x00c\x00d")
}

func FuzzLogin(f *testing.F) { fuzzExchange(f, "LOGIN", "alice", alicePassword, "") }

func FuzzSCRAMSHA256(f *testing.F) {
	fuzzExchange(f, "SCRAM-SHA-256", "n,,n=alice,r=abc", "y,a=alice,n=alice,r=abc,ext=1", "c=biws,r=abc,p=AAAA", "p=tls-exporter,,n=a,r=b")
}

func FuzzSCRAMSHA1(f *testing.F) {
	fuzzExchange(f, "SCRAM-SHA-1", "n,,n=alice,r=abc", "n,,n==2C=3D,r=", "c=biws,r=abc,p=AAAA")
}

func FuzzDecodeSecrets(f *testing.F) {
	f.Add(testKey(f).fakeSecrets("alice", usualCost()).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSecrets(b)
		if err == nil && !bytes.Equal(s.encode(), b[:encodedSize]) {
			t.Errorf("%x was read as %x", b[:encodedSize], s.encode())
		}
	})
}
