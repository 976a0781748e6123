package setup

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the test doesn't depend on the machine's

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const contract = `{
  "hostname": "mail.example.test",
  "domains": ["example.test"],
  "admin": {"address": "admin@example.test", "password": "..."},
  "accounts": [{"address": "alice@example.test", "name": "Alice", "password": "..."}],
  "timezone": "Europe/Tirane",
  "network": {"mode": "dhcp"},
  "outbound": {"mode": "direct"},
  "trusted_networks": []
}`

func address(s string) mail.Address {
	local, domain, _ := strings.Cut(s, "@")
	return mail.Address{Local: local, Domain: domain}
}

func TestContract(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte("\ufeff" + contract))
	if err != nil {
		t.Fatal(err)
	}
	want := &Setup{
		Hostname: "mail.example.test", Domains: []domain.Name{"example.test"},
		Admin:    Person{Address: address("admin@example.test"), Password: "..."},
		Accounts: []Person{{Address: address("alice@example.test"), Name: "Alice", Password: "..."}},
		Timezone: "Europe/Tirane", Network: Network{Mode: NetworkDHCP}, Outbound: Outbound{Mode: OutboundDirect},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse =\n%+v, want\n%+v", got, want)
	}
}

func TestEverything(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(`{
		"submission_extra_port": 26, "hostname": "MAIL.example.test.", "domains": ["Example.TEST", "сандук.test"],
		"admin": {"address": "Admin@example.test", "name": " The Boss ", "password": "a"},
		"accounts": [{"address": "карл@xn--80aisksp.test", "password": "b"}],
		"network": {"mode": "static", "address": "192.168.1.20/24", "gateway": "192.168.1.1", "dns": ["192.168.1.1", "2001:db8::53"]},
		"outbound": {"mode": "smarthost", "host": "smtp.example.net", "port": 2525, "tls": "implicit", "user": "u", "password": "p"},
		"collect": [
			{"protocol": "pop3", "host": "pop.example.net", "user": "u", "password": "p", "every": "15m", "into": "example.test"},
			{"protocol": "imap", "host": "10.0.0.9", "port": 1143, "tls": "starttls", "user": "u", "password": "p", "into": "admin@example.test"}],
		"trusted_networks": ["10.1.2.3/16", "192.168.7.7", "fd00::/8"]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Setup{
		Hostname: "mail.example.test", Domains: []domain.Name{"example.test", "xn--80aisksp.test"},
		Admin:    Person{Address: address("admin@example.test"), Name: "The Boss", Password: "a"},
		Accounts: []Person{{Address: address("карл@xn--80aisksp.test"), Password: "b"}},
		Timezone: "UTC",
		Network: Network{Mode: NetworkStatic, Address: netip.MustParsePrefix("192.168.1.20/24"), Gateway: netip.MustParseAddr("192.168.1.1"),
			DNS: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("2001:db8::53")}},
		Outbound: Outbound{Mode: OutboundSmartHost, Host: "smtp.example.net", Port: 2525, TLS: TLSImplicit, User: "u", Password: "p"},
		Collect: []Collection{
			{Protocol: ProtocolPOP3, Host: "pop.example.net", Port: 995, TLS: TLSImplicit, User: "u", Password: "p", Every: 15 * time.Minute, IntoDomain: "example.test", Leave: UsualLeave},
			{Protocol: ProtocolIMAP, Host: "10.0.0.9", Port: 1143, TLS: TLSStartTLS, User: "u", Password: "p", Every: 5 * time.Minute, IntoAddress: address("admin@example.test"), Leave: UsualLeave}},
		TrustedNetworks:     []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("192.168.7.7/32"), netip.MustParsePrefix("fd00::/8")},
		SubmissionExtraPort: 26,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse =\n%+v, want\n%+v", got, want)
	}
}

// with is the contract's document with some fields changed; a nil value removes
// the field.
func with(t testing.TB, fields map[string]any) string {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(contract), &document); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		if value == nil {
			delete(document, name)
			continue
		}
		document[name] = value
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(with(t, map[string]any{"accounts": nil, "timezone": nil, "network": nil, "outbound": nil, "trusted_networks": nil})))
	if err != nil || got.Timezone != "UTC" || got.Network.Mode != NetworkDHCP || got.Outbound.Mode != OutboundDirect || got.Accounts != nil {
		t.Errorf("Parse = %+v, %v", got, err)
	}
	for tls, port := range map[string]uint16{"starttls": 587, "implicit": 465, "none": 25} {
		got, err := Parse([]byte(with(t, map[string]any{"outbound": map[string]any{"mode": "smarthost", "host": "a.test", "tls": tls}})))
		if err != nil || got.Outbound.Port != port {
			t.Errorf("smart host with TLS %s: port %d, %v; want %d", tls, got.Outbound.Port, err, port)
		}
	}
}

type obj = map[string]any

func TestErrors(t *testing.T) {
	t.Parallel()
	person := func(set obj) obj {
		p := obj{"address": "bob@example.test", "password": "..."}
		for k, v := range set {
			p[k] = v
		}
		return p
	}
	collection := func(set obj) []any {
		c := obj{"protocol": "pop3", "host": "a.test", "user": "u", "password": "p", "into": "example.test"}
		for k, v := range set {
			if v == nil {
				delete(c, k)
			} else {
				c[k] = v
			}
		}
		return []any{c}
	}
	static := func(set obj) obj {
		n := obj{"mode": "static", "address": "192.168.1.20/24"}
		for k, v := range set {
			n[k] = v
		}
		return n
	}
	smart := func(set obj) obj {
		o := obj{"mode": "smarthost", "host": "smtp.a.test"}
		for k, v := range set {
			o[k] = v
		}
		return o
	}
	for _, c := range []struct {
		fields obj
		field  string // of the error
		text   string // a part of it
	}{
		{obj{"hostname": nil}, "hostname", "This field is missing: the box's full name"},
		{obj{"domains": nil}, "domains", "This field is missing"},
		{obj{"admin": nil}, "admin", "This field is missing"},
		{obj{"hostname": 5}, "hostname", "This must be text in quotes, not a number"},
		{obj{"hostname": "mail"}, "hostname", `"mail" needs a dot`},
		{obj{"hostname": "a b.test"}, "hostname", `"a b.test" is not a domain name`},
		{obj{"hostname": "192.168.1.20"}, "hostname", "is an IP address"},
		{obj{"hostname": "a\nb.test"}, "hostname", "control characters"},
		{obj{"hostname": strings.Repeat("a", 2000)}, "hostname", "too long"},
		{obj{"domains": "example.test"}, "domains", "This must be a list in [ ], not text in quotes"},
		{obj{"domains": []any{}}, "domains", "at least one domain"},
		{obj{"domains": []any{"example.test", "EXAMPLE.test"}}, "domains[1]", "stands twice"},
		{obj{"domains": []any{"example.test", obj{}}}, "domains[1]", "not a group of fields"},
		{obj{"domain": "x"}, "domain", `"domains" is probably meant`},
		{obj{"trusted-networks": []any{}}, "\"trusted-networks\"", `"trusted_networks" is probably meant`},
		{obj{"colour": "red"}, "colour", "There is no field of this name here; these are known: hostname, domains"},
		{obj{"admin": "admin@example.test"}, "admin", "must be a group of fields"},
		{obj{"admin": obj{"password": "x"}}, "admin.address", "This field is missing"},
		{obj{"admin": obj{"address": "admin@example.test"}}, "admin.password", "This field is missing"},
		{obj{"admin": person(obj{"password": ""})}, "admin.password", "choose a password"},
		{obj{"admin": person(obj{"password": 12345})}, "admin.password", "text in quotes, not a number"},
		{obj{"admin": person(obj{"address": "admin"})}, "admin.address", `"admin" is not a mail address; one looks like alice@example.test`},
		{obj{"admin": person(obj{"address": "admin@example.net"})}, "admin.address", "not in one of the office's domains (example.test)"},
		{obj{"admin": person(obj{"address": `"a b"@example.test`})}, "admin.address", "in quotes"},
		{obj{"admin": person(obj{"adress": "x"})}, "admin.adress", "no field of this name"},
		{obj{"admin": person(obj{"name": strings.Repeat("x", 201)})}, "admin.name", "too long"},
		{obj{"accounts": []any{person(nil), person(obj{"address": "BOB@example.test"})}}, "accounts[1].address", "stands twice"},
		{obj{"accounts": []any{person(obj{"address": "admin@example.test"})}}, "accounts[0].address", "stands twice"},
		{obj{"accounts": make([]any, maxAccounts+1)}, "accounts", "too many: at most 2000"},
		{obj{"accounts": []any{nil}}, "accounts[0]", "not null"},
		{obj{"timezone": "Tirana"}, "timezone", `"Tirana" is not a time zone; one looks like Europe/Tirane`},
		{obj{"timezone": "Local"}, "timezone", "not a time zone"},
		{obj{"timezone": ""}, "timezone", "not a time zone"},
		{obj{"timezone": "../etc/passwd"}, "timezone", "not a time zone"},
		{obj{"network": obj{}}, "network.mode", "This field is missing"},
		{obj{"network": obj{"mode": "auto"}}, "network.mode", `"auto" is not possible here; choose "dhcp" or "static"`},
		{obj{"network": obj{"mode": "dhcp", "gateway": "10.0.0.1"}}, "network.gateway", `no meaning with "dhcp"`},
		{obj{"network": obj{"mode": "static"}}, "network.address", "This field is missing"},
		{obj{"network": static(obj{"address": "192.168.1.20"})}, "network.address", "with a network's length"},
		{obj{"network": static(obj{"address": "192.168.1.0/24"})}, "network.address", "name of a network"},
		{obj{"network": static(obj{"address": "192.168.1.255/24"})}, "network.address", "name of a network"},
		{obj{"network": static(obj{"address": "127.0.0.1/8"})}, "network.address", "can't be used"},
		{obj{"network": static(obj{"gateway": "192.168.2.1"})}, "network.gateway", "not in the box's own network 192.168.1.0/24"},
		{obj{"network": static(obj{"gateway": "192.168.1.20"})}, "network.gateway", "not in the box's own network"},
		{obj{"network": static(obj{"dns": []any{"dns.test"}})}, "network.dns[0]", "not an IP address"},
		{obj{"network": static(obj{"dns": []any{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"}})}, "network.dns", "at most 3"},
		{obj{"network": static(obj{"netmask": "255.255.255.0"})}, "network.netmask", "no field of this name"},
		{obj{"outbound": obj{"mode": "smart"}}, "outbound.mode", `choose "direct" or "smarthost" or "none"`},
		{obj{"outbound": obj{"mode": "direct", "host": "x.test"}}, "outbound.host", "no meaning here"},
		{obj{"outbound": obj{"mode": "smarthost"}}, "outbound.host", "This field is missing"},
		{obj{"outbound": smart(obj{"host": "not a host"})}, "outbound.host", "not the name of a server"},
		{obj{"outbound": smart(obj{"host": "10.0.0.256"})}, "outbound.host", "not the name of a server"},
		{obj{"outbound": smart(obj{"port": 0})}, "outbound.port", "from 1 to 65535"},
		{obj{"outbound": smart(obj{"port": 65536})}, "outbound.port", "from 1 to 65535"},
		{obj{"outbound": smart(obj{"port": 25.5})}, "outbound.port", "whole number"},
		{obj{"outbound": smart(obj{"port": "25"})}, "outbound.port", "must be a number"},
		{obj{"outbound": smart(obj{"tls": "ssl"})}, "outbound.tls", `"starttls" or "implicit" or "none"`},
		{obj{"outbound": smart(obj{"user": "u"})}, "outbound.password", "goes with the user"},
		{obj{"outbound": smart(obj{"password": "p"})}, "outbound.user", "goes with the password"},
		{obj{"collect": collection(obj{"protocol": "eas"})}, "collect[0].protocol", `"pop3" or "imap"`},
		{obj{"collect": collection(obj{"user": nil})}, "collect[0].user", "This field is missing"},
		{obj{"collect": collection(obj{"password": ""})}, "collect[0].password", "can't be empty"},
		{obj{"collect": collection(obj{"every": "5"})}, "collect[0].every", "one looks like 5m"},
		{obj{"collect": collection(obj{"leave": "a week"})}, "collect[0].leave", "7d, or 0, or forever"},
		{obj{"collect": collection(obj{"leave": "-1"})}, "collect[0].leave", "not possible"},
		{obj{"collect": collection(obj{"folders": []any{"Work"}})}, "collect[0].folders", "POP3 knows no folders"},
		{obj{"collect": collection(obj{"fields": []any{"X Y"}})}, "collect[0].fields[0]", "not the name of a header field"},
		{obj{"collect": collection(obj{"to_cc": "yes"})}, "collect[0].to_cc", "true or false"},
		{obj{"collect": collection(obj{"into": "admin@example.test", "to_cc": true})}, "collect[0].to_cc", "only where mail is sorted"},
		{obj{"collect": collection(obj{"unsorted": "nobody@example.test"})}, "collect[0].unsorted", "Nobody here has the address"},
		{obj{"collect": collection(obj{"believe": "a b"})}, "collect[0].believe", "one word"},
		{obj{"collect": collection(obj{"every": "1s"})}, "collect[0].every", "not possible"},
		{obj{"collect": collection(obj{"every": "48h"})}, "collect[0].every", "not possible"},
		{obj{"collect": collection(obj{"into": "example.net"})}, "collect[0].into", "not one of the office's domains"},
		{obj{"collect": collection(obj{"into": "bob@example.test"})}, "collect[0].into", "Nobody here has the address"},
		{obj{"collect": collection(obj{"into": "bob@example.net"})}, "collect[0].into", "not in one of the office's domains"},
		{obj{"trusted_networks": []any{"office"}}, "trusted_networks[0]", "one looks like 192.168.1.0/24"},
		{obj{"trusted_networks": []any{"0.0.0.0/0"}}, "trusted_networks[0]", "too wide"},
		{obj{"trusted_networks": []any{"::/0"}}, "trusted_networks[0]", "too wide"},
		{obj{"submission_extra_port": 25}, "submission_extra_port", "Port 25 has a use already"},
		{obj{"submission_extra_port": true}, "submission_extra_port", "must be a number"},
	} {
		got, err := Parse([]byte(with(t, c.fields)))
		var fieldErr *FieldError
		if !errors.As(err, &fieldErr) || got != nil {
			t.Errorf("%v: %+v, %v; want a FieldError of %s", c.fields, got, err, c.field)
			continue
		}
		if fieldErr.Field != c.field || !strings.Contains(fieldErr.Text, c.text) {
			t.Errorf("%v:\n got %v\nwant %s: … %s …", c.fields, err, c.field, c.text)
		}
	}
}

func TestDocumentErrors(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"":                           "not JSON",
		"{":                          "not JSON, look at line 1",
		"{\n\"hostname\": ,\n}":      "not JSON, look at line 2",
		contract + "x":               "not JSON",
		"[]":                         "must be a group of fields in { }, not a list",
		"null":                       "not null",
		"\xff":                       "not in UTF-8",
		`{"a":1,"b":{"c":2,"c":3}}`:  "b.c: This field stands twice",
		`{"a":[[[[[[[[[1]]]]]]]]]}`:  "nested too deep",
		strings.Repeat(" ", 1<<20+1): "too large",
		`{"hostname":"a.test","hostname":"b.test"}`:            "hostname: This field stands twice",
		strings.Replace(contract, "{", `{"\u0000\r\n": 1,`, 1): `"\x00\r\n"`,
	} {
		_, err := Parse([]byte(document))
		var fieldErr *FieldError
		if !errors.As(err, &fieldErr) || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want a FieldError with %q", document, err, want)
		}
	}
}

func TestCheckPasswords(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(contract))
	if err != nil {
		t.Fatal(err)
	}
	var fieldErr *FieldError
	if err := s.CheckPasswords(); !errors.As(err, &fieldErr) || fieldErr.Field != "admin.password" {
		t.Errorf("CheckPasswords = %v, want an error of admin.password", err)
	}
	s.Admin.Password = "seven green bottles"
	if err := s.CheckPasswords(); !errors.As(err, &fieldErr) || fieldErr.Field != "accounts[0].password" || !strings.Contains(fieldErr.Text, "too short") {
		t.Errorf("CheckPasswords = %v, want an error of accounts[0].password", err)
	}
	s.Accounts[0].Password = "eight brown bottles"
	if err := s.CheckPasswords(); err != nil {
		t.Errorf("CheckPasswords = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(contract))
	f.Add([]byte(`{"hostname":"a.test","domains":["a.test"],"admin":{"address":"a@a.test","password":"x"},"collect":[{"into":"a@a.test"}]}`))
	f.Add([]byte(`{"network":{"mode":"static","address":"1.2.3.4/31"},"outbound":{"mode":"smarthost","host":"::1"}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		s, err := Parse(document)
		var fieldErr *FieldError
		if err != nil {
			if !errors.As(err, &fieldErr) || s != nil {
				t.Fatalf("Parse = %v, %v", s, err)
			}
			if strings.ContainsAny(fieldErr.Field, "\r\n\x00") || len(err.Error()) > 4000 {
				t.Fatalf("the error can't be shown: %q", err)
			}
			return
		}
		if s.Hostname == "" || len(s.Domains) == 0 || s.Admin.Address.IsZero() || s.Timezone == "" || s.Network.Mode == "" || s.Outbound.Mode == "" {
			t.Fatalf("Parse left something out: %+v", s)
		}
	})
}

// TestParseCollection: one mailbox alone, with the password of before.
func TestParseCollection(t *testing.T) {
	t.Parallel()
	known := func(a mail.Address) bool { return a.Local == "alice" }
	domains := []domain.Name{"example.test"}
	text := `{"protocol": "imap", "host": "imap.example.net", "user": "u", "into": "example.test", "leave": "forever", "folders": ["INBOX", "Work", "Work"],
		"fields": ["X-Rcpt", "Received"], "to_cc": true, "unsorted": "alice@example.test", "believe": "mx.example.net", "paused": true`
	got, err := ParseCollection([]byte(text+"}"), "kept", domains, known)
	want := Collection{Protocol: ProtocolIMAP, Host: "imap.example.net", Port: 993, TLS: TLSImplicit, User: "u", Password: "kept", Every: usualEvery, IntoDomain: "example.test",
		Leave: LeaveForEver, Folders: []string{"Work"}, Fields: []string{"X-Rcpt", "Received"}, ToCc: true, Keeper: mail.Address{Local: "alice", Domain: "example.test"}, Believe: "mx.example.net", Paused: true}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := ParseCollection([]byte(text+`, "password": "new"}`), "kept", domains, known); err != nil || got.Password != "new" {
		t.Errorf("with a new password: %q, %v", got.Password, err)
	}
	for _, wrong := range []string{text + "}", "[]", "", `{"protocol": "imap"}`} {
		if _, err := ParseCollection([]byte(wrong), "", domains, known); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
