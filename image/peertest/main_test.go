package peertest

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/image/debroot"
)

// insideVariable is set where the namespaces have been made.
const insideVariable = "SANDUK_PEERTEST_INSIDE"

// enter runs a test once more, in namespaces of its own: networks, mounts and processes that it makes end with it. It
// is true there, with the peers' programs at hand. Outside, where the packages can still be fetched, the test has been
// run when it returns false.
func enter(t *testing.T, list []*peer) bool {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED with -short: starts mail servers")
	}
	if os.Geteuid() != 0 {
		lack(t, "the peers' programs change users and networks, which needs root")
	}
	for _, p := range list {
		root, err := debroot.Unpack(t.Context(), "../..", p.name)
		if err != nil {
			lack(t, err.Error())
		}
		p.root = root
	}
	if os.Getenv(insideVariable) != "" {
		return true
	}
	// Unshare stays in between, as the first process of its namespace has to be a new one; it dies with us and takes
	// everything along.
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.parallel=64")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		t.Errorf("in the namespaces: %v", err)
	}
	return false
}

// lack skips a test where the machine has not what it takes; in the test script that is a failure.
func lack(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SANDUK_SYSTEM") != "" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
