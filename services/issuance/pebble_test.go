package issuance

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/tlscert"
)

// zoneFile answers for all names: this machine, and the TXT records that stand in it.
type zoneFile struct {
	mu  sync.Mutex
	txt map[string]string
}

func (z *zoneFile) set(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.txt[name+"."] = text
}

func (z *zoneFile) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(r)
	name := strings.ToLower(r.Question[0].Name)
	head := dns.RR_Header{Name: name, Class: dns.ClassINET, Ttl: 1, Rrtype: r.Question[0].Qtype}
	switch r.Question[0].Qtype {
	case dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: head, A: net.IPv4(127, 0, 0, 1)})
	case dns.TypeTXT:
		if text, ok := z.txt[name]; ok {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: head, Txt: []string{text}})
		}
	}
	_ = w.WriteMsg(m) // who asked asks again
}

// pebble starts the authority that Let's Encrypt tests clients with.
func pebble(t *testing.T, program string, challenges http.Handler, names dns.Handler) (directory string, client *http.Client) {
	t.Helper()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	certs, err := tlscert.Open(tlscert.Options{FS: files, Identity: tlscert.Identity{Names: []string{"localhost"}}})
	if err != nil {
		t.Fatal(err)
	}
	questions, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lookups := &dns.Server{Listener: questions, Handler: names}
	go func() { _ = lookups.ActivateAndServe() }()
	t.Cleanup(func() { _ = lookups.Shutdown() })
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: challenges}
	go func() { _ = server.Serve(web) }()
	t.Cleanup(func() { _ = server.Close() })
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	listen := free()
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": free(), "httpPort": web.Addr().(*net.TCPAddr).Port, "tlsPort": 1,
		"certificate": files.Path(tlscert.LeafFile), "privateKey": files.Path(tlscert.LeafFile),
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "-config", file, "-dnsserver", questions.Addr().String())
	c.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	roots := x509.NewCertPool()
	ca, err := x509.ParseCertificate(certs.CA())
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(ca)
	client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	directory = "https://" + listen + "/dir"
	for r, err := client.Get(directory); ; r, err = client.Get(directory) {
		if err == nil {
			_ = r.Body.Close()
			return directory, client
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestPebble gets certificates from a real authority, by both methods, and renews with
// the same key. SANDUK_PEBBLE names the program, which is made with
// go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest.
func TestPebble(t *testing.T) {
	program := os.Getenv("SANDUK_PEBBLE")
	if program == "" {
		t.Skip("SANDUK_PEBBLE does not name a pebble")
	}
	zone := &zoneFile{txt: map[string]string{}}
	var box *Issuance
	directory, client := pebble(t, program, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { box.ServeHTTP(w, r) }), zone)
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	if err := durable.MkdirAllSync(files, "private", 0o700); err != nil {
		t.Fatal(err)
	}
	var current *x509.Certificate
	options := Options{
		FS: files, Client: client, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Names:   func(context.Context, Method) []string { return []string{"mail.example.test", "mta-sts.example.test"} },
		Current: func() *x509.Certificate { return current },
		Take: func(chain [][]byte, key *ecdsa.PrivateKey) error {
			current, err = x509.ParseCertificate(chain[0])
			if err == nil && !key.PublicKey.Equal(current.PublicKey) {
				t.Error("the certificate is for another key")
			}
			return err
		},
		Published: func(_ context.Context, p Proof) bool {
			zone.mu.Lock()
			defer zone.mu.Unlock()
			return zone.txt[p.Name+"."] == p.Value
		},
	}
	if box, err = Open(options); err != nil {
		t.Fatal(err)
	}
	get := func(what string) *x509.Certificate {
		t.Helper()
		current = nil
		box.once(t.Context(), true)
		if current == nil {
			t.Fatalf("%s: %+v", what, box.State())
		}
		return current
	}
	if err := box.Set(Settings{directory, "admin@example.test", HTTP}); err != nil {
		t.Fatal(err)
	}
	first := get("http-01")
	if slices.Sort(first.DNSNames); !slices.Equal(first.DNSNames, []string{"mail.example.test", "mta-sts.example.test"}) {
		t.Errorf("it is for %q", first.DNSNames)
	}
	if again := get("renewal"); !slices.Equal(first.RawSubjectPublicKeyInfo, again.RawSubjectPublicKeyInfo) || again.Equal(first) {
		t.Error("renewed it has another key, or is the same")
	}
	options.Names = func(context.Context, Method) []string { return []string{"other.example.test"} }
	if box, err = Open(options); err != nil { // as after a start
		t.Fatal(err)
	}
	if err := box.Set(Settings{directory, "", DNS}); err != nil {
		t.Fatal(err)
	}
	current = nil
	box.once(t.Context(), true)
	proofs := box.Proofs()
	if len(proofs) != 1 || current != nil {
		t.Fatalf("before its record is published: %+v", box.State())
	}
	if box, err = Open(options); err != nil { // and again, while it waits
		t.Fatal(err)
	}
	zone.set(proofs[0].Name, proofs[0].Value)
	if got := get("dns-01"); got.VerifyHostname("other.example.test") != nil || len(box.Proofs()) != 0 {
		t.Errorf("it is for %q; it waits for %v", got.DNSNames, box.Proofs())
	}
}
