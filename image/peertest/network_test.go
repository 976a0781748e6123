package peertest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Addresses, of the ranges for examples (RFC 5737). No two are on one link for the box, or it would take them for the
// office's own computers.
const (
	boxAddr   = "203.0.113.1"
	worldAddr = "198.51.100.1" // everybody else: senders, policies
	dnsAddr   = "198.51.100.53"
)

// bridge joins the networks.
const bridge = "world0"

// newNetwork makes the bridge and this process's own place on it.
func newNetwork(t *testing.T) {
	t.Helper()
	command(t, "mount", "-t", "tmpfs", "tmpfs", "/run") // where ip keeps its names; in our mount namespace only
	command(t, "ip", "link", "set", "lo", "up")
	command(t, "ip", "link", "add", bridge, "type", "bridge")
	command(t, "ip", "link", "set", bridge, "up")
	command(t, "ip", "addr", "add", worldAddr+"/32", "dev", bridge)
	command(t, "ip", "addr", "add", dnsAddr+"/32", "dev", bridge)
	command(t, "ip", "route", "add", "default", "dev", bridge, "src", worldAddr)
}

// newPlace makes a network namespace of that name with these addresses; the first is the one that others see.
func newPlace(t *testing.T, name string, addrs ...string) {
	t.Helper()
	command(t, "ip", "netns", "add", name)
	command(t, "ip", "link", "add", "to-"+name, "type", "veth", "peer", "name", "eth0", "netns", name)
	command(t, "ip", "link", "set", "to-"+name, "master", bridge, "up")
	for _, addr := range addrs {
		command(t, "ip", "-n", name, "addr", "add", addr+"/32", "dev", "eth0")
	}
	command(t, "ip", "-n", name, "link", "set", "lo", "up")
	command(t, "ip", "-n", name, "link", "set", "eth0", "up")
	command(t, "ip", "-n", name, "route", "add", "default", "dev", "eth0", "src", addrs[0])
}

// in is a command in a place.
func in(ctx context.Context, place, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + place, name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// listenIn listens in a place.
func listenIn(t *testing.T, place, addr string) *net.TCPListener {
	t.Helper()
	type result struct {
		l   net.Listener
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + place)
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			done <- result{err: err}
			return
		}
		l, err := net.Listen("tcp", addr)
		done <- result{l, err}
	}()
	r := <-done
	if r.err != nil {
		t.Fatalf("listen on %s in %s: %v", addr, place, r.err)
	}
	return r.l.(*net.TCPListener)
}

// command runs a program that must succeed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
