package boottest

import (
	"encoding/binary"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// ntpPort is where the box asks its router, which is this machine, for the time (RFC 4330 §1).
const ntpPort = "127.0.0.1:123"

// TestWrongClock starts the box with a hardware clock without a battery, and one gone mad. It works as ever; the mail
// that it takes before it knows the time is there afterwards; and when a time server answers, the hardware clock is
// right, too.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	artifact(t, image)
	for name, at := range map[string]string{"2011": "2011-01-01T00:00:00", "2090": "2090-01-01T00:00:00"} {
		t.Run(name, func(t *testing.T) {
			if name != "2011" && os.Getenv("SANDUK_LONG") != "1" {
				t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
			}
			answering, err := serveTime(t)
			if err != nil {
				t.Logf("no time server for the box (%v): it goes by the time of its build", err)
			}
			// Without one of ours it shall hear none, or what it does would depend on where this runs.
			b := boot(t, office(t, vm.Options{RTC: at, Restrict: err != nil}))
			say(t, b, portsLine)
			subject := "the clock shows " + name
			if err == nil { // no mail gets to a restricted machine
				if err := send(b, subject); err != nil {
					t.Fatalf("mail while the clock is wrong: %v", err)
				}
				answering.Store(true)
				awaitHardwareClock(t, b)
			}
			say(t, b, runningLine)
			checkPorts(t, b)
			if got := subjects(t, b); err == nil && !slices.Equal(got, []string{subject}) {
				t.Errorf("inbox = %q, want what came while the clock was wrong", got)
			}
			if err := b.PowerOff(t.Context(), offTime); err != nil {
				t.Error(err)
			}
		})
	}
}

// awaitHardwareClock waits until the hardware clock shows the time that this machine does.
func awaitHardwareClock(t *testing.T, b *vm.Boot) {
	t.Helper()
	for deadline := time.Now().Add(bootTime); ; {
		at, err := b.HardwareClock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Since(at).Abs(); off < time.Minute {
			t.Logf("the hardware clock is right within %v", off.Round(time.Second))
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the hardware clock shows %v though a time server answers", at)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(500 * time.Millisecond): // another machine is waited for
		}
	}
}

// serveTime is a time server (RFC 4330 §5), which is silent until answering says otherwise.
func serveTime(t *testing.T) (answering *atomic.Bool, err error) {
	t.Helper()
	c, err := net.ListenPacket("udp", ntpPort)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	answering = new(atomic.Bool)
	go func() {
		for b := make([]byte, 100); ; {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 || !answering.Load() {
				continue
			}
			r := make([]byte, 48)
			r[0], r[1], r[2], r[3] = 4<<3|4, 2, 6, 0xEC // version 4, of a server; stratum, poll, precision
			now := time.Now()
			for _, at := range []int{16, 32, 40} { // reference, received, sent
				const from1900 = 2208988800
				binary.BigEndian.PutUint32(r[at:], uint32(now.Unix()+from1900))
				binary.BigEndian.PutUint32(r[at+4:], uint32(uint64(now.Nanosecond())<<32/1e9))
			}
			copy(r[24:], b[40:48])
			_, _ = c.WriteTo(r, from) // a lost answer is asked for again
		}
	}()
	return answering, nil
}
