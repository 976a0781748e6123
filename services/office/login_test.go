package office

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/textproto"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// door is how a protocol asks who somebody is.
type door struct {
	listener  string
	hello     string // what the client says first; "" for nothing
	auth      string // the command, with %s for mechanism and initial response
	challenge string // what stands before one
	welcome   string // how a log-in that succeeded is answered
	later     string // how one is that has to wait
}

func doors() map[string]door {
	return map[string]door{
		"IMAP": {"imaps", "", "a AUTHENTICATE %s %s", "+ ", "a OK ", "a NO [UNAVAILABLE] "},
		"POP3": {"pop3s", "", "AUTH %s %s", "+ ", "+OK ", "-ERR [SYS/TEMP] "},
		"SMTP": {"submissions", "EHLO client.test", "AUTH %s %s", "334 ", "235 ", "454 "},
	}
}

// knock opens a connection and reads up to where a log-in may begin.
func (o *testOffice) knock(t *testing.T, d door) (*textproto.Conn, tls.ConnectionState) {
	t.Helper()
	raw, err := tls.Dial("tcp", o.addrs[d.listener], insecure())
	if err != nil {
		t.Fatal(err)
	}
	c := textproto.NewConn(raw)
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.ReadLine(); err != nil {
		t.Fatal(err)
	}
	if d.hello != "" {
		if err := c.PrintfLine("%s", d.hello); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadResponse(250); err != nil {
			t.Fatal(err)
		}
	}
	return c, raw.ConnectionState()
}

// try logs in by PLAIN and gives the answer.
func (o *testOffice) try(t *testing.T, d door, name, password string) string {
	t.Helper()
	c, _ := o.knock(t, d)
	defer func() { _ = c.Close() }()
	response := base64.StdEncoding.EncodeToString([]byte("\x00" + name + "@" + testDomain + "\x00" + password))
	if err := c.PrintfLine(d.auth, "PLAIN", response); err != nil {
		t.Fatal(err)
	}
	answer, err := c.ReadLine()
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestChannelBinding logs in with SCRAM bound to the connection, in the
// protocols that mail is read by, and to both of the things that it can be bound to: the certificate too must be
// the one that the box shows.
func TestChannelBinding(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	for protocol, d := range doors() {
		if protocol == "SMTP" {
			continue // submission offers no -PLUS, see auth.Unbound
		}
		for name, bind := range map[string]func(*tls.ConnectionState) (scram.ChannelBinding, error){
			"alice": scram.NewTLSExporterBinding, "bob": scram.NewTLSServerEndpointBinding, // one maildrop each
		} {
			c, state := o.knock(t, d)
			binding, err := bind(&state)
			if err != nil {
				t.Fatal(err)
			}
			client, err := scram.SHA256.NewClient(name+"@"+testDomain, testPassword, "")
			if err != nil {
				t.Fatal(err)
			}
			conversation := client.NewConversationWithChannelBinding(binding)
			first, err := conversation.Step("")
			if err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf(d.auth, "SCRAM-SHA-256-PLUS", base64.StdEncoding.EncodeToString([]byte(first)))
			for {
				if err := c.PrintfLine("%s", line); err != nil {
					t.Fatal(err)
				}
				answer, err := c.ReadLine()
				if err != nil {
					t.Fatal(err)
				}
				text, asked := strings.CutPrefix(answer, d.challenge)
				if !asked {
					if !strings.HasPrefix(answer, d.welcome) || !conversation.Valid() {
						t.Errorf("%s, %s: %q; want %q", protocol, binding.Type, answer, d.welcome)
					}
					break
				}
				challenge, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				response, err := conversation.Step(string(challenge))
				if err != nil {
					t.Fatalf("%s, %s: the client refuses: %v", protocol, binding.Type, err)
				}
				line = base64.StdEncoding.EncodeToString([]byte(response))
			}
		}
	}
}

// TestLockOutEverywhere: guesses count for the account whatever protocol they come
// by, and then all of them ask to wait, with the right password too.
func TestLockOutEverywhere(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	guesses := 0
	for _, d := range doors() {
		for range 7 { // three times seven is one more than is free
			guesses++
			if answer := o.try(t, d, "alice", fmt.Sprintf("guess %d", guesses)); strings.HasPrefix(answer, d.welcome) || strings.HasPrefix(answer, d.later) {
				t.Fatalf("guess %d: %q", guesses, answer)
			}
		}
	}
	for protocol, d := range doors() {
		if answer := o.try(t, d, "alice", testPassword); !strings.HasPrefix(answer, d.later) {
			t.Errorf("%s after %d guesses: %q; want %q", protocol, guesses, answer, d.later)
		}
	}
}
