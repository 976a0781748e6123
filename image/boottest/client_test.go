package boottest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/run"
	"github.com/sanduk-mail/sanduk/image/vm"
)

// The office that the tests set up. The forwarded ports make every caller look like QEMU's gateway, so that is trusted.
const (
	domain   = "example.test"
	alice    = "alice@" + domain
	password = "correct horse battery staple"
)

const provisioning = `{
  "hostname": "mail.` + domain + `",
  "domains": ["` + domain + `"],
  "admin": {"address": "admin@` + domain + `", "password": "` + password + `"},
  "accounts": [{"address": "` + alice + `", "name": "Alice", "password": "` + password + `"}],
  "timezone": "Europe/Tirane",
  "network": {"mode": "dhcp"},
  "outbound": {"mode": "none"},
  "trusted_networks": ["10.0.2.2/32"]
}
`

// answerTime bounds one answer of a box under TCG; password hashing alone may take seconds there.
const answerTime = time.Minute

// insecure accepts the box's own certificate: what is tested here is that it answers.
func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// dial connects to a guest port and sets a deadline for everything on the connection.
func dial(b *vm.Boot, port int, secure bool) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", b.Addr(port), answerTime)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	if secure {
		return tls.Client(conn, insecure()), nil
	}
	return conn, nil
}

// greeting reads the first line a server says.
func greeting(b *vm.Boot, port int, secure bool) (string, error) {
	conn, err := dial(b, port, secure)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// checkPorts asks every port of the contract from outside.
func checkPorts(t *testing.T, b *vm.Boot) {
	t.Helper()
	want := map[string]string{
		"smtp": "220 ", "submission": "220 ", "submissions": "220 ", "imap": "* OK", "imaps": "* OK",
		"pop3": "+OK", "pop3s": "+OK",
	}
	for _, p := range run.Ports() {
		if p.Name == "http" || p.Name == "https" {
			client := &http.Client{
				Timeout:       answerTime,
				Transport:     &http.Transport{TLSClientConfig: insecure()},
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			res, err := client.Get(p.Name + "://" + b.Addr(p.Guest) + "/")
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
				continue
			}
			res.Body.Close()
			if res.StatusCode >= 500 {
				t.Errorf("%s answers %s", p.Name, res.Status)
			}
			continue
		}
		line, err := greeting(b, p.Guest, strings.HasSuffix(p.Name, "s"))
		if err != nil || !strings.HasPrefix(line, want[p.Name]) {
			t.Errorf("%s greets with %q, %v, want %q", p.Name, line, err, want[p.Name])
		}
	}
}

// silentTime is long enough for a box under TCG to say something, were it to say anything.
const silentTime = 8 * time.Second

// checkWorld asks every port of the contract from a network that is not the office's: mail is taken there, and anything
// else is as if there were no box. That nothing is heard, not even a connection that ends, shows that the packet filter
// has kept it away; the services would have closed it.
func checkWorld(t *testing.T, b *vm.Boot) {
	t.Helper()
	var asking sync.WaitGroup
	for _, p := range run.Ports() {
		asking.Go(func() {
			conn, err := net.DialTimeout("tcp", b.WorldAddr(p.Guest), answerTime)
			if err != nil {
				t.Errorf("%s: QEMU does not take the connection: %v", p.Name, err)
				return
			}
			defer conn.Close()
			wait := silentTime
			if p.Guest == 25 {
				wait = answerTime
			}
			if p.Name == "http" {
				fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: mail.%s\r\n\r\n", domain)
			}
			if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
				t.Error(err)
				return
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			switch {
			case p.Guest == 25 && !strings.HasPrefix(line, "220 "):
				t.Errorf("from the world port 25 greets with %q, %v", line, err)
			case p.Guest != 25 && !errors.Is(err, os.ErrDeadlineExceeded):
				t.Errorf("from the world %s is heard: %q, %v", p.Name, line, err)
			}
		})
	}
	asking.Wait()
}

// send gives the box a message for Alice, as another server would, and returns nil once the box has taken it.
func send(b *vm.Boot, subject string) error {
	conn, err := dial(b, 25, false)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := smtp.NewClient(conn, "mail."+domain)
	if err != nil {
		return err
	}
	if err := c.Hello("sender.example.net"); err != nil {
		return err
	}
	if err := c.Mail("bob@example.net"); err != nil {
		return err
	}
	if err := c.Rcpt(alice); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "From: Bob <bob@example.net>\r\nTo: Alice <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@example.net>\r\n\r\nHello.\r\n",
		alice, subject, time.Now().Format(time.RFC1123Z), strings.ReplaceAll(subject, " ", "."))
	return w.Close()
}

// subjects returns the subjects of what is in Alice's inbox.
func subjects(t *testing.T, b *vm.Boot) []string {
	t.Helper()
	conn, err := dial(b, 993, true)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := textproto.NewReader(bufio.NewReader(conn))
	if _, err := in.ReadLine(); err != nil {
		t.Fatalf("imap greeting: %v", err)
	}
	var found []string
	for i, command := range []string{
		fmt.Sprintf("LOGIN %q %q", alice, password), "SELECT INBOX", "FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "LOGOUT",
	} {
		tag := fmt.Sprintf("t%d", i)
		if _, err := fmt.Fprintf(conn, "%s %s\r\n", tag, command); err != nil {
			t.Fatalf("imap %s: %v", command, err)
		}
		for {
			line, err := in.ReadLine()
			if err != nil {
				t.Fatalf("imap %s: %v", command, err)
			}
			if s, ok := strings.CutPrefix(line, "Subject: "); ok {
				found = append(found, s)
			}
			rest, ok := strings.CutPrefix(line, tag+" ")
			if !ok {
				continue
			}
			// An empty mailbox has no message 1.
			if !strings.HasPrefix(rest, "OK") && !strings.HasPrefix(command, "FETCH") {
				t.Fatalf("imap %s: %s", command, rest)
			}
			break
		}
	}
	return found
}
