package imapd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// list is LIST (RFC 9051 §6.3.9) with LIST-EXTENDED (RFC 5258), LIST-STATUS
// (RFC 5819), LIST-METADATA (RFC 9590), LIST-MYRIGHTS (RFC 8440) and SPECIAL-USE
// (RFC 6154).
type list struct {
	extended  bool
	reference string
	patterns  []string

	// what to choose
	subscribed, specialUse, recursive bool
	// what to tell beside the name; children and special uses always are
	tellSubscribed bool
	status         []statusItem // nil: no STATUS
	metadata       *metadataQuery
	myRights       bool
}

func parseList(p *parser) request {
	var c list
	p.SP()
	if p.Peek() == '(' {
		c.extended = true
		c.selectionOptions(p)
		p.SP()
	}
	c.reference = p.Mailbox()
	p.SP()
	if p.Peek() == '(' {
		c.extended = true
		p.List(func() { c.pattern(p) })
	} else {
		c.pattern(p)
	}
	if p.Accept(' ') {
		c.extended = true
		if word := p.Keyword(); p.Err() == nil && word != "RETURN" {
			p.Failf("expected RETURN, not %.30s", word)
		}
		p.SP()
		c.returnOptions(p)
	}
	return c
}

func (c *list) pattern(p *parser) {
	pattern := p.mailboxName(p.ListPattern())
	switch {
	case len(c.patterns) >= maxListPatterns:
		p.Failf("more than %d patterns", maxListPatterns)
	case len(c.reference)+len(pattern) > maxPattern:
		p.Failf("a pattern can have %d bytes at most", maxPattern)
	}
	c.patterns = append(c.patterns, pattern)
}

// selectionOptions reads the list before the reference (RFC 5258 §3.1).
func (c *list) selectionOptions(p *parser) {
	p.List(func() {
		switch option := p.Keyword(); option {
		case "SUBSCRIBED":
			c.subscribed, c.tellSubscribed = true, true
		case "SPECIAL-USE":
			c.specialUse = true
		case "RECURSIVEMATCH":
			c.recursive = true
		case "REMOTE": // there are no others
		default:
			p.Failf("LIST can't select by %.30s", option)
		}
	})
	if c.recursive && !c.subscribed && !c.specialUse {
		p.Failf("RECURSIVEMATCH needs another option beside it")
	}
}

// returnOptions reads the list behind RETURN (RFC 5258 §3.2, RFC 5819 §2, RFC 9590 §3).
func (c *list) returnOptions(p *parser) {
	p.List(func() {
		switch option := p.Keyword(); option {
		case "SUBSCRIBED":
			c.tellSubscribed = true
		case "CHILDREN", "SPECIAL-USE":
		case "STATUS":
			p.SP()
			c.status = p.statusItems()
		case "MYRIGHTS":
			c.myRights = true
		case "METADATA":
			p.SP()
			c.metadata = &metadataQuery{maxSize: -1}
			c.metadata.read(p)
		default:
			p.Failf("LIST can't return %.30s", option)
		}
	})
}

func (c list) run(ctx context.Context, s *session) error {
	if !c.extended && c.patterns[0] == "" {
		s.w.Raw(`* LIST (\Noselect) "` + string(mail.Delimiter) + `" ""` + "\r\n") // RFC 9051 §6.3.9
		return nil
	}
	entries, err := s.entries(ctx, c.tellSubscribed)
	if err != nil {
		return err
	}
	needsCondstore := slices.Contains(c.status, "HIGHESTMODSEQ")
	if needsCondstore {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := entries[name]
		if !c.chosen(e) || !c.fits(name) {
			continue
		}
		s.listLine(e, c)
		if err := c.tell(ctx, s, e.mailbox); err != nil {
			return err
		}
	}
	if c.metadata != nil {
		s.code = c.metadata.code()
	}
	return nil
}

// tell writes what was asked of a mailbox beside its name. Of one that may not be read,
// or is just gone, there is nothing to tell (RFC 5819 §2, RFC 8440 §3).
func (c list) tell(ctx context.Context, s *session, m *mail.Mailbox) error {
	if m == nil {
		return nil
	}
	if c.myRights {
		if err := s.writeMyRights(ctx, m); err != nil && !denied(err) {
			return err
		}
	}
	if c.metadata == nil && c.status == nil {
		return nil
	}
	if readable, err := s.readable(ctx, m.ID); !readable {
		return err
	}
	if c.metadata != nil {
		s.metadata(m.Name, annotationsOf(*m, false), c.metadata)
	}
	if c.status == nil {
		return nil
	}
	return s.writeStatus(ctx, *m, c.status)
}

// fits reports whether a name matches one of the patterns.
func (c list) fits(name string) bool {
	return slices.ContainsFunc(c.patterns, func(pattern string) bool {
		return pattern != "" && matches(c.reference+pattern, name)
	})
}

// chosen applies the selection options.
func (c list) chosen(e *entry) bool {
	if c.subscribed && !e.subscribed && (!c.recursive || !e.subscribedBelow) {
		return false
	}
	if c.specialUse && e.role() == "" && (!c.recursive || !e.roleBelow) {
		return false
	}
	// A name that is only subscribed is shown only to whoever asks for those.
	return e.mailbox != nil || e.children || c.subscribed
}

// chosenBelow names the selection options that choose something below e, for
// RECURSIVEMATCH.
func (c list) chosenBelow(e *entry) []string {
	var options []string
	if c.recursive && c.subscribed && e.subscribedBelow {
		options = append(options, "SUBSCRIBED")
	}
	if c.recursive && c.specialUse && e.roleBelow {
		options = append(options, "SPECIAL-USE")
	}
	return options
}

// entry is one name in the tree of mailboxes: a mailbox, a level above one that
// is no mailbox itself, or a subscribed name of which nothing else is left.
type entry struct {
	name            string
	mailbox         *mail.Mailbox // nil: no mailbox of that name
	subscribed      bool
	children        bool // there are mailboxes below
	subscribedBelow bool
	roleBelow       bool
}

func (e *entry) role() string {
	if e.mailbox == nil {
		return ""
	}
	return e.mailbox.Role.Attribute()
}

// entries is the tree of mailboxes by name.
func (s *session) entries(ctx context.Context, withSubscriptions bool) (map[string]*entry, error) {
	mailboxes, err := s.account.Mailboxes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list mailboxes: %w", err)
	}
	entries := make(map[string]*entry, len(mailboxes))
	at := func(name string) *entry {
		if entries[name] == nil {
			entries[name] = &entry{name: name}
		}
		return entries[name]
	}
	for i := range mailboxes {
		at(mailboxes[i].Name).mailbox = &mailboxes[i]
		for parent := range parents(mailboxes[i].Name) {
			e := at(parent)
			e.children = true
			e.roleBelow = e.roleBelow || mailboxes[i].Role.Attribute() != ""
		}
	}
	if !withSubscriptions {
		return entries, nil
	}
	names, err := s.account.Subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	for _, name := range names {
		at(name).subscribed = true
		for parent := range parents(name) {
			at(parent).subscribedBelow = true
		}
	}
	return entries, nil
}

// parents yields the names above name, nearest first.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := strings.LastIndexByte(name, mail.Delimiter); i > 0; i = strings.LastIndexByte(name[:i], mail.Delimiter) {
			if !yield(name[:i]) {
				return
			}
		}
	}
}

// attributes are the words in parentheses of a LIST line.
func (e *entry) attributes(tellSubscribed bool, absent string) []string {
	var words []string
	if e.mailbox == nil {
		words = append(words, absent)
	}
	if e.children {
		words = append(words, `\HasChildren`)
	} else {
		words = append(words, `\HasNoChildren`)
	}
	if role := e.role(); role != "" {
		words = append(words, role)
	}
	if tellSubscribed && e.subscribed {
		words = append(words, `\Subscribed`)
	}
	return words
}

// absent is what a name that is no mailbox is called: RFC 3501 has only
// \Noselect for it.
func (s *session) absent(extended bool) string {
	if s.rev2 || extended {
		return `\NonExistent`
	}
	return `\Noselect`
}

// listLine writes a LIST response.
func (s *session) listLine(e *entry, c list) {
	s.listStart("LIST", e, e.attributes(c.tellSubscribed, s.absent(c.extended)))
	if below := c.chosenBelow(e); len(below) > 0 {
		s.w.Raw(` ("CHILDINFO" ("` + strings.Join(below, `" "`) + `"))`) // RFC 5258 §3.5
	}
	s.w.CRLF()
}

// listStart writes what every LIST or LSUB response begins with.
func (s *session) listStart(kind string, e *entry, attributes []string) {
	s.w.Raw("* " + kind + " (" + strings.Join(attributes, " ") + `) "` + string(mail.Delimiter) + `" `)
	s.w.Mailbox(e.name)
}
