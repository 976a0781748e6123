package setup

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	maxFolders    = 50   // of one mailbox: each is looked into every few minutes
	maxSortFields = 10   // providers write two or three
	longestLeave  = 3650 // days
)

func (o *object) collections(name string, s *Setup) (all []Collection) {
	o.list(name, maxCollect, func(path string, n node) {
		all = append(all, o.r.collection(path, n, s.Domains, func(a mail.Address) bool {
			has := func(p Person) bool { return p.Address == a }
			return has(s.Admin) || slices.ContainsFunc(s.Accounts, has)
		}))
	})
	return all
}

// ParseCollection reads one mailbox at a provider, in the form of an entry of a
// set-up document's "collect". password is used where the document has none; known
// says who has an address here. Every error is a *FieldError.
func ParseCollection(document []byte, password string, domains []domain.Name, known func(mail.Address) bool) (Collection, error) {
	root, err := parseTree(document)
	if err != nil {
		return Collection{}, err
	}
	r := &reader{}
	if password != "" && root.kind == kindObject && !slices.ContainsFunc(root.fields, func(f field) bool { return f.name == "password" }) {
		root.fields = append(root.fields, field{"password", node{kind: kindText, text: password}})
	}
	c := r.collection("", root, domains, known)
	if r.err != nil {
		return Collection{}, r.err
	}
	return c, nil
}

func (r *reader) collection(path string, n node, domains []domain.Name, known func(mail.Address) bool) Collection {
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
		Leave:    o.leave("leave"),
		ToCc:     o.flag("to_cc"),
		Paused:   o.flag("paused"),
	}
	c.Port = o.port("port", collectPort(c.Protocol, c.TLS))
	c.User = o.filled("user")
	c.Password = o.filled("password")
	o.into("into", &c, domains, known)
	o.sorting(&c, domains, known)
	o.done()
	return c
}

// sorting reads what says how mail is judged and sorted.
func (o *object) sorting(c *Collection, domains []domain.Name, known func(mail.Address) bool) {
	path, text := o.text("believe")
	if strings.ContainsAny(text, " ;()\"") {
		o.r.fail(path, "This is one word: the first in the provider's Authentication-Results, such as mx.example.com")
	}
	c.Believe = text
	o.list("folders", maxFolders, func(path string, n node) {
		name := o.r.text(path, n)
		if name == "" {
			o.r.fail(path, "A folder has a name")
		}
		if !strings.EqualFold(name, "INBOX") && !slices.Contains(c.Folders, name) {
			c.Folders = append(c.Folders, name)
		}
	})
	if c.Protocol != ProtocolIMAP {
		o.forbid("POP3 knows no folders: remove this, or set protocol to \"imap\"", "folders")
	}
	o.list("fields", maxSortFields, func(path string, n node) {
		name := o.r.text(path, n)
		if !isFieldName(name) {
			o.r.fail(path, "%s is not the name of a header field; one looks like X-Original-To", shown(name))
		}
		c.Fields = append(c.Fields, name)
	})
	if path, text := o.text("unsorted"); text != "" {
		if c.Keeper = o.r.address(path, text, domains); o.r.err == nil && !known(c.Keeper) {
			o.r.fail(path, "Nobody here has the address %s", shown(text))
		}
	}
	if c.IntoDomain == "" {
		o.forbid("This has a meaning only where mail is sorted: remove it, or put a domain into \"into\"", "fields", "to_cc")
	}
}

// isFieldName says whether a text can name a header field (RFC 5322 §3.6.8).
func isFieldName(s string) bool {
	return s != "" && len(s) <= 77 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}

// flag reads true or false; false when absent.
func (o *object) flag(name string) bool {
	path, n, found := o.get(name)
	if found && n.kind != kindBool {
		o.r.wrongKind(path, n, kindBool)
	}
	return found && n.flag
}

// leave reads for how many days mail stays at the provider.
func (o *object) leave(name string) time.Duration {
	path, text := o.text(name)
	switch text {
	case "":
		return UsualLeave
	case "forever":
		return LeaveForEver
	case "0":
		return 0
	}
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || days < 0 || days > longestLeave {
		o.r.fail(path, "%s is not possible: say for how many days mail stays at the provider, such as 7d, or 0, or forever", shown(text))
		return 0
	}
	return time.Duration(days) * 24 * time.Hour
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

// into reads an address that somebody has, or a domain of the office.
func (o *object) into(name string, c *Collection, domains []domain.Name, known func(mail.Address) bool) {
	path, text := o.text(name)
	if o.r.err != nil {
		return
	}
	if !strings.Contains(text, "@") {
		c.IntoDomain, _ = domain.Canonical(text)
		if !slices.Contains(domains, c.IntoDomain) {
			o.r.fail(path, "%s is not one of the office's domains (%s)", shown(text), listed(domains))
		}
		return
	}
	c.IntoAddress = o.r.address(path, text, domains)
	if o.r.err == nil && !known(c.IntoAddress) {
		o.r.fail(path, "Nobody here has the address %s: add the person to \"accounts\"", shown(text))
	}
}
