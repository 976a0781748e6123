package imapd

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestTimeouts plays dialogues in which time passes.
func TestTimeouts(t *testing.T) {
	for name, script := range map[string]string{
		"a stranger has three minutes, however lively": `
S: /\* OK .*/
wait 100s
C: a NOOP
S: a OK NOOP completed
wait 79s
C: b NOOP
S: b OK NOOP completed
wait 2s
S: * BYE It took too long to log in
S.`,
		"a user may be idle for half an hour": `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
wait 29m59s
C: b NOOP
S: b OK NOOP completed
wait 30m1s
S: * BYE Nothing was heard for too long
S.`,
		"and in IDLE": `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c IDLE
S: + idling
wait 29m59s
C: DONE
S: c OK IDLE completed
C: d IDLE
S: + idling
wait 30m1s
S: * BYE Nothing was heard for too long
S.`,
		"and after NOTIFY": `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c NOTIFY SET (SELECTED (MessageNew MessageExpunge))
S: c OK NOTIFY completed
wait 29m59s
C: d NOOP
S: d OK NOOP completed
wait 30m1s
S: * BYE Nothing was heard for too long
S.`,
		"who is notified hears of the end": `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: c NOTIFY SET (PERSONAL (MessageNew MessageExpunge))
S: c OK NOTIFY completed
wait 1s
stop
S: * BYE [UNAVAILABLE] The server is closing, please come back in a moment
S.`,
		"but not within a command": `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C8: "b NO"
wait 119s
C8: "OP"
wait 121s
S: * BYE Nothing was heard for too long
S.`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				newBox(t).runner().Run(t, name, script)
			})
		})
	}
}

// TestShutdown says BYE to whoever waits, in IDLE too, and lets nobody in.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		b.runner().Run(t, "shutdown", `
1S: /\* OK .*/
2S: /\* OK .*/
2C: a LOGIN alice@example.test secret
2S: /a OK .*/
2C: b IDLE
2S: + idling
3S: /\* OK .*/
3C: a LOGIN alice@example.test secret
3S: /a OK .*/
3C: b SELECT INBOX
3S: ...
3S: /b OK .*/
3C: c IDLE
3S: + idling
stop
1S: * BYE [UNAVAILABLE] The server is closing, please come back in a moment
1S.
2S: * BYE [UNAVAILABLE] The server is closing, please come back in a moment
2S.
3S: * BYE [UNAVAILABLE] The server is closing, please come back in a moment
3S.
`)
		if _, err := b.plain.Dial(); err == nil {
			t.Error("a connection was accepted after Shutdown")
		}
	})
}

// TestShutdownCuts ends what does not end by itself when the time is up.
func TestShutdownCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		b.put("INBOX", mail.Flags{}, strings.Repeat("x", testMaxSize-10))
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("a LOGIN alice@example.test secret\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the session waits for us to read
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := b.server.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown: got %v, want %v", err, context.DeadlineExceeded)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("Shutdown took %v, want 3s", d)
		}
	})
}

// TestStrangerCommands: whoever does not log in is not served for ever, and what
// comes after log-in is not counted.
func TestStrangerCommands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		noop := "C: a NOOP\nS: a OK NOOP completed\n"
		b.runner().Run(t, "stranger", "S: /\\* OK .*/\n"+strings.Repeat(noop, maxStrangerCommands)+
			"C: b LOGIN alice@example.test secret\nS: * BYE Too many commands before log-in\nS.")
		b.runner().Run(t, "user", "S: /\\* OK .*/\n"+strings.Repeat(noop, maxStrangerCommands-1)+
			"C: b LOGIN alice@example.test secret\nS: /b OK .*/\n"+strings.Repeat(noop, 2*maxStrangerCommands))
	})
}

// TestConnectionLimits turns away what is one too many.
func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		o.Trusted = func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.77") }
	})
	const busy = "192.0.2.50"
	dial := func(address string) string {
		t.Helper()
		c, err := b.plain.DialFrom(netip.MustParseAddr(address))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		buf := make([]byte, 300)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	for range maxConnectionsPerAddress {
		if got := dial(busy); !strings.HasPrefix(got, "* OK") {
			t.Fatalf("greeting: got %q", got)
		}
	}
	if got, want := dial(busy), "* BYE [UNAVAILABLE] Too many connections from your address, try again later\r\n"; got != want {
		t.Errorf("one too many: got %q, want %q", got, want)
	}
	for range maxConnectionsPerAddress + 1 {
		if got := dial("192.0.2.77"); !strings.HasPrefix(got, "* OK") {
			t.Fatalf("trusted: got %q", got)
		}
	}
}
