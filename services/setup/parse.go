package setup

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// How many of each are taken. The box is made for some 300 people; each costs a
// tenth of a second when their passwords are hashed, so this is minutes at most.
const (
	maxAccounts = 2000
	maxDomains  = 100
	maxCollect  = 500
	maxNetworks = 100
	maxServers  = 3 // of DNS, more are never asked
)

// Bounds of collection: often enough for anyone, seldom enough for providers,
// which lock out whoever asks every few seconds.
const (
	shortestEvery = time.Minute
	longestEvery  = 24 * time.Hour
	usualEvery    = 5 * time.Minute
)

// Parse reads a set-up document. Every error is a *FieldError.
//
// hostname, domains and admin must be there. The rest has defaults: no further
// accounts, UTC, DHCP, direct delivery, nothing collected, nothing trusted.
// Passwords must be possible; whether they are good is CheckPasswords'.
func Parse(document []byte) (*Setup, error) {
	root, err := parseTree(document)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	o := r.object("", root)
	o.require("hostname", "the box's full name, such as mail.example.com")
	o.require("domains", "a list of the office's mail domains, such as [\"example.com\"]")
	o.require("admin", "who looks after the box, with address and password")

	s := &Setup{}
	path, text := o.text("hostname")
	s.Hostname = r.domain(path, text)
	s.Domains = o.domains("domains")
	s.Admin, s.Accounts = o.people(s.Domains)
	s.Timezone = o.timezone("timezone")
	s.Network = o.network("network")
	s.Outbound = o.outbound("outbound")
	s.Collect = o.collections("collect", s)
	o.list("trusted_networks", maxNetworks, func(path string, n node) {
		s.TrustedNetworks = append(s.TrustedNetworks, r.prefix(path, r.text(path, n)))
	})
	s.SubmissionExtraPort = o.extraPort("submission_extra_port")
	o.done()
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// CheckPasswords refuses passwords that are too weak, in the words of
// auth.CheckPassword; the error is a *FieldError.
func (s *Setup) CheckPasswords() error {
	if err := auth.CheckPassword(s.Admin.Address, s.Admin.Password); err != nil {
		return &FieldError{Field: "admin.password", Text: err.Error()}
	}
	for i, p := range s.Accounts {
		if err := auth.CheckPassword(p.Address, p.Password); err != nil {
			return &FieldError{Field: accountPath(i) + ".password", Text: err.Error()}
		}
	}
	return nil
}

// domain reads a name with at least one dot: mail for a name without one can't
// reach anybody else's server, nor can anybody's client tell it from a typo.
func (r *reader) domain(path, text string) domain.Name {
	if r.err != nil {
		return ""
	}
	name, err := domain.Canonical(text)
	switch {
	case err != nil:
		r.fail(path, "%s is not a domain name; one looks like example.com", shown(text))
	case !strings.Contains(string(name), "."):
		r.fail(path, "%s needs a dot, as in example.com (an office without a domain of its own can use office.internal)", shown(text))
	case isNumeric(string(name)):
		r.fail(path, "%s is an IP address; a domain name is needed here", shown(text))
	}
	return name
}

// isNumeric recognises a top level of digits, which is no domain (RFC 3696 §2)
// but a mistyped address.
func isNumeric(name string) bool {
	top := name[strings.LastIndexByte(name, '.')+1:]
	return !strings.ContainsFunc(top, func(r rune) bool { return r < '0' || r > '9' })
}

func (o *object) domains(name string) (all []domain.Name) {
	o.list(name, maxDomains, func(path string, n node) {
		d := o.r.domain(path, o.r.text(path, n))
		if slices.Contains(all, d) {
			o.r.fail(path, "%s stands twice", shown(d.Unicode()))
		}
		all = append(all, d)
	})
	if len(all) == 0 {
		o.r.fail(join(o.path, name), "There must be at least one domain, such as example.com")
	}
	return all
}

func (o *object) timezone(name string) string {
	path, zone := o.text(name)
	if !o.has(name) {
		return "UTC"
	}
	// LoadLocation takes "" for UTC and "Local" for the machine's own, which a
	// document can't mean.
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		o.r.fail(path, "%s is not a time zone; one looks like Europe/Tirane", shown(zone))
	}
	return zone
}

// extraPort keeps off the ports that the box itself needs.
func (o *object) extraPort(name string) uint16 {
	port := o.port(name, 0)
	if slices.Contains([]uint16{22, 25, 53, 80, 110, 143, 443, 465, 587, 993, 995}, port) {
		o.r.fail(join(o.path, name), "Port %d has a use already; choose another one, such as 26 or 2525", port)
	}
	return port
}

// prefix reads a network, or a single address.
func (r *reader) prefix(path, text string) netip.Prefix {
	if r.err != nil {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(text)
		if addrErr != nil || addr.Zone() != "" {
			r.fail(path, "%s is not a network; one looks like 192.168.1.0/24", shown(text))
			return netip.Prefix{}
		}
		p = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
	}
	// 10.0.0.0/8 and fc00::/7 are the widest networks an office can own.
	if p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 7 || p.Addr().Is4In6() {
		r.fail(path, "%s is too wide to be trusted; name the office's own networks", shown(text))
	}
	return p.Masked()
}

// addr reads one IP address.
func (r *reader) addr(path, text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if r.err == nil && (err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast()) {
		r.fail(path, "%s is not an IP address; one looks like 192.168.1.1", shown(text))
	}
	return addr.Unmap()
}

// host reads a server's name or address.
func (o *object) host(name string) string {
	path, text := o.text(name)
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return addr.Unmap().String()
	}
	host, err := domain.Canonical(text)
	if o.r.err == nil && (err != nil || isNumeric(string(host))) {
		o.r.fail(path, "%s is not the name of a server; one looks like mail.example.com", shown(text))
	}
	return string(host)
}

// password reads one that somebody will log in to the box with.
func (o *object) password(name string, account mail.Address) string {
	o.require(name, "the password to log in with")
	path, n, found := o.get(name)
	if !found {
		return ""
	}
	if n.kind != kindText {
		o.r.wrongKind(path, n, kindText)
		return ""
	}
	if err := auth.Possible(n.text); errors.Is(err, auth.ErrWeakPassword) {
		o.r.fail(path, "%v", err)
	}
	return n.text
}
