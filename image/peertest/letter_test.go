package peertest

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// letter is a message of a case, found again by its token.
type letter struct {
	from    string
	author  string // "": who sends it
	to      []string
	options smtp.MailOptions
	notify  []smtp.DSNNotify
	token   string
	subject string // before the token
	body    string
}

func newLetter(from string, to ...string) *letter {
	return &letter{from: from, to: to, token: "token-" + strings.ToLower(rand.Text()), body: "Dear all,\r\n.\r\n..dots\r\nFrom here\r\n"}
}

// text is what goes over the wire.
func (l *letter) text() string {
	from := cmp.Or(l.author, l.from)
	return fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s%s\r\nDate: %s\r\nMessage-ID: <%s@peers.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s",
		from, l.to[0], l.subject, l.token, time.Now().Format(time.RFC1123Z), l.token, l.body)
}

// submit gives it to the box, as its sender does, over TLS.
func (l *letter) submit(t *testing.T) {
	t.Helper()
	c, err := smtp.DialTLS(net.JoinHostPort(boxAddr, "465"), insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", l.from, password)); err != nil {
		t.Fatal(err)
	}
	l.send(t, c)
}

// inject gives it to a peer, which relays for this address.
func (l *letter) inject(t *testing.T, p *peer) {
	t.Helper()
	c, err := smtp.Dial(net.JoinHostPort(p.addr, "25"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l.send(t, c)
}

func (l *letter) send(t *testing.T, c *smtp.Client) {
	t.Helper()
	if err := l.give(c); err != nil {
		t.Fatal(err)
	}
	_ = c.Quit() // it has been taken
}

// give hands it over, and returns when it has been taken.
func (l *letter) give(c *smtp.Client) error {
	if err := c.Mail(l.from, &l.options); err != nil {
		return fmt.Errorf("MAIL: %w", err)
	}
	for _, to := range l.to {
		if err := c.Rcpt(to, &smtp.RcptOptions{Notify: l.notify}); err != nil {
			return fmt.Errorf("RCPT %s: %w", to, err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := w.Write([]byte(l.text())); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end of the message: %w", err)
	}
	return nil
}

// same says whether a message that arrived has the letter's body, byte by byte. Mailbox files have bare line feeds, and
// some end with one more.
func (l *letter) same(got string) bool {
	_, body, _ := strings.Cut(strings.ReplaceAll(got, "\r\n", "\n"), "\n\n")
	return strings.TrimRight(body, "\n") == strings.TrimRight(strings.ReplaceAll(l.body, "\r\n", "\n"), "\n")
}

// insecure believes the box's certificate: that those who read their mail check it is tested elsewhere.
func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// sizes are those of large letters, in MiB.
func sizes() []int {
	if long() {
		return []int{1, 10}
	}
	return []int{1}
}
