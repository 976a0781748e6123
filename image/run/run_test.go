package run

import (
	"net"
	"strings"
	"testing"
)

func TestConsoleHidesTheBoxsOwnAddress(t *testing.T) {
	t.Parallel()
	const in = "booting\nsetup: https://10.0.2.15/setup#AB\r\nset\nsetup: done\n\x1b[2Jmenu> "
	const want = "booting\nset\nsetup: done\n\x1b[2Jmenu> "
	for size := 1; size <= len(in); size++ {
		var out strings.Builder
		c := newConsole(&out)
		for rest := in; rest != ""; {
			n := min(size, len(rest))
			if _, err := c.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got := out.String(); got != want {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func TestConsoleSaysBetweenLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := newConsole(&out)
	c.say("one")
	c.Write([]byte("half a "))
	c.say("two %d", 2)
	c.Write([]byte("line\nsetup: https://10.0.2.15/"))
	c.say("three")
	c.Write([]byte("\nprompt> "))
	c.say("four")
	c.end()
	if got, want := out.String(), "one\nhalf a line\ntwo 2\nthree\nprompt> \nfour\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckPortsNamesEveryTakenPort(t *testing.T) {
	t.Parallel()
	var ports []Port
	for _, name := range []string{"smtp", "imap"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, Port{name, 1, l.Addr().(*net.TCPAddr).Port})
	}
	err := CheckPorts(ports)
	if err == nil || !strings.Contains(err.Error(), "(smtp)") || !strings.Contains(err.Error(), "(imap)") {
		t.Errorf("checkPorts = %v, want both named", err)
	}
	if err := CheckPorts(nil); err != nil {
		t.Errorf("checkPorts of nothing = %v", err)
	}
}

func TestPortsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := make(map[int]string)
	for _, p := range Ports() {
		for _, n := range []int{p.Guest, p.Host} {
			if seen[n] != "" {
				t.Errorf("port %d is both %s and %s", n, seen[n], p.Name)
			}
			seen[n] = p.Name
		}
	}
}
