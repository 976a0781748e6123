package pop3d

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// stamped takes as digest the timestamp itself, of everybody.
type stamped struct{ *mailtest.Logins }

func (stamped) HasAPOP() bool { return true }

func (s stamped) APOP(_ context.Context, _ netip.Addr, login, timestamp, digest string) (mail.Login, error) {
	p, known := s.People[login]
	if !known || digest != timestamp {
		return mail.Login{}, mail.ErrDenied
	}
	return p.Login, nil
}

// TestAPOP: each session has a timestamp of its own, by which somebody gets in; what
// is wrong counts as every failed log-in.
func TestAPOP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) { o.Auth = stamped{o.Auth.(*mailtest.Logins)} })
		last := ""
		session := func(steps ...string) {
			t.Helper()
			c, err := b.plain.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			in := bufio.NewScanner(c)
			in.Scan()
			stamp, ok := strings.CutPrefix(in.Text(), "+OK Sanduk POP3 ready ")
			if !ok || !strings.HasPrefix(stamp, "<") || !strings.HasSuffix(stamp, "@sanduk>") || stamp == last {
				t.Fatalf("greeting %q after %q", in.Text(), last)
			}
			for i := 0; i < len(steps); i += 2 {
				fmt.Fprintf(c, "%s\r\n", strings.NewReplacer("STAMP", stamp, "LAST", last).Replace(steps[i]))
				if !in.Scan() || !strings.HasPrefix(in.Text(), steps[i+1]) {
					t.Errorf("%s: got %q; want %q", steps[i], in.Text(), steps[i+1])
				}
			}
			last = stamp
		}
		session("APOP bob STAMP", "+OK 0 messages", "QUIT", "+OK")
		session("APOP bob LAST", "-ERR [AUTH] Address or password is wrong", "APOP nobody STAMP", "-ERR [AUTH]", "APOP bob STAMP", "+OK", "QUIT", "+OK")
		session("APOP bob", "-ERR APOP wants", "APOP  x", "-ERR APOP wants", "APOP "+strings.Repeat("b", maxName+1)+" x", "-ERR APOP wants",
			"APOP bob x", "-ERR [AUTH]", "APOP bob x", "-ERR [AUTH]")
	})
}
