package office

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
)

// clientCertificate makes a key with a certificate that nobody has signed but it.
func clientCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// external opens a connection with a certificate, or without, and logs in by EXTERNAL.
// It gives the offer and the answer, and whether the client was asked for one.
func (o *testOffice) external(t testing.TB, d door, with *tls.Certificate, identity string) (offered bool, answer string, asked bool) {
	t.Helper()
	config := insecure()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if with == nil {
			return &tls.Certificate{}, nil
		}
		return with, nil
	}
	raw, err := tls.Dial("tcp", o.addrs[d.listener], config)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	in := bufio.NewScanner(raw)
	read := func(end string) string {
		t.Helper()
		for in.Scan() {
			line := in.Text()
			if strings.Contains(line, "EXTERNAL") && !strings.HasPrefix(line, "a ") {
				offered = true
			}
			if strings.HasPrefix(line, end) || strings.HasPrefix(line, "-ERR") || line == "." {
				return line
			}
		}
		t.Fatalf("the connection ended: %v", in.Err())
		return ""
	}
	ask := map[string][2]string{"imaps": {"b CAPABILITY", "b "}, "pop3s": {"CAPA", "."}, "submissions": {"EHLO client.test", "250 "}}[d.listener]
	read("")
	fmt.Fprintf(raw, "%s\r\n", ask[0])
	read(ask[1])
	response := "="
	if identity != "" {
		response = base64.StdEncoding.EncodeToString([]byte(identity))
	}
	fmt.Fprintf(raw, d.auth+"\r\n", "EXTERNAL", response)
	end := ""
	if d.listener == "imaps" {
		end = "a "
	}
	answer = read(end)
	if d.listener == "pop3s" && strings.HasPrefix(answer, "+OK") {
		fmt.Fprint(raw, "QUIT\r\n")
		for in.Scan() { // up to the end: the next session wants the maildrop
		}
	}
	return offered, answer, asked
}

// TestExternal: a certificate that was registered logs its owner in by every protocol,
// as nobody else, from where the owner may; no other does, and nobody is asked for one
// where none is registered.
func TestExternal(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	admin := o.api(t, "admin")
	mine, strange := clientCertificate(t), clientCertificate(t)
	print := fmt.Sprintf("%x", sha256.Sum256(mine.Certificate[0]))
	try := func(step string, with *tls.Certificate, identity string, offer, ask bool, want func(string, door) string) {
		t.Helper()
		for protocol, d := range doors() {
			offered, answer, asked := o.external(t, d, with, identity)
			if offered != offer || asked != ask || !strings.HasPrefix(answer, want(protocol, d)) {
				t.Errorf("%s, %s: offered %v, asked %v, %q; want %v, %v, %q", step, protocol, offered, asked, answer, offer, ask, want(protocol, d))
			}
		}
	}
	in := func(_ string, d door) string { return d.welcome }
	said := func(imap, pop3, smtp string) func(string, door) string {
		return func(protocol string, _ door) string {
			return map[string]string{"IMAP": imap, "POP3": pop3, "SMTP": smtp}[protocol]
		}
	}
	none := said("a NO ", "-ERR That log-in mechanism is not offered", "504 ")
	try("before", &mine, "", false, false, none)
	admin.do(http.MethodPut, "/api/certificates", map[string]any{"who": "bob@" + testDomain, "sha256": print, "name": "laptop"}, nil)
	try("registered", &mine, "", true, true, in)
	try("by name", &mine, "bob@"+testDomain, true, true, in)
	try("without one", nil, "", false, true, none)
	try("another's", &strange, "", false, true, none)
	try("as somebody else", &mine, "alice@"+testDomain, true, true, said("a NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]", "535 5.7.8"))
	admin.do(http.MethodPut, "/api/access", map[string]any{"who": "bob@" + testDomain, "office": false, "networks": []string{"192.0.2.0/24"}}, nil)
	try("from elsewhere", &mine, "", true, true, said("a NO [CONTACTADMIN]", "-ERR [AUTH] This account can't be used from this network", "535 5.7.1"))
	admin.do(http.MethodPut, "/api/access", map[string]any{"who": "bob@" + testDomain, "office": false, "networks": []string{}}, nil)
	admin.do(http.MethodDelete, "/api/certificates/"+print, nil, nil)
	try("removed", &mine, "", false, false, none)
}
