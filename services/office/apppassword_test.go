package office

import (
	"net/http"
	"strings"
	"testing"
)

// TestAppPasswords: a program gets in by its own password where that is for, and no
// longer by the account's once they need one; what has logged in is shown, also after a
// restart.
func TestAppPasswords(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	bob := o.api(t, "bob")
	var made struct{ Password string }
	const own = "/api/me/app-passwords"
	bob.do(http.MethodPost, own, map[string]any{"name": "Phone", "services": []string{"imap", "submission"}, "current": testPassword}, &made)
	if len(made.Password) != 24 {
		t.Fatalf("made %q", made.Password)
	}
	check := func(step, password string, open ...string) {
		t.Helper()
		for protocol, d := range doors() {
			want := strings.Contains(strings.Join(open, " "), protocol)
			if answer := o.try(t, d, "bob", password); strings.HasPrefix(answer, d.welcome) != want {
				t.Errorf("%s, %s: %q; let in: want %v", step, protocol, answer, want)
			}
		}
	}
	check("the app password", made.Password, "IMAP", "SMTP")
	check("the password", testPassword, "IMAP", "SMTP", "POP3")
	bob.do(http.MethodPut, own, map[string]any{"only": true, "current": testPassword}, nil)
	check("the password that is for the pages", testPassword)
	check("the app password that is needed", made.Password, "IMAP", "SMTP")
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, o.data)
	check("after a restart", made.Password, "IMAP", "SMTP")
	bob, admin := o.api(t, "bob"), o.api(t, "admin")
	var shown struct {
		Passwords []struct {
			Name, Peer string
			Service    string `json:"used_service"`
		}
	}
	bob.do(http.MethodGet, own, nil, &shown)
	if len(shown.Passwords) != 1 || shown.Passwords[0].Service == "" {
		t.Errorf("shown %+v", shown)
	}
	var devices struct {
		Devices []struct{ Service, Client, Network string }
	}
	admin.do(http.MethodGet, "/api/accounts/bob@"+testDomain+"/devices", nil, &devices)
	got := map[string]bool{}
	for _, d := range devices.Devices {
		got[d.Service] = true
		if d.Network != "127.0.0.0/24" || d.Service == "submission" && d.Client != "client.test" {
			t.Errorf("device %+v", d)
		}
	}
	if !got["imap"] || !got["pop3"] || !got["submission"] {
		t.Errorf("devices %+v", devices)
	}
	admin.do(http.MethodDelete, "/api/accounts/bob@"+testDomain+"/app-passwords", nil, nil)
	check("ended", made.Password)
	check("the password again", testPassword, "IMAP", "SMTP", "POP3")
}
