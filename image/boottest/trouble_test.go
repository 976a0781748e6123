package boottest

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/run"
	"github.com/sanduk-mail/sanduk/image/vm"
)

// troubleImage has the program in testdata/trouble, which makes others hang or die; troublePort is where it is asked to.
const (
	troubleImage = "trouble-pc-amd64.img"
	troublePort  = 666
)

// watchdogTime is more than the box's hardware watchdog waits, and more than it then takes to reset the machine.
const watchdogTime = 3 * time.Minute

// makeTrouble asks for trouble, such as "kill maild".
func makeTrouble(t *testing.T, b *vm.Boot, what string) {
	t.Helper()
	conn, err := dial(b, troublePort, false)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, what)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "done" {
		t.Fatalf("%s: answer %q, %v", what, answer, err)
	}
}

// greets connects once and wants to be greeted on that connection, however long the service needs to come back: PID 1
// holds the socket, so nobody is refused.
func greets(t *testing.T, b *vm.Boot, after string) {
	t.Helper()
	began := time.Now()
	line, err := greeting(b, 25, false)
	if err != nil || !strings.HasPrefix(line, "220 ") {
		t.Fatalf("%s: smtp greets with %q, %v, want the same connection to be answered by the next maild", after, line, err)
	}
	t.Logf("%s: greeted after %v", after, time.Since(began).Round(time.Millisecond))
}

// TestTrouble tries what no service may do, then ends and hangs the programs of a box that is in use, PID 1 last. Mail that was taken is there at the end.
func TestTrouble(t *testing.T) {
	t.Parallel()
	o := vm.Options{Image: artifact(t, troubleImage), Ports: map[int]int{troublePort: 0}}
	for _, p := range run.Ports() {
		o.Ports[p.Guest] = 0
	}
	m := machine(t, o)
	if err := m.PutESP("setup.json", []byte(provisioning)); err != nil {
		t.Fatal(err)
	}
	b := boot(t, m)
	say(t, b, runningLine)
	if err := send(b, "before the trouble"); err != nil {
		t.Fatal(err)
	}

	checkConfinement(t, b)

	makeTrouble(t, b, "kill maild")
	greets(t, b, "maild killed")
	makeTrouble(t, b, "stop maild")
	greets(t, b, "maild hung")
	makeTrouble(t, b, "kill netd")
	if os.Getenv("SANDUK_LONG") == "1" {
		for i := range 4 { // two of the five that make it degraded are behind us
			makeTrouble(t, b, "kill maild")
			greets(t, b, fmt.Sprintf("maild killed again (%d)", i+1))
		}
		say(t, b, `(?m)^sanduk: state degraded$`)
		say(t, b, `(?s)\nsanduk: state degraded.*\nsanduk: state running`)
	}

	makeTrouble(t, b, "freeze init")
	event, err := b.Wait(t.Context(), watchdogTime)
	if err != nil || event.Reason != "guest-reset" {
		t.Fatalf("PID 1 hangs, and the machine ended with %+v, %v, want a reset", event, err)
	}
	if !slices.ContainsFunc(b.Events(), func(e vm.Event) bool { return e.Name == "WATCHDOG" }) {
		t.Errorf("events %+v, want the watchdog's", b.Events())
	}
	b = boot(t, m)
	say(t, b, portsLine)
	if got := subjects(t, b); !slices.Equal(got, []string{"before the trouble"}) {
		t.Errorf("inbox = %q, want the message that was there before the trouble", got)
	}
}
