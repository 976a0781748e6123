package operator

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNetworkCommands: what the commands of admission and network ask of the box, and what they say of its answers.
func TestNetworkCommands(t *testing.T) {
	t.Parallel()
	var asked string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, body))
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/api/network":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"trial_seconds":90}`)
			return
		case r.Method != http.MethodGet:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/network" {
			fmt.Fprint(w, `{"network":{"mode":"dhcp"},"trial_seconds":40,"went_back":true}`)
			return
		}
		fmt.Fprint(w, `{"office":["10.1.0.0/16"],"doors":{"imap":["0.0.0.0/0","::/0"],"pop3":[],"submission":["192.0.2.7"]},"paths":true}`)
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args        []string
		status      int
		asked, said string
	}{
		{[]string{"admission", "show"}, exitDone, "GET /api/admission", "The office's too, elsewhere: 10.1.0.0/16"},
		{[]string{"admission", "show"}, exitDone, "GET /api/admission", "imap can be used from everywhere"},
		{[]string{"admission", "show"}, exitDone, "GET /api/admission", "submission can be used from 192.0.2.7"},
		{[]string{"admission", "show"}, exitDone, "GET /api/admission", "its pages are not"},
		{[]string{"admission", "office", "10.2.0.0/16,10.3.0.0/16"}, exitDone, `PUT /api/admission {"office":["10.2.0.0/16","10.3.0.0/16"],"doors":{"imap":["0.0.0.0/0","::/0"],"pop3":[],"submission":["192.0.2.7"]},"paths":true}`, "10.2.0.0/16, 10.3.0.0/16"},
		{[]string{"admission", "door", "POP3", "everybody"}, exitDone, `PUT /api/admission {"office":["10.1.0.0/16"],"doors":{"imap":["0.0.0.0/0","::/0"],"pop3":["0.0.0.0/0","::/0"],"submission":["192.0.2.7"]},"paths":true}`, "pop3 can be used from everywhere"},
		{[]string{"admission", "door", "imap", ""}, exitDone, `PUT /api/admission {"office":["10.1.0.0/16"],"doors":{"imap":[],"pop3":[],"submission":["192.0.2.7"]},"paths":true}`, "imap can be used from the office's networks only"},
		{[]string{"admission", "door", "https", "everybody"}, exitUsage, "GET /api/admission", "imap, pop3 or submission"},
		{[]string{"admission", "paths", "off"}, exitDone, `PUT /api/admission {"office":["10.1.0.0/16"],"doors":{"imap":["0.0.0.0/0","::/0"],"pop3":[],"submission":["192.0.2.7"]},"paths":false}`, "office's networks only"},
		{[]string{"network", "show"}, exitDone, "GET /api/network", "in 40 seconds those from before come back"},
		{[]string{"network", "show"}, exitDone, "GET /api/network", "not confirmed in time"},
		{[]string{"network", "dhcp"}, exitDone, `PUT /api/network {"network":{"mode":"dhcp"}}`, "which is on its screen"},
		{[]string{"network", "static", "192.0.2.20/24", "--gateway", "192.0.2.1", "--dns", "192.0.2.1,192.0.2.2"}, exitDone, `PUT /api/network {"network":{"mode":"static","address":"192.0.2.20/24","gateway":"192.0.2.1","dns":["192.0.2.1","192.0.2.2"]}}`, "https://192.0.2.20"},
		{[]string{"network", "static", "2001:db8::20/64"}, exitDone, `PUT /api/network {"network":{"mode":"static","address":"2001:db8::20/64"}}`, "On trial for 90 seconds"},
		{[]string{"network", "dhcp", "--vlan", "7"}, exitDone, `PUT /api/network {"network":{"mode":"dhcp","vlan":7}}`, "On trial for 90 seconds"},
		{[]string{"network", "dhcp", "--dns", "192.0.2.53", "--dns-tls", "dns.test"}, exitDone, `PUT /api/network {"network":{"mode":"dhcp","dns":["192.0.2.53"],"dns_tls":"dns.test"}}`, "On trial for 90 seconds"},
		{[]string{"network", "keep"}, exitDone, "POST /api/network/keep", "The network settings stay"},
		{[]string{"admission", "paths", "perhaps"}, exitUsage, "", "say on or off"},
	} {
		asked = ""
		var out bytes.Buffer
		status := Run(t.Context(), append(test.args, "--box", s.URL, "--token", "t", "--ca", ca), Streams{Out: &out, Err: &out, Getenv: func(string) string { return "" }})
		if said := out.String(); status != test.status || asked != test.asked || !strings.Contains(said, test.said) {
			t.Errorf("%q: status %d, asked %s, said %s; want %d, %s, %s", test.args, status, asked, said, test.status, test.asked, test.said)
		}
	}
}
