package boottest

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// The layers that keep a service in, as the table of refusals names them.
const (
	byCalls  = "list of system calls"
	byView   = "mount view"
	byPaths  = "Landlock"
	byOwner  = "owner and capabilities"
	byNobody = "(allowed)"
)

// refusal is how an act must end.
type refusal struct {
	answer string // the error's name, or "done"
	layer  string
}

// refusals are the acts of testdata/trouble/forbidden.go and who must refuse each.
func refusals(service string) map[string]refusal {
	calls, hidden := refusal{"EPERM", byCalls}, refusal{"ENOENT", byView}
	closed, readOnly := refusal{"EACCES", byPaths}, refusal{"EROFS", byView}
	table := map[string]refusal{
		"write to /": readOnly, "write to /etc": readOnly, "write to /run": readOnly, "write to /data": readOnly, "write to /bin": readOnly,
		"read memory of PID 1": hidden, "read environment of PID 1": hidden,
		"change where cores go": closed, "press the system request key": closed,
		"leave the control group": hidden, "write firmware variables": hidden,
		"execute PID 1's program": hidden, "execute another program": hidden,
		"execute what it wrote": closed, "write to its own directory": {"done", byNobody},
		"make a device": calls, "reach kernel memory": hidden, "reach the kernel's log": hidden, "reach the watchdog": hidden, "reach the screen": hidden,
		"signal PID 1": {"EPERM", byOwner}, "port 25": {"EACCES", byOwner},
		"raw socket": {"EPERM", byOwner},
	}
	for _, name := range []string{
		"mount", "unmount", "change root", "restart the machine", "load another kernel", "load a module", "remove a module", "kill PID 1",
		"become root", "namespace of users", "namespace by clone", "namespace by clone3", "packet socket of a raw kind", "exotic socket", "set the clock",
		"trace PID 1", "read another's memory", "bpf", "performance counters", "kernel keys", "add a kernel key", "io_uring", "page faults",
		"file without a name", "file by handle", "executable memory", "kernel log",
	} {
		table[name] = calls
	}
	if service == "netd" {
		for _, dir := range []string{"/data/mail", "/data/private", "/data/log", "/data/vault"} {
			table["read "+dir] = hidden
		}
		// What it is for.
		table["raw socket"], table["packet socket of a raw kind"] = refusal{"done", byNobody}, refusal{"done", byNobody}
		delete(table, "set the clock")
		return table
	}
	if service == "maild-rescue" { // it keeps nothing, and sees nothing of the disk
		for _, act := range []string{"write to /data", "write to its own directory", "execute what it wrote", "read /data/net", "read /data/box", "read /data/vault"} {
			table[act] = hidden
		}
		return table
	}
	for _, dir := range []string{"/data/net", "/data/box", "/data/vault"} { // an empty directory stands in their place
		table["read "+dir] = refusal{"EACCES", byView}
	}
	return table
}

// tell asks the trouble-maker, and returns what it says line by line: "name: value".
func tell(t *testing.T, b *vm.Boot, what string) map[string]string {
	t.Helper()
	conn, err := dial(b, troublePort, false)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, what)
	told := make(map[string]string)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if lines.Text() == "done" {
			return told
		}
		name, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok {
			break
		}
		told[name] = value
	}
	t.Fatalf("%s: %q, %v after %q", what, lines.Text(), lines.Err(), told)
	return nil
}

// checkConfinement tries what must be forbidden from inside the box, with the rights of each service that the network can
// reach, and looks at how the real ones are held.
func checkConfinement(t *testing.T, b *vm.Boot) {
	t.Helper()
	for _, service := range []string{"maild", "netd", "maild-rescue"} {
		told := tell(t, b, "confine "+service)
		disks := 0
		for name := range maps.Keys(told) {
			if strings.HasPrefix(name, "open disk ") {
				disks++
				if told[name] != "ENOENT" {
					t.Errorf("%s: %s: %s, want ENOENT of the %s", service, name, told[name], byView)
				}
			}
		}
		if disks < 3 {
			t.Errorf("%s: tried %d disks and partitions, want at least one disk with two partitions: %q", service, disks, told)
		}
		table := refusals(service)
		for _, name := range slices.Sorted(maps.Keys(table)) {
			want := table[name]
			if told[name] != want.answer {
				t.Errorf("%s: %s: %q, want %s of the %s", service, name, told[name], want.answer, want.layer)
			}
		}
		caps := map[string]string{"maild": "0000000000000000", "netd": "0000000002003000", "maild-rescue": "0000000000000000"}[service]
		held := told // the real one runs only where the disk can't be used
		if service != "maild-rescue" {
			held = tell(t, b, "look "+service)
		}
		for _, of := range []map[string]string{told, held} {
			for key, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapEff": caps, "CapBnd": caps} {
				if of[key] != want {
					t.Errorf("%s: %s is %q, want %q", service, key, of[key], want)
				}
			}
		}
		t.Logf("%s: %d acts tried, %d disks and partitions among them", service, len(told)-5, disks)
		if service == "maild-rescue" {
			continue
		}
		for key, want := range map[string]string{"memory belongs to": "0", "core limit": "0", "memory.max": "limited true", "pids.max": "limited true"} {
			if held[key] != want {
				t.Errorf("%s: %s %q, want %q", service, key, held[key], want)
			}
		}
	}
	kernel := tell(t, b, "look kernel")
	if !strings.Contains(kernel["lockdown"], "[integrity]") || !strings.Contains(kernel["lsm"], "landlock") {
		t.Errorf("kernel: %q, want lockdown at [integrity] and landlock among the modules", kernel)
	}
}
