package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/netconf"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const (
	asNetd  = "SANDUK_TEST_AS_NETD"
	inside  = "SANDUK_TEST_NETNS"
	nobody  = 65534
	patient = 2 * time.Minute // only ends a broken run
)

// TestMain lets the test binary be the program itself, too.
func TestMain(m *testing.M) {
	if os.Getenv(asNetd) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestNetd runs the program as PID 1 does (an ordinary user with four
// capabilities) on a card whose other end stands in another namespace.
func TestNetd(t *testing.T) {
	if os.Getenv(inside) == "" {
		rerun(t)
		return
	}
	far := cable(t)
	b := start(t)
	b.await("READY=1")
	b.await("STATUS=box  ")

	// A strange machine asks for the name; the answer is the static address.
	if got := far.lookUp(t, "mailbox.local."); got != netip.MustParseAddr("192.168.7.20") {
		t.Errorf("mailbox.local is %v, want 192.168.7.20", got)
	}
	// The files follow soon after.
	eventually(t, func() error {
		s, err := netconf.ReadStatus(filepath.Join(b.run, "status.json"))
		if err == nil && (s.Name != "mailbox.local" || len(s.Cards) != 1 || s.Cards[0].Source != netconf.SourceStatic) {
			err = fmt.Errorf("status %+v", s)
		}
		return err
	})
	eventually(t, func() error {
		_, err := clock.ReadState(filepath.Join(b.run, "clock.json"))
		return err
	})
	// Broken settings change nothing; good ones count at once.
	b.configure(`{"mode":"static","address":"nonsense"}`)
	b.configure(`{"mode":"static","address":"192.168.7.44/24","gateway":"192.168.7.1"}`)
	b.await("STATUS=box  ", "192.168.7.44")
	for deadline := time.Now().Add(patient); ; {
		if far.lookUp(t, "mailbox.local.") == netip.MustParseAddr("192.168.7.44") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("mailbox.local is not the new address")
		}
	}
	b.stop()
}

// eventually waits until there is no error any more. Another process is waited for, so that takes real time.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(patient); ; <-time.After(20 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// rerun runs this test again in a network namespace of its own.
func rerun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT RUN: needs root to make a network namespace")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(err.Error(), "operation not permitted") {
		t.Skip("NOT RUN: this machine does not let root make a network namespace")
	}
	if err != nil {
		t.Errorf("in its namespace: %v\n%s", err, out)
	}
}

// network is the far end of the box's cable.
type network struct{ ns, own netns.NsHandle }

func cable(t *testing.T) network {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "box"}, PeerName: "far"}))
	runtime.LockOSThread()
	own, err := netns.Get()
	must(t, err)
	ns, err := netns.New()
	must(t, err)
	must(t, netns.Set(own))
	runtime.UnlockOSThread()
	link, err := netlink.LinkByName("far")
	must(t, err)
	must(t, netlink.LinkSetNsFd(link, int(ns)))
	n := network{ns, own}
	n.do(t, func() {
		link, err := netlink.LinkByName("far")
		must(t, err)
		must(t, netlink.LinkSetUp(link))
		a, err := netlink.ParseAddr("192.168.7.1/24")
		must(t, err)
		must(t, netlink.AddrAdd(link, a))
		must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: net.IPv4(224, 0, 0, 0), Mask: net.CIDRMask(4, 32)}}))
	})
	return n
}

// do runs f on the far side; sockets that it opens stay there.
func (n network) do(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, netns.Set(n.ns))
	defer func() { must(t, netns.Set(n.own)) }()
	f()
}

// lookUp asks the group like an ordinary resolver (RFC 6762 §6.7), until there is
// an answer.
func (n network) lookUp(t *testing.T, name string) netip.Addr {
	t.Helper()
	var c net.PacketConn
	n.do(t, func() {
		var err error
		c, err = net.ListenPacket("udp4", "192.168.7.1:0")
		must(t, err)
	})
	defer c.Close()
	q := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	packed, err := q.Pack()
	must(t, err)
	buf := make([]byte, 1500)
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); {
		_, err := c.WriteTo(packed, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
		must(t, err)
		must(t, c.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
		size, _, err := c.ReadFrom(buf)
		if err != nil {
			continue
		}
		var m dnsmessage.Message
		must(t, m.Unpack(buf[:size]))
		for _, a := range m.Answers {
			if r, ok := a.Body.(*dnsmessage.AResource); ok {
				return netip.AddrFrom4(r.A)
			}
		}
	}
	t.Fatalf("nobody answers for %s", name)
	return netip.Addr{}
}

// box is the running program.
type box struct {
	t           *testing.T
	cmd         *exec.Cmd
	notify      *net.UnixConn
	run, config string
	log         bytes.Buffer
}

// start starts the program as the user nobody.
func start(t *testing.T) *box {
	t.Helper()
	dir, err := os.MkdirTemp("", "netd") // t.TempDir is closed to other users
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	b := &box{t: t, run: filepath.Join(dir, "run"), config: filepath.Join(dir, "network.json")}
	must(t, os.Mkdir(b.run, 0o755))
	must(t, os.Chown(b.run, nobody, nobody))
	must(t, os.WriteFile(b.config, []byte(`{"mode":"static","address":"192.168.7.20/24","gateway":"192.168.7.1","ntp":["192.168.7.1"]}`), 0o644))
	socket := filepath.Join(dir, "notify")
	b.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	must(t, os.Chmod(socket, 0o777))
	program := filepath.Join(dir, "program")
	self, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(program, self, 0o755))

	b.cmd = exec.Command(program, "-config", b.config)
	b.cmd.Env = []string{asNetd + "=1", "NOTIFY_SOCKET=" + socket, "RUNTIME_DIRECTORY=" + b.run}
	b.cmd.Stderr = &b.log
	b.cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_TIME},
		Pdeathsig:   syscall.SIGKILL,
	}
	must(t, b.cmd.Start())
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill() // gone already when all went well
		if t.Failed() {
			t.Logf("netd said:\n%s", b.log.String())
		}
	})
	return b
}

// await reads what the program tells its supervisor until a message holds all
// parts.
func (b *box) await(parts ...string) {
	b.t.Helper()
	must(b.t, b.notify.SetReadDeadline(time.Now().Add(patient)))
	buf := make([]byte, 4096)
	for {
		n, err := b.notify.Read(buf)
		if err != nil {
			b.t.Fatalf("no %q: %v", parts, err)
		}
		found := true
		for _, p := range parts {
			found = found && strings.Contains(string(buf[:n]), p)
		}
		if found {
			return
		}
	}
}

func (b *box) configure(json string) {
	b.t.Helper()
	must(b.t, os.WriteFile(b.config, []byte(json), 0o644))
	must(b.t, b.cmd.Process.Signal(syscall.SIGHUP))
	b.await("WATCHDOG=1") // it lives on
}

// stop ends the program as PID 1 does.
func (b *box) stop() {
	b.t.Helper()
	began := time.Now()
	must(b.t, b.cmd.Process.Signal(syscall.SIGTERM))
	if err := b.cmd.Wait(); err != nil {
		b.t.Errorf("ended with %v", err)
	}
	if d := time.Since(began); d > patient/4 {
		b.t.Errorf("took %v to end", d)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
