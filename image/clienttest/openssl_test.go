package clienttest

import (
	"strings"
	"testing"
)

// testOpenSSL has openssl check the certificate on every port, before and after STARTTLS.
func testOpenSSL(t *testing.T, o *office, m *matrix) {
	ports := []struct{ service, starttls string }{
		{"smtp", "smtp"}, {"submission", "smtp"}, {"imap", "imap"}, {"pop3", "pop3"},
		{"submissions", ""}, {"imaps", ""}, {"pop3s", ""}, {"https", ""},
	}
	p := o.newProgram(t)
	call := func(service, starttls string, more ...string) result {
		args := []string{"s_client", "-connect", hostname + ":" + o.port(service), "-brief", "-verify_return_error", "-verify_hostname", hostname}
		if starttls != "" {
			args = append(args, "-starttls", starttls)
		}
		return p.run(t, "", "openssl", append(args, more...)...)
	}
	for _, port := range ports {
		how := "TLS at once"
		if port.starttls != "" {
			how = "STARTTLS"
		}
		m.try(t, "openssl", port.service+": certificate, "+how, func(t *testing.T) {
			for _, version := range []string{"-tls1_3", "-tls1_2"} {
				r := call(port.service, port.starttls, "-CAfile", o.caFile, "-no-CApath", "-no-CAstore", version)
				if r.code != 0 || !strings.Contains(r.out, "Verification: OK") {
					t.Errorf("%s: status %d; want 0 and a verified certificate\n%s", version, r.code, r.out)
				}
			}
		})
	}
	m.try(t, "openssl", "without the box's authority nothing is trusted", func(t *testing.T) {
		if r := call("imaps", "", "-no-CAfile", "-no-CApath", "-no-CAstore"); r.code == 0 {
			t.Error("the certificate was taken: the checks above check nothing")
		}
	})
	m.try(t, "openssl", "TLS 1.1 is refused", func(t *testing.T) {
		if r := call("imaps", "", "-CAfile", o.caFile, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"); r.code == 0 {
			t.Error("the box speaks TLS 1.1")
		}
	})
}
