package office

import (
	"net/http"
	"strings"
	"testing"
)

// TestAccess: who is bound to a network gets in from there and from nowhere else, by
// every protocol and on the pages, and is told so only with the right password.
func TestAccess(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	admin := o.api(t, "admin")
	refused := map[string]string{"IMAP": "a NO [CONTACTADMIN] ", "POP3": "-ERR [AUTH] This account can't be used from this network", "SMTP": "535 5.7.1 "}
	wrong := map[string]string{"IMAP": "a NO [AUTHENTICATIONFAILED] ", "POP3": "-ERR [AUTH] Address or password is wrong", "SMTP": "535 5.7.8 "}
	set := func(office bool, networks ...string) {
		t.Helper()
		admin.do("PUT", "/api/access", map[string]any{"who": "bob@" + testDomain, "office": office, "networks": append([]string{}, networks...)}, nil)
	}
	check := func(step string, want func(protocol string, d door) string) {
		t.Helper()
		for protocol, d := range doors() {
			if answer := o.try(t, d, "bob", testPassword); !strings.HasPrefix(answer, want(protocol, d)) {
				t.Errorf("%s, %s: %q; want %q", step, protocol, answer, want(protocol, d))
			}
		}
	}
	in := func(_ string, d door) string { return d.welcome }
	out := func(protocol string, _ door) string { return refused[protocol] }
	check("before", in)
	set(false, "192.0.2.0/24", "2001:db8::/32")
	check("elsewhere", out)
	for protocol, d := range doors() {
		if answer := o.try(t, d, "bob", "not his password"); !strings.HasPrefix(answer, wrong[protocol]) {
			t.Errorf("a guess, %s: %q; want %q", protocol, answer, wrong[protocol])
		}
		if answer := o.try(t, d, "alice", testPassword); !strings.HasPrefix(answer, d.welcome) {
			t.Errorf("alice, %s: %q", protocol, answer)
		}
	}
	set(false, "192.0.2.0/24", "127.0.0.0/8")
	check("in one of the networks", in)
	set(true, "192.0.2.0/24")
	check("in the office", in)
	set(false, "192.0.2.0/24")
	var list struct {
		Access []struct{ Who string }
	}
	if admin.do(http.MethodGet, "/api/access", nil, &list); len(list.Access) != 1 || list.Access[0].Who != "bob@"+testDomain {
		t.Errorf("listed: %+v", list)
	}
	set(false)
	check("after", in)
}
