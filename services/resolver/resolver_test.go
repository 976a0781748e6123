package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

func zones() map[string]string {
	return map[string]string{
		"com": "",
		"example.com": `
@       MX    20 second
@       MX    10 first
@       TXT   "v=spf1 " "-all"
first   A     192.0.2.1
first   AAAA  2001:db8::1
second  A     192.0.2.2
www     CNAME web
web     CNAME first
a       CNAME b
b       CNAME a
none    MX    0 .
_25._tcp.first TLSA 3 1 1 00112233
deep.down A   192.0.2.9
*.wild  A     192.0.2.3
*.wild  MX    5 first
away    CNAME mail.plain.test.
old     DNAME example.com.
xn--bcher-kva A 192.0.2.4
`,
		"test":       "",
		"plain.test": "mail A 198.51.100.1\n@ MX 1 mail",
		"2.0.192.in-addr.arpa": `
1 PTR first.example.com.
`,
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	c := n.Client()
	ctx := t.Context()

	mx, err := c.MX(ctx, "Example.COM")
	if want := []resolver.MX{{Preference: 10, Host: "first.example.com"}, {Preference: 20, Host: "second.example.com"}}; err != nil || !slices.Equal(mx.Records, want) {
		t.Errorf("MX: got %v, %v; want %v", mx.Records, err, want)
	}
	if mx.TTL <= 290*time.Second || mx.TTL > 300*time.Second {
		t.Errorf("MX: got TTL %s, want 300 s", mx.TTL)
	}
	if none, err := c.MX(ctx, "none.example.com"); err != nil || len(none.Records) != 1 || none.Records[0].Host != "" {
		t.Errorf("null MX: got %v, %v", none.Records, err)
	}
	txt, err := c.TXT(ctx, "example.com.")
	if err != nil || !slices.Equal(txt.Records, []string{"v=spf1 -all"}) {
		t.Errorf("TXT: got %q, %v", txt.Records, err)
	}
	both, err := c.Addresses(ctx, "www.example.com")
	if want := "[2001:db8::1 192.0.2.1]"; err != nil || fmt.Sprint(both.Records) != want || both.Name != "first.example.com" {
		t.Errorf("Addresses through aliases: got %v at %q, %v; want %s", both.Records, both.Name, err, want)
	}
	ptr, err := c.PTR(ctx, netip.MustParseAddr("::ffff:192.0.2.1"))
	if err != nil || !slices.Equal(ptr.Records, []string{"first.example.com"}) {
		t.Errorf("PTR: got %v, %v", ptr.Records, err)
	}
	tlsa, err := c.TLSA(ctx, "_25._tcp.first.example.com")
	if err != nil || len(tlsa.Records) != 1 || fmt.Sprint(tlsa.Records[0]) != "{3 1 1 [0 17 34 51]}" {
		t.Errorf("TLSA: got %v, %v", tlsa.Records, err)
	}
	if a, err := c.A(ctx, "bücher.example.com"); err != nil || fmt.Sprint(a.Records) != "[192.0.2.4]" {
		t.Errorf("IDN: got %v, %v", a.Records, err)
	}
	if a, err := c.A(ctx, "anything.wild.example.com"); err != nil || fmt.Sprint(a.Records) != "[192.0.2.3]" {
		t.Errorf("wildcard: got %v, %v", a.Records, err)
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	n.Fail("broken.example.com", "*", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	n.Fail("refused.example.com", "*", resolvertest.Fault{Rcode: dns.RcodeRefused})
	c := n.Client()
	for name, want := range map[string]error{
		"missing.example.com":              resolver.ErrNoName,
		"first.example.com":                resolver.ErrNoData, // it has no MX
		"down.example.com":                 resolver.ErrNoData, // there is only something below it
		"":                                 resolver.ErrName,
		"a..example.com":                   resolver.ErrName,
		strings.Repeat("a", 64) + ".com":   resolver.ErrName,
		strings.Repeat("abc.", 70) + "com": resolver.ErrName,
		"sp ace.example.com":               resolver.ErrName,
		"broken.example.com":               resolver.ErrServer,
		"refused.example.com":              resolver.ErrServer,
	} {
		_, err := c.MX(t.Context(), name)
		if !errors.Is(err, want) {
			t.Errorf("MX of %q: got %v, want %v", name, err, want)
		}
		if none := want != resolver.ErrServer; errors.Is(err, resolver.ErrNone) != none {
			t.Errorf("MX of %q: %v is an ErrNone: %t, want %t", name, err, !none, none)
		}
	}
	if _, err := c.A(t.Context(), "a.example.com"); err == nil || errors.Is(err, resolver.ErrNone) {
		t.Errorf("circle of aliases: got %v, want a temporary error", err)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := resolvertest.New(t, zones())
		c := n.Client()
		n.Fail("example.com", "MX", resolvertest.Fault{Silent: true, Times: 1})
		if _, err := c.MX(t.Context(), "example.com"); err != nil {
			t.Errorf("one lost packet: %v", err)
		}
		n.Fail("second.example.com", "A", resolvertest.Fault{Silent: true})
		began := time.Now()
		_, err := c.A(t.Context(), "second.example.com")
		if !errors.Is(err, resolver.ErrServer) || time.Since(began) != 10*time.Second {
			t.Errorf("a silent server: got %v after %s, want ErrServer after 10s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.A(ctx, "second.example.com"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller in a hurry: got %v, want its deadline", err)
		}
		time.Sleep(time.Minute) // the look-up ends by itself
	})
}

func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := resolvertest.New(t, zones())
		n.Add(t, "example.com", "long 31536000 A 192.0.2.5\nzero 0 A 192.0.2.6")
		c := n.Client()
		ask := func(name string) {
			t.Helper()
			if _, err := c.A(t.Context(), name); err != nil && !errors.Is(err, resolver.ErrNone) {
				t.Errorf("%s: %v", name, err)
			}
		}
		count := func(name string, want int) {
			t.Helper()
			if got := n.Asked(name, "A"); got != want {
				t.Errorf("%s was asked for %d times, want %d", name, got, want)
			}
		}
		for _, name := range []string{"first.example.com", "long.example.com", "missing.example.com", "zero.example.com"} {
			ask(name)
			ask(name)
			count(name, 1)
		}
		time.Sleep(61 * time.Second)
		ask("missing.example.com") // 60 s, says its zone
		count("missing.example.com", 2)
		ask("first.example.com")
		count("first.example.com", 1)
		time.Sleep(5 * time.Minute)
		ask("first.example.com")
		count("first.example.com", 2)
		time.Sleep(6 * time.Hour)
		ask("long.example.com") // a year is not believed
		count("long.example.com", 2)
	})
}

func TestSameQuestionAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := resolvertest.New(t, zones())
		n.Fail("first.example.com", "A", resolvertest.Fault{Delay: time.Second})
		c := n.Client()
		errs := make(chan error)
		for range 20 {
			go func() {
				_, err := c.A(t.Context(), "first.example.com")
				errs <- err
			}()
		}
		for range 20 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if got := n.Asked("first.example.com", "A"); got != 1 {
			t.Errorf("asked %d times, want once", got)
		}
	})
}

func TestForgedAnswers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*dns.Msg){
		"another ID":       func(m *dns.Msg) { m.Id++ },
		"another question": func(m *dns.Msg) { m.Question[0].Name = "victim.example.com." },
		"another case":     func(m *dns.Msg) { m.Question[0].Name = swapCase(m.Question[0].Name) },
		"no answer":        func(m *dns.Msg) { m.Response = false },
	} {
		n := resolvertest.New(t, zones())
		n.Fail("first.example.com", "A", resolvertest.Fault{Change: change, Times: 1})
		if _, err := n.Client().A(t.Context(), "first.example.com"); err != nil {
			t.Errorf("%s: the true answer was not asked for: %v", name, err)
		}
		n.Fail("first.example.com", "A", resolvertest.Fault{Change: change})
		if a, err := n.Client().A(t.Context(), "first.example.com"); err == nil {
			t.Errorf("%s: believed %v", name, a.Records)
		}
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 32
		}
		if r >= 'A' && r <= 'Z' {
			return r + 32
		}
		return r
	}, s)
}

func TestManyRecords(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "many A 10.0.%d.%d\n", i/256, i%256)
	}
	n.Add(t, "example.com", b.String())
	a, err := n.Client().A(t.Context(), "many.example.com")
	if err != nil || len(a.Records) != 100 {
		t.Errorf("got %d records, %v; want 100", len(a.Records), err)
	}
}

// TestNetwork asks over real sockets, with an answer that needs TCP.
func TestNetwork(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	n.Add(t, "example.com", strings.Repeat(`big TXT "`+strings.Repeat("x", 250)+"\"\n", 1)+`big TXT "`+strings.Repeat("y", 250)+`" "`+strings.Repeat("z", 250)+`" "`+strings.Repeat("z", 250)+`" "`+strings.Repeat("z", 250)+`" "`+strings.Repeat("z", 250)+"\"\n")
	c := resolver.New(resolver.Options{Server: n.Listen(t, "127.0.0.1:0")})
	if a, err := c.A(t.Context(), "www.example.com"); err != nil || fmt.Sprint(a.Records) != "[192.0.2.1]" {
		t.Errorf("UDP: got %v, %v", a.Records, err)
	}
	if a, err := c.TXT(t.Context(), "big.example.com"); err != nil || len(a.Records) != 2 || len(a.Records[1]) != 1250 {
		t.Errorf("TCP: got %d texts, %v", len(a.Records), err)
	}
	if got := n.Asked("big.example.com", "TXT"); got != 2 {
		t.Errorf("asked %d times, want UDP and TCP", got)
	}
}

// TestWords: that a server can't be asked is said without sockets and system calls: it
// stands in lists of waiting mail.
func TestWords(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := taken.LocalAddr().String()
	if err := taken.Close(); err != nil { // nobody answers there now
		t.Fatal(err)
	}
	_, err = resolver.New(resolver.Options{Server: netip.MustParseAddrPort(server)}).A(t.Context(), "www.example.com")
	if want := "look up www.example.com A: no DNS server answers: " + server + ": it refuses the connection"; err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
	if !errors.Is(err, resolver.ErrServer) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v has lost its cause", err)
	}
}

func TestSystemServers(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	var asked []string
	c := resolver.New(resolver.Options{Conf: conf, Exchange: func(ctx context.Context, server netip.AddrPort, tcp bool, query *dns.Msg) (*dns.Msg, error) {
		asked = append(asked, server.String())
		return n.Exchange(ctx, server, tcp, query)
	}})
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.A(t.Context(), "first.example.com"); err == nil || errors.Is(err, resolver.ErrNone) {
		t.Errorf("without a file: got %v, want a temporary error", err)
	}
	write("# nothing\n")
	if _, err := c.A(t.Context(), "first.example.com"); !errors.Is(err, resolver.ErrServer) {
		t.Errorf("without a server: got %v, want ErrServer", err)
	}
	write("nameserver 192.0.2.100\nnameserver fe80::1%lo\n")
	if _, err := c.A(t.Context(), "first.example.com"); err != nil {
		t.Error(err)
	}
	write("nameserver 2001:db8::53\n")
	if _, err := c.A(t.Context(), "second.example.com"); err != nil {
		t.Error(err)
	}
	if want := []string{"192.0.2.100:53", "[2001:db8::53]:53"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
