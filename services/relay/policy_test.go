package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// authority signs certificates for a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func certificate(t testing.TB, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	a.cert, a.key = certificate(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
	}, nil, nil)
	return a
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// server is a configuration with a certificate for names, which ends at until.
func (a *authority) server(until time.Time, names ...string) *tls.Config {
	cert, key := certificate(a.t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: until,
	}, a.cert, a.key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key, Leaf: cert}}}
}

func later() time.Time { return time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC) }

// policyHost serves a policy, and counts how often.
type policyHost struct {
	text, kind string
	code       int
	asked      int
}

func (h *policyHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.asked++
	if r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != "mta-sts.peer.test" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", h.kind)
	w.Header().Set("Location", "https://mta-sts.peer.test/.well-known/mta-sts.txt")
	w.WriteHeader(h.code)
	_, _ = io.WriteString(w, h.text)
}

// serve is one connection of HTTPS.
func (h *policyHost) serve(config *tls.Config) func(net.Conn) {
	return func(c net.Conn) {
		k := &kept{Conn: tls.Server(c, config), closed: make(chan struct{})}
		l := &connListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		l.conns <- k
		s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
		go func() { <-k.closed; _ = l.Close() }()
		_ = s.Serve(l)
	}
}

const policyText = "version: STSv1\r\nmode: enforce\r\nmx: mx.peer.test\r\nmax_age: 604800\r\n"

func TestMTASTS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.server(later(), "mx.peer.test")
	for name, test := range map[string]struct {
		mx     *tls.Config // nil: no STARTTLS
		text   string      // of the policy; "" is policyText
		code   int
		web    *tls.Config
		want   string
		result string
	}{
		"good":         {mx: good, want: "relayed 250 2.0.0", result: `sts ""`},
		"no TLS":       {want: "deferred 0 4.7.4", result: `sts "starttls-not-supported"`},
		"wrong name":   {mx: ca.server(later(), "mx.other.test"), want: "deferred 0 4.7.5", result: `sts "certificate-host-mismatch"`},
		"not trusted":  {mx: other.server(later(), "mx.peer.test"), want: "deferred 0 4.7.5", result: `sts "certificate-not-trusted"`},
		"expired":      {mx: ca.server(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), "mx.peer.test"), want: "deferred 0 4.7.5", result: `sts "certificate-expired"`},
		"not named":    {mx: good, text: strings.Replace(policyText, "mx.peer", "*.mx.peer", 1), want: "deferred 0 4.7.5", result: `sts "validation-failure"`},
		"star":         {mx: good, text: strings.Replace(policyText, "mx.peer", "*.peer", 1), want: "relayed 250 2.0.0", result: `sts ""`},
		"testing":      {text: strings.Replace(policyText, "enforce", "testing", 1), want: "relayed 250 2.0.0", result: `sts "starttls-not-supported"`},
		"testing name": {mx: ca.server(later(), "mx.other.test"), text: strings.Replace(policyText, "enforce", "testing", 1), want: "relayed 250 2.0.0", result: `sts "certificate-host-mismatch"`},
		"none":         {text: "version: STSv1\nmode: none\nmax_age: 86400\n", want: "relayed 250 2.0.0", result: `no-policy-found "starttls-not-supported"`},
		"redirect":     {code: 301, want: "relayed 250 2.0.0", result: `sts "sts-policy-fetch-error"`},
		"web name":     {web: ca.server(later(), "peer.test"), want: "relayed 250 2.0.0", result: `sts "sts-webpki-invalid"`},
		"nonsense":     {text: "hello", want: "relayed 250 2.0.0", result: `sts "sts-policy-invalid"`},
		"endless":      {text: policyText + strings.Repeat("x: y\n", maxPolicy), want: "relayed 250 2.0.0", result: `sts "sts-policy-invalid"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Remove("_mta-sts.peer.test")
			w.Add(t, "peer.test", "_mta-sts TXT \"v=STSv1; id=a1;\"\nmta-sts A 192.0.2.80")
			h := &policyHost{text: policyText, kind: "text/plain; charset=utf-8", code: 200}
			if test.text != "" {
				h.text = test.text
			}
			if test.code != 0 {
				h.code = test.code
			}
			web := test.web
			if web == nil {
				web = ca.server(later(), "mta-sts.peer.test")
			}
			w.hosts["192.0.2.80:443"] = h.serve(web)
			w.hosts["192.0.2.1:25"] = (&server{tls: test.mx}).serve
			got := w.client(t, func(o *Options) { o.Roots = ca.pool() }).Send(t.Context(), job("peer.test", testMessage, "one"))
			if fates(got) != test.want {
				t.Errorf("%s: got %s %q, want %s", name, fates(got), got[0].Reply.Text, test.want)
			}
			if told := w.results(); len(told) == 0 || told[0] != "peer.test "+test.result {
				t.Errorf("%s: evidence %v, want %s", name, told, test.result)
			}
		})
	}
}

// TestPolicyHolds holds that a policy outlives what an attacker can do to DNS and
// the web, for its max_age; and that it is fetched again when its id changes.
func TestPolicyHolds(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Remove("_mta-sts.peer.test")
		w.Add(t, "peer.test", "_mta-sts TXT \"v=STSv1; id=a1;\"\nmta-sts A 192.0.2.80")
		h := &policyHost{text: policyText, kind: "text/plain", code: 200}
		w.hosts["192.0.2.80:443"] = h.serve(ca.server(later(), "mta-sts.peer.test"))
		s := &server{tls: ca.server(later(), "mx.peer.test")}
		w.hosts["192.0.2.1:25"] = s.serve
		c := w.client(t, func(o *Options) { o.Roots = ca.pool() })
		send := func(when, want string, asked int) {
			t.Helper()
			if got := c.Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != want || h.asked != asked {
				t.Errorf("%s: got %s %q after %d fetches; want %s after %d", when, fates(got), got[0].Reply.Text, h.asked, want, asked)
			}
			time.Sleep(time.Hour) // connections and answers of DNS are forgotten
			synctest.Wait()
		}
		send("at first", "relayed 250 2.0.0", 1)
		send("again", "relayed 250 2.0.0", 1)
		s.tls = nil // somebody takes STARTTLS away
		send("without TLS", "deferred 0 4.7.4", 1)
		w.Remove("_mta-sts.peer.test") // and the record
		send("without the record", "deferred 0 4.7.4", 1)
		w.Fail("_mta-sts.peer.test", "TXT", resolvertest.Fault{Rcode: 2})
		send("without DNS", "deferred 0 4.7.4", 1)
		w.Fail("_mta-sts.peer.test", "TXT", resolvertest.Fault{Times: 1})
		w.Add(t, "peer.test", "_mta-sts TXT \"v=STSv1; id=a2;\"")
		h.code = 500
		send("with a fetch that fails", "deferred 0 4.7.4", 2)
		h.code, h.text = 200, strings.Replace(policyText, "enforce", "none", 1)
		send("taken back", "relayed 250 2.0.0", 3)
		h.text, h.asked = policyText, 0
		time.Sleep(policyRefresh)
		send("refreshed after a day", "deferred 0 4.7.4", 1)
		w.Remove("_mta-sts.peer.test")
		time.Sleep(604800 * time.Second)
		send("after max_age", "relayed 250 2.0.0", 1)
	})
}

func TestPolicyID(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		records []string
		want    string
	}{
		{[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		{[]string{"v=STSv1;id=a", "v=spf1 -all"}, "a"},
		{[]string{"v=STSv1; id=a;", "v=STSv1; id=b;"}, ""},
		{[]string{"v=STSv1; id=a b"}, ""},
		{[]string{"v=STSv2; id=a"}, ""},
		{[]string{"v=STSv1;"}, ""},
		{nil, ""},
	} {
		if id, ok := policyID(test.records); ok != (test.want != "") || ok && id != test.want {
			t.Errorf("%q: got %q, %t; want %q", test.records, id, ok, test.want)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(policyText)
	f.Add("version: STSv1\nmode: testing\nmx: *.b\u00fccher.test\nmax_age: 31557600\nmode: none\nnew: thing")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePolicy(text)
		if err != nil {
			return
		}
		if p.age < 0 || p.age > maxPolicyAge*time.Second || p.mode != stsNone && len(p.mx) == 0 || len(p.mx) > maxPolicyMX {
			t.Errorf("%q: got %+v", text, p)
		}
		for _, mx := range p.mx {
			if host, star := strings.CutPrefix(mx, "*."); !p.names(mx) || star && (!p.names("a."+host) || p.names("b.a."+host) && !strings.Contains(strings.Join(p.mx, " "), "*.a."+host)) {
				t.Errorf("%q: %q matches wrongly", text, mx)
			}
		}
	})
}

// TestDANE has a signed zone name certificates of all kinds.
func TestDANE(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good := ca.server(later(), "mx.peer.test")
	odd := ca.server(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), "other.test") // expired, and another's
	record := func(usage, selector, matching int, c *x509.Certificate) string {
		data := c.Raw
		if selector == 1 {
			data = c.RawSubjectPublicKeyInfo
		}
		if matching == 1 {
			sum := sha256.Sum256(data)
			data = sum[:]
		}
		return fmt.Sprintf("%d %d %d %x", usage, selector, matching, data)
	}
	leaf := func(c *tls.Config) *x509.Certificate { return c.Certificates[0].Leaf }
	for name, test := range map[string]struct {
		tlsa, want, result string
		mx                 *tls.Config
	}{
		"key":              {record(3, 1, 1, leaf(good)), "relayed 250 2.0.0", `tlsa ""`, good},
		"certificate":      {record(3, 0, 0, leaf(good)), "relayed 250 2.0.0", `tlsa ""`, good},
		"key of any name":  {record(3, 1, 1, leaf(odd)), "relayed 250 2.0.0", `tlsa ""`, odd},
		"authority":        {record(2, 0, 1, ca.cert), "relayed 250 2.0.0", `tlsa ""`, good},
		"authority's name": {record(2, 0, 1, ca.cert), "deferred 0 4.7.5", `tlsa "certificate-expired"`, odd},
		"other key":        {record(3, 1, 1, leaf(odd)), "deferred 0 4.7.5", `tlsa "validation-failure"`, good},
		"no TLS":           {record(3, 1, 1, leaf(good)), "deferred 0 4.7.4", `tlsa "starttls-not-supported"`, nil},
		"of no use":        {record(1, 1, 1, leaf(good)), "relayed 250 2.0.0", `tlsa ""`, odd},
		"of no use, clear": {record(1, 1, 1, leaf(good)), "deferred 0 4.7.4", `tlsa "starttls-not-supported"`, nil},
		"two":              {record(3, 1, 1, leaf(odd)) + "\n_25._tcp.mx TLSA " + record(3, 1, 1, leaf(good)), "relayed 250 2.0.0", `tlsa ""`, good},
	} {
		for _, validated := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Add(t, "peer.test", "_25._tcp.mx TLSA "+test.tlsa)
				w.Sign(t, resolvertest.Signing{}, "", "test", "peer.test")
				w.hosts["192.0.2.1:25"] = (&server{tls: test.mx}).serve
				c := w.client(t, func(o *Options) {
					o.DNS = w.Client()
					if validated {
						o.DNS = w.Client().Validated()
					}
				})
				want := test.want
				if !validated {
					want = "relayed 250 2.0.0" // nothing is proven
				}
				got := c.Send(t.Context(), job("peer.test", testMessage, "one"))
				if fates(got) != want {
					t.Errorf("%s, validated %t: got %s %q, want %s", name, validated, fates(got), got[0].Reply.Text, want)
				}
				if told := w.results(); validated && (len(told) == 0 || told[0] != "peer.test "+test.result) {
					t.Errorf("%s: evidence %v, want %s", name, told, test.result)
				}
			})
		}
	}
	for name, test := range map[string]struct{ hop, zone string }{
		"the MX record is not signed":   {"plain.test", "peer.test"},
		"the TLSA record is not signed": {"peer.test", "_tcp.mx.peer.test"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			if test.zone == "peer.test" {
				w.Add(t, test.zone, "_25._tcp.mx TLSA "+record(3, 1, 1, leaf(odd)))
			} else {
				w.Add(t, test.zone, "_25 TLSA "+record(3, 1, 1, leaf(odd)))
			}
			w.Sign(t, resolvertest.Signing{}, "", "test", "peer.test")
			w.hosts["192.0.2.1:25"] = (&server{tls: good}).serve
			got := w.client(t, func(o *Options) { o.DNS = w.Client().Validated() }).Send(t.Context(), job(test.hop, testMessage, "one"))
			if fates(got) != "relayed 250 2.0.0" {
				t.Errorf("%s: got %s %q", name, fates(got), got[0].Reply.Text)
			}
		})
	}
	t.Run("TLSA can't be asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Sign(t, resolvertest.Signing{}, "", "test", "peer.test")
			w.Fail("_25._tcp.mx.peer.test", "TLSA", resolvertest.Fault{Rcode: 2})
			w.hosts["192.0.2.1:25"] = (&server{}).serve
			got := w.client(t, func(o *Options) { o.DNS = w.Client().Validated() }).Send(t.Context(), job("peer.test", testMessage, "one"))
			if fates(got) != "deferred 0 4.4.3" || len(w.called()) != 0 {
				t.Errorf("got %s after calls %v", fates(got), w.called())
			}
		})
	})
}

// TestRequireTLS holds that REQUIRETLS goes only where it is kept.
func TestRequireTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good := ca.server(later(), "mx.peer.test")
	for name, test := range map[string]struct {
		ehlo   []string
		mx     *tls.Config
		signed bool
		want   string
	}{
		"kept":        {[]string{"REQUIRETLS"}, good, true, "relayed 250 2.0.0"},
		"not offered": {nil, good, true, "failed 0 5.7.30"},
		"not proven":  {[]string{"REQUIRETLS"}, good, false, "failed 0 5.7.30"},
		"clear":       {[]string{"REQUIRETLS"}, nil, true, "failed 0 5.7.30"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			if test.signed {
				w.Sign(t, resolvertest.Signing{}, "", "test", "peer.test")
			}
			s := &server{tls: test.mx, ehlo: test.ehlo}
			w.hosts["192.0.2.1:25"] = s.serve
			j := job("peer.test", testMessage, "one")
			j.Wishes.RequireTLS = true
			got := w.client(t, func(o *Options) { o.DNS, o.Roots = w.Client().Validated(), ca.pool() }).Send(t.Context(), j)
			if fates(got) != test.want {
				t.Errorf("%s: got %s %q, want %s", name, fates(got), got[0].Reply.Text, test.want)
			}
			if sent := strings.Contains(strings.Join(s.said(), "\n"), " REQUIRETLS"); sent != (got[0].Fate == mail.FateRelayed) {
				t.Errorf("%s: REQUIRETLS said: %t", name, sent)
			}
		})
	}
}

// TestSmartHost goes through certificates, pins and what to do without it.
func TestSmartHost(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	good, bad := ca.server(later(), "smart.peer.test"), other.server(later(), "smart.peer.test")
	for name, test := range map[string]struct {
		route  Route
		server *server // nil: down
		port   string
		want   string
		at     string
	}{
		"implicit":  {Route{Transport: TransportTLS}, &server{tls: good, always: true}, "465", "relayed 250 2.0.0", "192.0.2.5:465"},
		"starttls":  {Route{}, &server{tls: good}, "587", "relayed 250 2.0.0", "192.0.2.5:587"},
		"clear":     {Route{Transport: TransportClear, Port: 2525}, &server{}, "2525", "relayed 250 2.0.0", "192.0.2.5:2525"},
		"stripped":  {Route{}, &server{}, "587", "deferred 0 4.7.4", "192.0.2.5:587"},
		"untrusted": {Route{}, &server{tls: bad}, "587", "deferred 0 4.7.5", "192.0.2.5:587"},
		"pinned":    {Route{Pin: PinOf(bad.Certificates[0].Leaf)}, &server{tls: bad}, "587", "relayed 250 2.0.0", "192.0.2.5:587"},
		"other pin": {Route{Pin: PinOf(bad.Certificates[0].Leaf)}, &server{tls: good}, "587", "deferred 0 4.7.5", "192.0.2.5:587"},
		"down":      {Route{}, nil, "587", "deferred 0 4.4.1", "192.0.2.5:587"},
		"direct":    {Route{Direct: true}, nil, "587", "relayed 250 2.0.0", "192.0.2.1:25"},
		"login":     {Route{User: "u", Password: "p", Transport: TransportClear}, &server{ehlo: []string{"AUTH PLAIN LOGIN"}}, "25", "deferred 0 4.7.8", "192.0.2.5:25"},
		"530":       {Route{}, &server{tls: good, on: map[string]string{"MAIL": "530 5.7.0 log in"}}, "587", "deferred 530 4.7.8", "192.0.2.5:587"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Add(t, "peer.test", "smart A 192.0.2.5")
			w.hosts["192.0.2.1:25"] = (&server{}).serve
			if test.server != nil {
				w.hosts["192.0.2.5:"+test.port] = test.server.serve
			}
			test.route.Host = "smart.peer.test"
			c := w.client(t, func(o *Options) {
				o.Roots = ca.pool()
				o.Route = func(mail.Hop) Route { return test.route }
			})
			got := c.Send(t.Context(), job("peer.test", testMessage, "one"))
			if fates(got) != test.want || got[0].Addr != netip.MustParseAddrPort(test.at) {
				t.Errorf("%s: got %s %q at %s; want %s at %s", name, fates(got), got[0].Reply.Text, got[0].Addr, test.want, test.at)
			}
		})
	}
}

// TestUnsureOfTheDate: while the box does not know the date, a certificate is judged by
// everything else: names and signers count as ever.
func TestUnsureOfTheDate(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	ended := time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC) // a bubble's time begins in 2000
	for name, test := range map[string]struct {
		tls  *tls.Config
		sure func() bool
		want string
	}{
		"ended":            {ca.server(ended, "smart.peer.test"), nil, "deferred 0 4.7.5"},
		"ended, sure":      {ca.server(ended, "smart.peer.test"), func() bool { return true }, "deferred 0 4.7.5"},
		"ended, not sure":  {ca.server(ended, "smart.peer.test"), func() bool { return false }, "relayed 250 2.0.0"},
		"good, not sure":   {ca.server(later(), "smart.peer.test"), func() bool { return false }, "relayed 250 2.0.0"},
		"another's name":   {ca.server(ended, "evil.peer.test"), func() bool { return false }, "deferred 0 4.7.5"},
		"another's signer": {other.server(ended, "smart.peer.test"), func() bool { return false }, "deferred 0 4.7.5"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Add(t, "peer.test", "smart A 192.0.2.5")
			w.hosts["192.0.2.5:587"] = (&server{tls: test.tls}).serve
			c := w.client(t, func(o *Options) {
				o.Roots, o.Sure = ca.pool(), test.sure
				o.Route = func(mail.Hop) Route { return Route{Host: "smart.peer.test"} }
			})
			if got := c.Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != test.want {
				t.Errorf("%s: got %s %q; want %s", name, fates(got), got[0].Reply.Text, test.want)
			}
		})
	}
}

// TestLogin goes through the mechanisms against go-sasl and package auth's own kind.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := &session{tls: "TLS", ext: extensions{mechanisms: []string{"PLAIN", "LOGIN"}}}
	if c, _, p := s.mechanism("u", "p"); p != nil {
		t.Error(p)
	} else if name, first, _ := c.Start(); name != sasl.Plain || string(first) != "\x00u\x00p" {
		t.Errorf("got %s %q", name, first)
	}
	s.ext.mechanisms = []string{"LOGIN"}
	c, _, p := s.mechanism("u", "p")
	if p != nil {
		t.Fatal(p)
	}
	for _, want := range []string{"u", "p"} {
		if got, err := c.Next([]byte("whatever?")); err != nil || string(got) != want {
			t.Errorf("LOGIN: got %q, %v; want %q", got, err, want)
		}
	}
	if _, err := c.Next(nil); err == nil {
		t.Error("LOGIN: a third question got an answer")
	}
}
