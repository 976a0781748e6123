package uplink

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// world is a DNS, and it may be down.
type world struct {
	mx    map[string][]resolver.MX
	hosts map[string][]netip.Addr
	names map[netip.Addr]string
	down  bool
}

func answer[R any](w *world, list []R) (a resolver.Answer[R], err error) {
	switch {
	case w.down:
		return a, errors.New("no answer")
	case len(list) == 0:
		return a, resolver.ErrNone
	}
	a.Records = list
	return a, nil
}

func (w *world) MX(_ context.Context, domain string) (resolver.Answer[resolver.MX], error) {
	return answer(w, w.mx[domain])
}

func (w *world) Addresses(_ context.Context, host string) (resolver.Answer[netip.Addr], error) {
	return answer(w, w.hosts[host])
}

func (w *world) PTR(_ context.Context, addr netip.Addr) (resolver.Answer[string], error) {
	if w.names[addr] == "" {
		return answer[string](w, nil)
	}
	return answer(w, []string{w.names[addr]})
}

// serve is a mail server on loopback that says text to EHLO.
func serve(t *testing.T, greeting, text string) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, greeting)
				lines := bufio.NewScanner(conn)
				for lines.Scan() {
					if strings.HasPrefix(lines.Text(), "EHLO [") {
						_, _ = io.WriteString(conn, text)
					}
				}
			}()
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func TestFind(t *testing.T) {
	t.Parallel()
	loop, own, seen := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.168.1.20"), netip.MustParseAddr("203.0.113.5")
	speaks := "250-mx.provider.test at your service, [203.0.113.5]\r\n250-SIZE 1\r\n250 HELP\r\n"
	healthy := func() *world {
		return &world{
			mx:    map[string][]resolver.MX{"office.test": {{Preference: 20, Host: "second.test"}, {Preference: 10, Host: "mx.provider.test"}}, "known.test": {{Host: "mx.known.test"}}},
			hosts: map[string][]netip.Addr{"mx.provider.test": {loop}, "mx.known.test": {loop}, "5.static.test": {seen}},
			names: map[netip.Addr]string{seen: "5.static.test."},
		}
	}
	for _, c := range []struct {
		name           string
		greeting, text string
		change         func(w *world)
		domain         string
		local          netip.Addr
		want           Findings
	}{
		{name: "all well behind a router", text: speaks, domain: "office.test", local: own,
			want: Findings{Internet: true, Public: seen, Line: LineRouter, Sending: PortOpen, Name: "5.static.test", Named: true, Today: []string{"mx.provider.test", "second.test"}, Advice: Direct}},
		{name: "a public address of its own", text: "250 hello\r\n", domain: "office.test", local: seen,
			want: Findings{Internet: true, Public: seen, Line: LinePublic, Sending: PortOpen, Name: "5.static.test", Named: true, Today: []string{"mx.provider.test", "second.test"}, Advice: Direct}},
		{name: "the provider's shared address", text: speaks, domain: "office.test", local: netip.MustParseAddr("100.64.3.4"),
			want: Findings{Internet: true, Public: seen, Line: LineShared, Sending: PortOpen, Name: "5.static.test", Named: true, Today: []string{"mx.provider.test", "second.test"}, Advice: Provider}},
		{name: "no name", text: speaks, domain: "office.test", local: own, change: func(w *world) { w.names = nil },
			want: Findings{Internet: true, Public: seen, Line: LineRouter, Sending: PortOpen, Today: []string{"mx.provider.test", "second.test"}, Advice: Provider}},
		{name: "a name that leads elsewhere", text: speaks, domain: "office.test", local: own, change: func(w *world) { delete(w.hosts, "5.static.test") },
			want: Findings{Internet: true, Public: seen, Line: LineRouter, Sending: PortOpen, Name: "5.static.test", Today: []string{"mx.provider.test", "second.test"}, Advice: Provider}},
		{name: "a new domain: others are asked", text: speaks, domain: "new.test", local: own,
			want: Findings{Internet: true, Public: seen, Line: LineRouter, Sending: PortOpen, Name: "5.static.test", Named: true, Advice: Direct}},
		{name: "something else answers at port 25", greeting: "HTTP/1.0 400 Bad Request\r\n", text: speaks, domain: "office.test", local: own,
			want: Findings{Internet: true, Sending: PortClosed, Today: []string{"mx.provider.test", "second.test"}, Advice: Provider}},
		{name: "a server that wants no mail of us", greeting: "554 go away\r\n", domain: "office.test", local: own,
			want: Findings{Internet: true, Sending: PortOpen, Today: []string{"mx.provider.test", "second.test"}, Advice: Provider}},
		{name: "no Internet", text: speaks, domain: "office.test", local: own, change: func(w *world) { w.down = true }, want: Findings{Advice: Inside}},
		{name: "no domain", text: speaks, local: own,
			want: Findings{Internet: true, Public: seen, Line: LineRouter, Sending: PortOpen, Name: "5.static.test", Named: true, Advice: Inside}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := healthy()
			if c.change != nil {
				c.change(w)
			}
			if c.greeting == "" {
				c.greeting = "220 mx.provider.test ESMTP\r\n"
			}
			f := &Finder{DNS: w, Addresses: func() []netip.Addr { return []netip.Addr{c.local} }, Port: serve(t, c.greeting, c.text), Known: []string{"known.test"}}
			got := f.Find(t.Context(), c.domain)
			c.want.Local = []netip.Addr{c.local}
			if !slices.Equal(got.Local, c.want.Local) || !slices.Equal(got.Today, c.want.Today) {
				t.Errorf("got local %v, today %v; want %v, %v", got.Local, got.Today, c.want.Local, c.want.Today)
			}
			got.Local, got.Today, c.want.Local, c.want.Today = nil, nil, nil, nil
			if g, w := sprint(got), sprint(c.want); g != w {
				t.Errorf("got  %s\nwant %s", g, w)
			}
		})
	}
}

func sprint(f Findings) string {
	return strings.Join([]string{string(f.Line), string(f.Sending), f.Name, f.Public.String(), string(f.Advice), map[bool]string{true: "internet"}[f.Internet], map[bool]string{true: "named"}[f.Named]}, "|")
}

// TestNobodyListens holds that a closed port is told from one that nobody tried.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	w := &world{mx: map[string][]resolver.MX{"office.test": {{Host: "mx.test"}}}, hosts: map[string][]netip.Addr{"mx.test": {netip.MustParseAddr("127.0.0.1")}}}
	f := &Finder{DNS: w, Addresses: func() []netip.Addr { return nil }, Port: 1, Known: []string{}}
	if got := f.Find(t.Context(), "office.test"); got.Sending != PortClosed {
		t.Errorf("sending %q where nobody listens; want %q", got.Sending, PortClosed)
	}
	f.Port = 0 // loopback is nobody's mail server, so nobody is asked
	if got := f.Find(t.Context(), "office.test"); got.Sending != PortUnknown {
		t.Errorf("sending %q where nobody could be asked; want nothing", got.Sending)
	}
}

func FuzzHello(f *testing.F) {
	f.Add("220 a\r\n250-b [203.0.113.5]\r\n250 c\r\n")
	f.Add("220-a\r\n220 b\r\n250 [IPv6:2001:4860::1] [\r\n")
	f.Add("2")
	f.Fuzz(func(t *testing.T, text string) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		go func() {
			_, _ = io.WriteString(there, text)
			there.Close()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), serverTime)
		defer cancel()
		seen, answered := hello(ctx, here, "[127.0.0.1]")
		if seen.IsValid() && (!answered || !isPublic(seen)) {
			t.Errorf("%q: an address %v of a server that did not answer, or one that nobody has on the Internet", text, seen)
		}
	})
}
