package setup

import (
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
)

func (o *object) outbound(name string) Outbound {
	path, n, found := o.get(name)
	if !found {
		return Outbound{Mode: OutboundDirect}
	}
	in := o.r.object(path, n)
	in.require("mode", `"direct", "smarthost" or "none"`)
	out := Outbound{Mode: choice(in, "mode", OutboundDirect, OutboundDirect, OutboundSmartHost, OutboundNone)}
	if out.Mode != OutboundSmartHost {
		in.forbid(`This has no meaning here: remove it, or set mode to "smarthost"`, "host", "port", "tls", "user", "password")
		in.done()
		return out
	}
	in.require("host", "the provider's server for outgoing mail, such as smtp.example.com")
	out.Host = in.host("host")
	out.TLS = choice(in, "tls", TLSStartTLS, TLSStartTLS, TLSImplicit, TLSNone)
	out.Port = in.port("port", map[TLSMode]uint16{TLSStartTLS: 587, TLSImplicit: 465, TLSNone: 25}[out.TLS])
	_, out.User = in.text("user")
	_, out.Password = in.text("password")
	if out.User != "" && out.Password == "" {
		in.r.fail(join(path, "password"), "This field is missing: the password that goes with the user")
	}
	if out.User == "" && out.Password != "" {
		in.r.fail(join(path, "user"), "This field is missing: the user that goes with the password")
	}
	in.done()
	return out
}

func (o *object) collections(name string, s *Setup) (all []Collection) {
	o.list(name, maxCollect, func(path string, n node) {
		all = append(all, o.r.collection(path, n, s))
	})
	return all
}

func (r *reader) collection(path string, n node, s *Setup) Collection {
	o := r.object(path, n)
	o.require("protocol", `"pop3" or "imap"`)
	o.require("host", "the provider's server, such as pop.example.com")
	o.require("user", "the log-in name at the provider")
	o.require("password", "the password at the provider")
	o.require("into", "where the mail goes: one of the office's addresses or domains")
	c := Collection{
		Protocol: choice(o, "protocol", ProtocolPOP3, ProtocolPOP3, ProtocolIMAP),
		Host:     o.host("host"),
		TLS:      choice(o, "tls", TLSImplicit, TLSStartTLS, TLSImplicit, TLSNone),
		Every:    o.every("every"),
	}
	c.Port = o.port("port", collectPort(c.Protocol, c.TLS))
	c.User = o.filled("user")
	c.Password = o.filled("password")
	o.into("into", &c, s)
	o.done()
	return c
}

// filled reads a text that can't be empty.
func (o *object) filled(name string) string {
	path, text := o.text(name)
	if text == "" {
		o.r.fail(path, "This can't be empty")
	}
	return text
}

func collectPort(protocol Protocol, tls TLSMode) uint16 {
	switch {
	case protocol == ProtocolIMAP && tls == TLSImplicit:
		return 993
	case protocol == ProtocolIMAP:
		return 143
	case tls == TLSImplicit:
		return 995
	}
	return 110
}

func (o *object) every(name string) time.Duration {
	path, text := o.text(name)
	if !o.has(name) {
		return usualEvery
	}
	every, err := time.ParseDuration(text)
	switch {
	case o.r.err != nil:
	case err != nil:
		o.r.fail(path, "%s is not a time; one looks like 5m or 1h", shown(text))
	case every < shortestEvery || every > longestEvery:
		o.r.fail(path, "%s is not possible: mail can be collected every minute (1m) at most, and every day (24h) at least", shown(text))
	}
	return every
}

// into reads an address of somebody in the document, or a domain of it.
func (o *object) into(name string, c *Collection, s *Setup) {
	path, text := o.text(name)
	if o.r.err != nil {
		return
	}
	if !strings.Contains(text, "@") {
		c.IntoDomain, _ = domain.Canonical(text)
		if !slices.Contains(s.Domains, c.IntoDomain) {
			o.r.fail(path, "%s is not one of the office's domains (%s)", shown(text), listed(s.Domains))
		}
		return
	}
	c.IntoAddress = o.r.address(path, text, s.Domains)
	has := func(p Person) bool { return p.Address == c.IntoAddress }
	if o.r.err == nil && !has(s.Admin) && !slices.ContainsFunc(s.Accounts, has) {
		o.r.fail(path, "Nobody here has the address %s: add the person to \"accounts\"", shown(text))
	}
}
