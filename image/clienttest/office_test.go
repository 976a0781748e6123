package clienttest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// The office that the tests set up.
const (
	domain   = "example.test"
	hostname = "mail." + domain
	password = "correct horse battery staple"
)

// people have an account each: one for each program, so that programs can be tested side by side.
func people() []string {
	return []string{
		"alice", "swaks", "curl", "msmtp", "mbsync", "second", "fetchmail", "mutt", "neomutt", "getmail",
		"offlineimap", "alpine", "thunderbird", "bird", "step", "bytes", "refused", "šaban",
	}
}

func at(local string) string { return local + "@" + domain }

// provisioning is the office's set-up file.
func provisioning(t *testing.T) []byte {
	t.Helper()
	type person struct {
		Address  string `json:"address"`
		Name     string `json:"name,omitempty"`
		Password string `json:"password"`
	}
	var accounts []person
	for _, local := range people() {
		accounts = append(accounts, person{at(local), strings.ToUpper(local[:1]) + local[1:], password})
	}
	text, err := json.Marshal(map[string]any{
		"hostname": hostname, "domains": []string{domain}, "admin": person{Address: at("admin"), Password: password},
		"accounts": accounts, "timezone": "Europe/Tirane", "network": map[string]string{"mode": "dhcp"},
		"outbound": map[string]string{"mode": "none"}, "trusted_networks": []string{"10.0.2.2/32", "127.0.0.0/8"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// office is a box that has been set up, and what its clients know of it.
type office struct {
	power
	addrs map[string]string // by the ports' names

	dir    string         // for the clients' files
	hosts  string         // file that gives the box's name this machine's loopback address
	caFile string         // the box's authority, PEM
	ca     *x509.CertPool // the same
}

// newOffice sets a box up from a file and starts it; changes are made to its disk before. What the box said is logged
// when the test fails.
func newOffice(t *testing.T, o vm.Options, changes ...func(*testing.T, *machine)) *office {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED with -short: starts a virtual machine")
	}
	setup := provisioning(t)
	if onHost() {
		return open(t, newHost(t, setup))
	}
	m := newMachine(t, o)
	if err := m.PutESP("setup.json", setup); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(t, m)
	}
	return open(t, m)
}

// open starts a box and gets the certificate from it, as a newcomer does: over plain HTTP.
func open(t *testing.T, p power) *office {
	t.Helper()
	o := &office{power: p, dir: keptDir(t)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the box's last words:\n%s", lastLines(o.story(), 60))
		}
	})
	o.addrs = o.on(t)
	o.hosts, o.caFile = filepath.Join(o.dir, "hosts"), filepath.Join(o.dir, "ca.pem")
	write(t, o.hosts, "127.0.0.1 localhost "+hostname+"\n")

	der := o.authority(t)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("GET /ca.crt is not a certificate: %v: %.200q", err, der)
	}
	o.ca = x509.NewCertPool()
	o.ca.AddCert(cert)
	write(t, o.caFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return o
}

// authority downloads the certificate of the box's authority.
func (o *office) authority(t *testing.T) []byte {
	t.Helper()
	answer, err := (&http.Client{Timeout: answerTime}).Get("http://" + o.addrs["http"] + "/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	der, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET /ca.crt: %s, %v", answer.Status, err)
	}
	return der
}

// again starts the box anew after it went off.
func (o *office) again(t *testing.T) {
	t.Helper()
	o.addrs = o.on(t)
}

// port is the number at which a service answers on this machine.
func (o *office) port(service string) string {
	_, port, _ := net.SplitHostPort(o.addrs[service])
	return port
}

// tls is what a client checks.
func (o *office) tls() *tls.Config { return &tls.Config{RootCAs: o.ca, ServerName: hostname} }

// web is a client of the box's pages that reaches it by its name.
func (o *office) web() *http.Client {
	return &http.Client{
		Timeout:       answerTime,
		Transport:     &http.Transport{TLSClientConfig: o.tls(), Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answerTime bounds one answer of a box under TCG; password hashing alone may take seconds there, and a message of
// fifty megabytes most of a minute.
const answerTime = 3 * time.Minute

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// eventually waits for something that another process is about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(answerTime); !done(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within %v", what, answerTime)
		}
	}
}
