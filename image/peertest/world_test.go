package peertest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// build is where maild's log is kept.
const build = "../../build/peers"

// world is the Internet of the tests.
type world struct {
	*resolvertest.Internet
	*authority
	dir string // for everybody's files
	grey
}

func newWorld(t *testing.T) *world {
	t.Helper()
	newNetwork(t)
	w := &world{authority: newAuthority(t), dir: t.TempDir(), grey: grey{seen: make(map[string]bool)}}
	w.Internet = resolvertest.New(t, map[string]string{"test": "", "arpa": "", "box.test": "@ MX 10 mail\n@ TXT \"v=spf1 a:mail.box.test -all\"\nmail A " + boxAddr + "\nplain MX 10 mail"})
	w.Add(t, "arpa", reverse(boxAddr)+" PTR mail.box.test.")
	w.Listen(t, dnsAddr+":53")
	command(t, "mount", "--bind", w.file(t, "resolv.conf", "nameserver "+dnsAddr+"\n"), "/etc/resolv.conf") // for programs of this machine
	w.greylist(t)
	return w
}

// reverse is the name of an address below arpa.
func reverse(addr string) string {
	b := net.ParseIP(addr).To4()
	return fmt.Sprintf("%d.%d.%d.%d.in-addr", b[3], b[2], b[1], b[0])
}

// sign signs the zones, when all of them are there, and gives the file with the root's key.
func (w *world) sign(t *testing.T, zones ...string) string {
	t.Helper()
	w.Sign(t, resolvertest.Signing{}, append([]string{"", "test", "arpa", "box.test"}, zones...)...)
	var text strings.Builder
	for _, ds := range w.Anchors() {
		fmt.Fprintln(&text, ds)
	}
	return w.file(t, "anchor", text.String())
}

func (w *world) file(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// policies serves the MTA-STS policies of some domains (RFC 8461 §3.3): each names one host.
func (w *world) policies(t *testing.T, hosts map[string]string) {
	t.Helper()
	names := make([]string, 0, len(hosts))
	for domain := range hosts {
		names = append(names, "mta-sts."+domain)
	}
	id := w.issue(t, names...)
	cert, err := tls.X509KeyPair([]byte(id.cert), []byte(id.key))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", worldAddr+":443", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host := hosts[strings.TrimPrefix(r.Host, "mta-sts.")]
		if host == "" || r.URL.Path != "/.well-known/mta-sts.txt" {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(rw, "version: STSv1\r\nmode: enforce\r\nmx: %s\r\nmax_age: 86400\r\n", host)
	})}
	go func() { _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { server.Close() })
}

// greyAddr is where peers ask whether somebody shall wait, in the words of Postfix's policy protocol or, for others, one
// line with the recipient.
const greyAddr = worldAddr + ":10023"

// grey has refused a recipient once.
type grey struct {
	mu   sync.Mutex
	seen map[string]bool
}

// first says whether a recipient that wants to be greylisted is asked for the first time.
func (g *grey) first(recipient string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !strings.HasPrefix(recipient, "grey") || g.seen[recipient] {
		return false
	}
	g.seen[recipient] = true
	return true
}

func (g *grey) greylist(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", greyAddr)
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
			go g.answer(conn)
		}
	}()
}

func (g *grey) answer(conn net.Conn) {
	defer conn.Close()
	recipient := ""
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		key, value, policy := strings.Cut(lines.Text(), "=")
		switch {
		case !policy && key != "":
			fmt.Fprintf(conn, "%v\n", g.first(key))
			return
		case key == "recipient":
			recipient = value
		case key == "" && g.first(recipient):
			fmt.Fprint(conn, "action=450 4.7.1 Greylisted, come again\n\n")
		case key == "":
			fmt.Fprint(conn, "action=DUNNO\n\n")
		}
	}
}
