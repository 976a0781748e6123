package pop3d

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// TestDialogues runs every dialogue in testdata, with a clock of its own.
func TestDialogues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.dialogue")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".dialogue"), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { newBox(t).runner().Run(t, file, string(script)) })
		})
	}
}

const logIn = "S: +OK Sanduk POP3 ready\nC: USER alice@example.test\nS: +OK now the password\nC: PASS secret with spaces \nS: +OK 3 messages (119 octets)\n"

// run plays a dialogue behind a log-in against a box that change has prepared.
func run(t *testing.T, script string, change func(*box)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		change(b)
		b.runner().Run(t, t.Name(), script)
	})
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	disk := errors.New("disk on fire")
	t.Run("account", func(t *testing.T) {
		t.Parallel()
		run(t, "S: /.*/\nC: USER bob\nS: /.*/\nC: PASS hidden\nS: -ERR [SYS/TEMP] The server could not do that just now, please try again\nC: QUIT\nS: +OK good-bye\nS.",
			func(b *box) { b.trouble.account = disk })
	})
	t.Run("rows", func(t *testing.T) {
		t.Parallel()
		run(t, "S: /.*/\nC: USER bob\nS: /.*/\nC: PASS hidden\nS: /-ERR .SYS.TEMP. .*/\nC: USER bob\nS: /.*/\nC: PASS hidden\nS: /-ERR .SYS.TEMP. .*/",
			func(b *box) { b.trouble.rows = disk })
	})
	t.Run("mailbox", func(t *testing.T) {
		t.Parallel()
		run(t, "S: /.*/\nC: USER bob\nS: /.*/\nC: PASS hidden\nS: /-ERR .SYS.TEMP. .*/", func(b *box) { b.trouble.mailboxes = disk })
	})
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		run(t, logIn+"C: RETR 1\nS: /-ERR .SYS.TEMP. .*/\nC: TOP 1 1\nS: /-ERR .SYS.TEMP. .*/\nC: STAT\nS: +OK 3 119", func(b *box) { b.trouble.open = disk })
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		run(t, logIn+"C: RETR 1\nS: -ERR That message is no longer there", func(b *box) { b.trouble.open = mail.ErrNoMessage })
	})
	// A message that breaks off must not look whole: no final dot.
	t.Run("read", func(t *testing.T) {
		t.Parallel()
		run(t, logIn+"C: RETR 1\nS: +OK 55 octets\nS8: \"Subject: o\"\nS.", func(b *box) { b.trouble.read = disk })
	})
	t.Run("expunge", func(t *testing.T) {
		t.Parallel()
		run(t, logIn+"C: DELE 1\nS: /\\+OK .*/\nC: QUIT\nS: -ERR [SYS/TEMP] Not everything has been deleted. The server could not do that just now, please try again\nS.\n2"+
			strings.ReplaceAll(strings.TrimSpace(logIn), "\n", "\n2"), func(b *box) { b.trouble.expunge = disk })
	})
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		run(t, logIn+"C: DELE 1\nS: /\\+OK .*/\nC: QUIT\nS: -ERR [SYS/TEMP] Not everything has been deleted. The server's disk is full; reading still works\nS.",
			func(b *box) { b.trouble.expunge = fmt.Errorf("%w (%w)", mail.ErrNoSpace, syscall.ENOSPC) })
	})
}

// TestUntouched: only QUIT removes anything.
func TestUntouched(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"C.", "wait 11m", "stop\nS: /-ERR .SYS.TEMP. .*/"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t)
			b.runner().Run(t, end, logIn+"C: DELE 1\nS: /\\+OK .*/\n"+end+"\nwait 1s")
			if got := b.count(alice); got != 3 {
				t.Errorf("%q: %d messages are left; want all 3", end, got)
			}
		})
	}
}

func (b *box) count(id mail.AccountID) int {
	b.t.Helper()
	a, err := b.store.Account(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	inbox, err := a.Mailbox(context.Background(), mail.Inbox)
	if err != nil {
		b.t.Fatal(err)
	}
	return int(inbox.Total)
}

func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) { o.Auth.(*mailtest.Logins).InClear = false })
		r := b.runner()
		r.Dial = b.implicit.Dial
		r.Run(t, "implicit", "C+\n"+logIn+"C: STLS\nS: -ERR You are logged in already\nC: CAPA\nS: ...\nS: USER\nS: SASL PLAIN\nS: IMPLEMENTATION Sanduk 1.2\nS: .\nC: QUIT\nS: /\\+OK .*/\nS.")
	})
}

func TestWithoutCertificate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) { o.TLS = nil })
		b.runner().Run(t, "no certificate", "S: /.*/\nC: CAPA\nS: ...\nS: SASL PLAIN\nS: IMPLEMENTATION Sanduk\nS: .\nC: STLS\nS: -ERR [SYS/TEMP] This server has no certificate yet")
		r := b.runner()
		r.Dial = b.implicit.Dial
		r.Run(t, "implicit", "S.")
	})
}

func TestNotInTheClear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) { o.Auth.(*mailtest.Logins).InClear = false })
		b.runner().Run(t, "in the clear", `
S: +OK Sanduk POP3 ready
C: CAPA
S: ...
S: EXPIRE NEVER
S: UTF8 USER
S: LANG
S: STLS
S: IMPLEMENTATION Sanduk
S: .
C: USER alice@example.test
S: -ERR Start TLS first (STLS): a password never travels in the clear
C: PASS secret with spaces 
S: -ERR USER comes first
C: AUTH PLAIN
S: -ERR Start TLS first: a password never travels in the clear
C: AUTH
S: +OK mechanisms follow
S: .
C: STLS
S: +OK begin TLS now
C+
C: AUTH
S: +OK mechanisms follow
S: PLAIN
S: .
C: USER alice@example.test
S: +OK now the password
C: PASS secret with spaces 
S: +OK 3 messages (119 octets)
`)
	})
}

// TestMechanisms: what may not be used is not offered either.
func TestMechanisms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) {
			logins := o.Auth.(*mailtest.Logins)
			logins.InClear = false
			o.Auth = generous{logins}
		})
		b.runner().Run(t, "mechanisms", "S: /.*/\nC: AUTH\nS: /.*/\nS: SCRAM-SHA-256\nS: .\nC: CAPA\nS: ...\nS: SASL SCRAM-SHA-256\nS: STLS\nS: /.*/\nS: .")
	})
}

// generous has every mechanism for someone else, who may use them.
type generous struct{ *mailtest.Logins }

func (generous) Mechanisms(bool) []string { return []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"} }

// TestPanicAtLogIn: a programmer's error does not keep the maildrop locked.
func TestPanicAtLogIn(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		o.Open = func(context.Context, mail.AccountID) (Account, error) { panic("oops") }
	})
	b.runner().Run(t, "panic", "S: /.*/\nC: USER bob\nS: /.*/\nC: PASS hidden\nS.")
	if got := b.server.panics.Swap(0); got != 1 {
		t.Errorf("Panics: got %d, want 1", got)
	}
	if !b.server.lock(bob) {
		t.Error("the maildrop is still locked")
	}
	b.server.unlock(bob)
}

// TestSlowReaders: one that takes a little every few minutes gets all of a message, and so
// does one with 50 MB over a line of 256 kbit/s: that takes longer than any one deadline.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line        string // of the message, without its end
		lines       int
		pause       time.Duration
		piece       int64 // bytes that are read behind each pause
		atLeastTook time.Duration
	}{
		"seldom":      {strings.Repeat("x", 998), 2000, 4 * time.Minute, 100 << 10, time.Hour},
		"a slow line": {strings.Repeat("x", 98), 50 << 20 / 100, time.Second, 256_000 / 8, 20 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t)
			big := "Subject: big\r\n\r\n" + strings.Repeat(test.line+"\r\n", test.lines)
			b.store.Put(bob, mail.Inbox, mail.Flags{}, big)
			c, err := b.plain.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			fmt.Fprint(c, "USER bob\r\nPASS hidden\r\nRETR 1\r\nQUIT\r\n")
			begin := time.Now()
			var got strings.Builder
			for {
				time.Sleep(test.pause)
				n, err := io.CopyN(&got, c, test.piece)
				if n == 0 || err != nil && err != io.EOF {
					break
				}
			}
			if took := time.Since(begin); !strings.Contains(got.String(), big+".\r\n+OK good-bye") || took < test.atLeastTook {
				t.Errorf("%s: after %v there are %d bytes of %d", name, took, got.Len(), len(big))
			}
		})
	}
}

// TestStalledReader: one that takes nothing is given up.
func TestStalledReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		b.store.Put(bob, mail.Inbox, mail.Flags{}, "A: b\r\n\r\n"+strings.Repeat("x\r\n", 1<<20))
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		fmt.Fprint(c, "USER bob\r\nPASS hidden\r\nRETR 1\r\n")
		time.Sleep(2*writeStall + time.Second)
		if got, err := io.ReadAll(c); err != nil || strings.HasSuffix(string(got), ".\r\n") {
			t.Errorf("got %d bytes, %v; want a message that breaks off", len(got), err)
		}
	})
}

// TestCut: a shutdown waits for a message that is being sent, but not for ever.
func TestCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		b.store.Put(bob, mail.Inbox, mail.Flags{}, "A: b\r\n\r\n"+strings.Repeat("x\r\n", 1<<20))
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		fmt.Fprint(c, "USER bob\r\nPASS hidden\r\nRETR 1\r\n")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := b.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("Shutdown = %v after %v; want DeadlineExceeded after a minute", err, time.Since(begin))
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		r := b.runner()
		var script strings.Builder
		for i := range maxConnectionsPerAddress {
			fmt.Fprintf(&script, "%dS: +OK Sanduk POP3 ready\n", i+1)
		}
		r.Run(t, "many", script.String()+fmt.Sprintf("%[1]dS: -ERR [SYS/TEMP] Too many connections from your address, try again later\n%[1]dS.", maxConnectionsPerAddress+1))
	})
}

// TestTable: every command has its file, its dialogue and its place in the table.
func TestTable(t *testing.T) {
	t.Parallel()
	all, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var dialogues strings.Builder
	for _, e := range all {
		if strings.HasSuffix(e.Name(), ".dialogue") {
			b, err := os.ReadFile(filepath.Join("testdata", e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			dialogues.Write(b)
		}
	}
	for _, c := range commands() {
		name := strings.ToLower(c.name)
		if _, err := os.Stat(name + ".go"); err != nil {
			t.Errorf("%s has no file of its own: %v", c.name, err)
		}
		if !strings.Contains(dialogues.String(), "C: "+c.name) {
			t.Errorf("%s stands in no dialogue", c.name)
		}
	}
	// What CAPA promises, by command (RFC 2449 §6).
	b := newBox(t)
	s := &session{server: b.server, state: authorization}
	for _, promised := range s.capabilities() {
		word, _, _ := strings.Cut(promised, " ")
		command, ok := map[string]string{
			"TOP": "TOP", "USER": "USER", "UIDL": "UIDL", "UTF8": "UTF8", "LANG": "LANG", "STLS": "STLS", "SASL": "AUTH",
			"RESP-CODES": "", "AUTH-RESP-CODE": "", "PIPELINING": "", "EXPIRE": "", "IMPLEMENTATION": "",
		}[word]
		if !ok {
			t.Errorf("CAPA promises %s, of which this test knows nothing", word)
		}
		found := command == ""
		for _, c := range b.server.commands {
			found = found || c.name == command
		}
		if !found {
			t.Errorf("CAPA promises %s, but there is no %s", word, command)
		}
	}
}

// FuzzSession feeds a whole session.
func FuzzSession(f *testing.F) {
	files, err := filepath.Glob("testdata/*.dialogue")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var input strings.Builder
		for line := range strings.Lines(string(script)) {
			if text, ok := strings.CutPrefix(line, "C: "); ok {
				input.WriteString(strings.TrimRight(text, "\n") + "\r\n")
			}
		}
		f.Add([]byte(input.String()))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, func(o *Options) { o.TLS = nil })
			c, err := b.plain.Dial()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = c.Write([]byte("USER bob\r\nPASS hidden\r\n")) // the session may end at any time
				_, _ = c.Write(input)
				_ = c.(interface{ CloseWrite() error }).CloseWrite()
			}()
			out, err := io.ReadAll(c)
			if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("read: %v", err)
			}
			for line := range strings.Lines(string(out)) {
				if !strings.HasSuffix(line, "\r\n") || len(line) > 512 {
					t.Errorf("%q is no line of a reply", line)
				}
			}
			_ = c.Close()
		})
	})
}

// TestDamagedMessage: a message that is damaged on the disk is said to be so, before
// the reply has begun, and the session goes on.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	const damaged = "-ERR [SYS/PERM] This message is damaged on the server's disk and can't be read; all others can. Ask your administrator to put it back from a backup"
	for what, damage := range map[string]func(*box){
		"whole": func(b *box) { b.trouble.open = fmt.Errorf("open: %w", mail.ErrDamaged) },
		"end":   func(b *box) { b.trouble.read = fmt.Errorf("read: %w", mail.ErrDamaged) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, logIn+"C: RETR 1\nS: "+damaged+"\nC: TOP 1 0\nS: "+damaged+"\nC: DELE 1\nS: /\\+OK .*/\nC: QUIT\nS: +OK good-bye, 1 messages deleted\nS.", damage)
		})
	}
}
