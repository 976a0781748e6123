package smtpd

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// submit opens a session in which alice is logged in, in a bubble.
func (s *testServer) submit(t testing.TB) *pipeClient {
	client, server := net.Pipe()
	c := newConn(s.Server, server, Mode{Submission: true})
	c.peer.Login = mail.Login{Account: 1, Address: mail.Address{Local: "alice", Domain: "example.test"}}
	go c.Serve()
	t.Cleanup(func() { client.Close() })
	p := &pipeClient{t, client}
	p.read("220")
	p.say("HELO c.test", "250")
	return p
}

// TestAuthors: what a message says of who wrote it must be true of the login.
func TestAuthors(t *testing.T) {
	t.Parallel()
	const rest = "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@c.test>\r\n"
	for _, test := range []struct{ fields, want string }{
		{"From: Alice <Alice@EXAMPLE.test>", ""},
		{"From: alice@example.test\r\nSender: alice@example.test", ""},
		{"from : \"A. (x)\" <alice@example.test>", ""},
		{"From: boss@example.test", "550 5.7.1 You are logged in as alice@example.test, and the From field of the message names somebody else"},
		{"From: \"alice@example.test\" <boss@example.test>", "550 5.7.1"},
		{"From: alice@example.test\r\nSender: boss@example.test", "550 5.7.1 You are logged in as alice@example.test, and the Sender"},
		{"From: alice@example.test, alice@example.test", "554 5.6.0 The message is from several people"},
		{"From: alice@example.test, alice@example.test\r\nSender: alice@example.test", ""},
		{"From: alice@example.test, boss@example.test\r\nSender: alice@example.test", "550 5.7.1"},
		{"From: alice@example.test\r\nSender: alice@example.test, alice@example.test", "554 5.6.0 The Sender field must have one address"},
		{"From: alice@example.test\r\nFrom: boss@example.test", "554 5.6.0 The message has more than one From"},
		{"From: alice@example.test\r\nfrom\t: boss@example.test", "554 5.6.0 The message has more than one From"},
		{"From: undisclosed:;", "554 5.6.0 The From field holds no mail address"},
		{"From: alice", "554 5.6.0 The From field holds something"},
		{"From:", "554 5.6.0 The From field holds no mail address"},
		{"From: team: alice@example.test;", ""},
		{"From: team: boss@example.test;", "550 5.7.1"},
		{"From: " + strings.Repeat("alice@example.test, ", maxAuthors) + "alice@example.test\r\nSender: alice@example.test", "554 5.6.0 The From field has more than"},
	} {
		s := newTestServer(t)
		synctest.Test(t, func(t *testing.T) {
			c := s.submit(t)
			c.say("MAIL FROM:<alice@example.test>", "250")
			c.say("RCPT TO:<bob@example.test>", "250")
			c.say("DATA", "354")
			want := test.want
			if want == "" {
				want = "250 2.0.0 Stored"
			}
			c.say(test.fields+"\r\n"+rest+"\r\nhello\r\n.", want)
		})
		if test.want == "" {
			s.wantMessages(t, test.fields+"\r\n"+rest+"\r\nhello\r\n")
		} else {
			s.wantMessages(t)
		}
	}
}

// TestRepair: what a mail program forgot is added in front, so that the body's
// digest has it; what another server brings is never touched.
func TestRepair(t *testing.T) {
	t.Parallel()
	const from, date, id = `From: <alice@example\.test>\r\n`, `Date: [A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000\r\n`, `Message-ID: <[0-9a-z]+@box\.example\.test>\r\n`
	for _, test := range []struct{ sender, text, want string }{
		{"alice@example.test", "Subject: x\r\n\r\nhello\r\n", from + date + id + `Subject: x\r\n\r\nhello\r\n`},
		{"", "Subject: x\r\n\r\nhello\r\n", from + date + id + `Subject: x\r\n\r\nhello\r\n`},
		{"alice@example.test", "Subject: x\r\n", from + date + id + `Subject: x\r\n`},
		{"alice@example.test", "\r\nhello\r\n", from + date + id + `\r\nhello\r\n`},
		{"alice@example.test", "hello\r\n", from + date + id + `\r\nhello\r\n`},
		{"alice@example.test", "", from + date + id + `(\r\n)?`},
		{"alice@example.test", "From: alice@example.test\r\nDate: today\r\n\r\nhello\r\n", id + `From: alice@example\.test\r\nDate: today\r\n\r\nhello\r\n`},
		{"alice@example.test", "Message-Id: <1@x>\r\nFrom: alice@example.test\r\n\r\nDate: no\r\n", date + `Message-Id: <1@x>\r\nFrom: alice@example\.test\r\n\r\nDate: no\r\n`},
	} {
		s := newTestServer(t)
		synctest.Test(t, func(t *testing.T) {
			c := s.submit(t)
			c.say("MAIL FROM:<"+test.sender+">", "250")
			c.say("RCPT TO:<bob@example.test>", "250")
			c.say("DATA", "354")
			c.say(test.text+".", "250 2.0.0 Stored")
		})
		if got := s.room.taken()[0].body; !regexp.MustCompile(`^` + test.want + `$`).MatchString(got) {
			t.Errorf("%q became %q; want it to match %q", test.text, got, test.want)
		}
	}
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.toData()
	c.send("From: a@b.test\r\nFrom: c@d.test\r\n\r\nhello\r\n.\r\n")
	c.expect("250")
	s.wantMessages(t, "From: a@b.test\r\nFrom: c@d.test\r\n\r\nhello\r\n")
}

// TestLargestIsRepaired: the fields that are added don't make a message too large.
func TestLargestIsRepaired(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	synctest.Test(t, func(t *testing.T) {
		c := s.submit(t)
		c.say("MAIL FROM:<alice@example.test>", "250")
		c.say("RCPT TO:<bob@example.test>", "250")
		c.say("DATA", "354")
		c.say("\r\n"+strings.Repeat("y", testMaxSize-4)+"\r\n.", "250 2.0.0 Stored")
	})
}

// fakeAllowances lets each account begin some messages, and write to some people.
type fakeAllowances struct{ messages, recipients int }

func (f *fakeAllowances) Message(mail.AccountID) error {
	if f.messages--; f.messages < 0 {
		return &mail.Refusal{Status: mail.Status4_7_0TryLater, Text: "You have sent too much"}
	}
	return nil
}

func (f *fakeAllowances) Recipient(mail.AccountID, mail.Address) error {
	if f.recipients--; f.recipients < 0 {
		return &mail.Refusal{Status: mail.Status4_7_0TryLater, Text: "You have written to too many"}
	}
	return nil
}

// TestAllowance: what is counted is what somebody logged in hands in, and only
// recipients that are taken.
func TestAllowance(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	allowances := &fakeAllowances{messages: 3, recipients: 2}
	s.options.Allowances = allowances
	synctest.Test(t, func(t *testing.T) {
		c := s.submit(t)
		c.say("MAIL FROM:<alice@example.test>", "250")
		c.say("RCPT TO:<nobody@example.test>", "550 5.1.1")
		c.say("RCPT TO:<a@example.test>", "250")
		c.say("RCPT TO:<b@example.test>", "250")
		c.say("RCPT TO:<c@example.test>", "451 4.7.0 You have written to too many")
		c.say("RSET", "250")
		c.say("MAIL FROM:<boss@example.test>", "550 5.7.1") // is not counted
		c.say("MAIL FROM:<alice@example.test>", "250")
		c.say("RSET", "250")
		c.say("MAIL FROM:<alice@example.test>", "250")
		c.say("RSET", "250")
		c.say("MAIL FROM:<alice@example.test>", "451 4.7.0 You have sent too much")
	})
	c := dial(t, s.listen(t, Mode{}))
	c.toData() // from elsewhere
}
