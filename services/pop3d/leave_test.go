package pop3d

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// notes are Rules that remember what was fetched.
type notes struct {
	holds map[mail.AccountID]mail.POP3
	err   error

	mu      sync.Mutex
	fetched []mail.UID
}

func (n *notes) POP3(id mail.AccountID) mail.POP3 { return n.holds[id] }

func (n *notes) POP3Bounds() mail.POP3Bounds {
	return mail.POP3Bounds{Strictest: n.holds[alice], LeaveDiffers: n.holds[alice].Leave != n.holds[bob].Leave, DelayDiffers: n.holds[alice].LoginDelay != n.holds[bob].LoginDelay}
}

func (n *notes) Fetched(_ mail.AccountID, messages []mail.Fetched) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range messages {
		if m.Email == 0 || m.UIDValidity == 0 {
			return errors.New("a message is not named")
		}
		n.fetched = append(n.fetched, m.UID)
	}
	return n.err
}

// ruled plays a dialogue against a box where these rules hold for alice.
func ruled(t *testing.T, holds mail.POP3, script string, then func(*box, *notes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{holds: map[mail.AccountID]mail.POP3{alice: holds}}
		b := newBox(t, func(o *Options) { o.Rules = n })
		b.runner().Run(t, t.Name(), script)
		synctest.Wait()
		if then != nil {
			then(b, n)
		}
	})
}

func leave(days int) mail.POP3 { return mail.POP3{Leave: mail.Leave{Enforced: true, Days: days}} }

const fetch = "C: RETR 1\nS: +OK 55 octets\nS: ...\nS: last\nS: .\n"

// TestCapaRules: EXPIRE and LOGIN-DELAY before log-in, and of whoever is in.
func TestCapaRules(t *testing.T) {
	t.Parallel()
	capa := func(lines ...string) string {
		return "C: CAPA\nS: ...\nS: PIPELINING\n" + strings.Join(lines, "") + "S: UTF8 USER\nS: LANG\nS: USER\nS: ...\nS: .\n"
	}
	bobs := "S: +OK Sanduk POP3 ready\n%sC: USER bob\nS: /.*/\nC: PASS hidden\nS: /\\+OK .*/\n%s"
	week := mail.POP3{Leave: mail.Leave{Enforced: true, Days: 7}, LoginDelay: time.Minute}
	t.Run("one", func(t *testing.T) {
		t.Parallel()
		ruled(t, week, fmt.Sprintf(bobs, capa("S: EXPIRE 7 USER\n", "S: LOGIN-DELAY 60 USER\n"), capa("S: EXPIRE NEVER\n")), nil)
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, func(o *Options) { o.Rules = &notes{holds: map[mail.AccountID]mail.POP3{alice: week, bob: week}} })
			both := capa("S: EXPIRE 7\n", "S: LOGIN-DELAY 60\n")
			b.runner().Run(t, "all", fmt.Sprintf(bobs, both, both))
		})
	})
}

// TestLeaveNothing: where nothing may be left, QUIT removes what has arrived by RETR,
// unless somebody has flagged it; TOP is no fetch, and a session that breaks off
// removes nothing.
func TestLeaveNothing(t *testing.T) {
	t.Parallel()
	t.Run("quit", func(t *testing.T) {
		t.Parallel()
		ruled(t, leave(0), logIn+fetch+"C: TOP 2 100\nS: /\\+OK .*/\nS: ...\nS: no line end\nS: .\nC: DELE 3\nS: /\\+OK .*/\nC: QUIT\nS: +OK good-bye, 2 messages deleted\nS.",
			func(b *box, n *notes) {
				if got := b.count(alice); got != 1 || len(n.fetched) != 0 {
					t.Errorf("%d messages are left and %v noted; want 1 and none", got, n.fetched)
				}
			})
	})
	t.Run("rset", func(t *testing.T) {
		t.Parallel()
		ruled(t, leave(0), logIn+fetch+"C: DELE 2\nS: /\\+OK .*/\nC: RSET\nS: /\\+OK .*/\nC: QUIT\nS: +OK good-bye, 1 messages deleted\nS.", nil)
	})
	t.Run("flagged", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, func(o *Options) { o.Rules = &notes{holds: map[mail.AccountID]mail.POP3{bob: leave(0)}} })
			b.store.Put(bob, mail.Inbox, mail.NewFlags(`\Flagged`), "A: b\r\n\r\n")
			b.runner().Run(t, "flagged", "S: /.*/\nC: USER bob\nS: /.*/\nC: PASS hidden\nS: /.*/\nC: RETR 1\nS: +OK 8 octets\nS: A: b\nS: \nS: .\nC: QUIT\nS: +OK good-bye, 0 messages deleted\nS.")
			if got := b.count(bob); got != 1 {
				t.Errorf("%d messages are left; want the flagged one", got)
			}
		})
	})
	t.Run("broken off", func(t *testing.T) {
		t.Parallel()
		ruled(t, leave(0), logIn+fetch+"C: NOOP\nS: /\\+OK.*/\nC.\nwait 1s", func(b *box, _ *notes) {
			if got := b.count(alice); got != 3 {
				t.Errorf("%d messages are left; want all 3", got)
			}
		})
	})
}

// TestLeaveDays: what has arrived is noted once a session, by QUIT and when it breaks
// off, but not what may not have arrived; trouble with the note is not the client's.
func TestLeaveDays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   []mail.UID
	}{
		"quit":     {fetch + fetch + "C: QUIT\nS: +OK good-bye, 0 messages deleted\nS.", []mail.UID{1}},
		"hang up":  {fetch + "C: NOOP\nS: /\\+OK.*/\nC.\nwait 1s", []mail.UID{1}},
		"no word":  {fetch + "C.\nwait 1s", nil},
		"top":      {"C: TOP 1 100\nS: /.*/\nS: ...\nS: last\nS: .\nC: QUIT\nS: /.*/\nS.", nil},
		"not left": {fetch + "C: DELE 1\nS: /\\+OK .*/\nC: QUIT\nS: +OK good-bye, 1 messages deleted\nS.", []mail.UID{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ruled(t, leave(7), logIn+c.script, func(_ *box, n *notes) {
				if !slices.Equal(n.fetched, c.want) {
					t.Errorf("noted: %v; want %v", n.fetched, c.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) {
			o.Rules = &notes{holds: map[mail.AccountID]mail.POP3{alice: leave(7)}, err: errors.New("disk on fire")}
		})
		b.runner().Run(t, "trouble", logIn+fetch+"C: QUIT\nS: +OK good-bye, 0 messages deleted\nS.")
	})
}

// TestManyFetched: a long session notes what it has before its end.
func TestManyFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{holds: map[mail.AccountID]mail.POP3{bob: leave(7)}}
		b := newBox(t, func(o *Options) { o.Rules = n })
		b.store.Put(bob, mail.Inbox, mail.Flags{}, slices.Repeat([]string{"A: b\r\n\r\n"}, maxUnnoted+1)...)
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		var script strings.Builder
		for i := range maxUnnoted + 1 {
			fmt.Fprintf(&script, "RETR %d\r\n", i+1)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		fmt.Fprintf(c, "USER bob\r\nPASS hidden\r\n%s", script.String())
		time.Sleep(time.Second)
		fmt.Fprint(c, "NOOP\r\n")
		time.Sleep(time.Second)
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.fetched) != maxUnnoted+1 {
			t.Errorf("%d are noted; want %d", len(n.fetched), maxUnnoted+1)
		}
	})
}

// TestLoginDelay: who comes back too early is told to wait, with the right password
// only; others are not concerned.
func TestLoginDelay(t *testing.T) {
	t.Parallel()
	second := strings.ReplaceAll(strings.TrimSuffix(logIn, "\nS: +OK 3 messages (119 octets)\n"), "\n", "\n2")
	ruled(t, mail.POP3{LoginDelay: time.Minute}, logIn+"C: QUIT\nS: /.*/\nS.\nwait 10s\n2"+second+
		"\n2S: -ERR [LOGIN-DELAY] You may log in again in 50 seconds\n2C: USER alice@example.test\n2S: /.*/\n2C: PASS wrong\n2S: -ERR [AUTH] Address or password is wrong\n"+
		"2C: USER bob\n2S: /.*/\n2C: PASS hidden\n2S: /\\+OK .*/\nwait 50s\n3"+strings.ReplaceAll(strings.TrimSpace(logIn), "\n", "\n3"), nil)
}
