package imapd

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// notify is NOTIFY (RFC 5465): which events the client wants to hear of, at any
// time, in which mailboxes.
type notify struct {
	set     bool // else NONE
	status  bool // tell first how the mailboxes stand
	groups  []eventGroup
	names   int  // of mailboxes, in all groups
	unknown bool // an event was asked for that there isn't
}

// eventGroup are the events that are wanted of some mailboxes.
type eventGroup struct {
	filter searchSource
	events eventSet
	items  []fetchItem // to tell of each new message
}

// eventSet is a sum of events (RFC 5465 §5).
type eventSet uint8

const (
	messageNew eventSet = 1 << iota
	messageExpunge
	flagChange
	annotationChange
	mailboxNameChange
	subscriptionChange
	mailboxMetadataChange
	serverMetadataChange
	messageEvents = messageNew | messageExpunge | flagChange | annotationChange
)

// eventNames are the names of the events, in the order of their bits. Nothing of
// ours has annotations of messages, so that their change is never told.
func eventNames() []string {
	return []string{
		"MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange",
		"MailboxName", "SubscriptionChange", "MailboxMetadataChange", "ServerMetadataChange",
	}
}

func parseNotify(p *parser) request {
	var c notify
	p.SP()
	switch word := p.Keyword(); {
	case p.Err() != nil || word == "NONE":
		return c
	case word != "SET":
		p.Failf("NOTIFY takes SET or NONE, not %.30s", word)
		return c
	}
	c.set = true
	p.SP()
	if p.Peek() != '(' {
		if word := p.Keyword(); p.Err() == nil && word != "STATUS" {
			p.Failf("expected STATUS, not %.30s", word)
		}
		c.status = true
		p.SP()
	}
	c.group(p)
	for p.Accept(' ') {
		c.group(p)
	}
	return c
}

// group reads one group of events.
func (c *notify) group(p *parser) {
	p.Expect('(')
	g := eventGroup{filter: p.mailboxFilter()}
	p.SP()
	switch {
	case p.Peek() == '(':
		last := eventSet(0)
		p.List(func() { last = c.event(p, &g, last) })
		if p.Err() == nil && last == 0 && !c.unknown {
			p.Failf("the list of events is empty")
		}
	default:
		if word := p.Keyword(); p.Err() == nil && word != "NONE" {
			p.Failf("expected NONE or a list of events, not %.30s", word)
		}
	}
	p.Expect(')')
	if c.names += len(g.filter.names); p.Err() == nil {
		c.check(p, &g)
	}
	c.groups = append(c.groups, g)
}

// event reads one event; behind MessageNew may stand what to tell of each message.
func (c *notify) event(p *parser, g *eventGroup, last eventSet) eventSet {
	if p.Peek() == '(' && last == messageNew && g.items == nil {
		g.items = p.fetchItems()
		return messageNew
	}
	word := p.Atom()
	for i, name := range eventNames() {
		if strings.EqualFold(word, name) {
			g.events |= 1 << i
			return 1 << i
		}
	}
	c.unknown = true
	return 0
}

// check refuses what RFC 5465 §5 and §6.1 rule out.
func (c *notify) check(p *parser, g *eventGroup) {
	both := messageNew | messageExpunge
	selected := g.filter.ofSelected()
	for _, other := range c.groups {
		if selected && other.filter.ofSelected() {
			p.Failf("the selected mailbox is named twice")
		}
	}
	switch {
	case len(c.groups) >= maxEventGroups:
		p.Failf("more than %d groups of events", maxEventGroups)
	case c.names > maxSources:
		p.Failf("more than %d mailboxes", maxSources)
	case g.events&messageEvents != 0 && g.events&both != both:
		p.Failf("MessageNew and MessageExpunge go together, and other events of messages with them")
	case selected && g.events&^messageEvents != 0:
		p.Failf("of the selected mailbox only events of messages can be told")
	case !selected && g.items != nil:
		p.Failf("only of the selected mailbox it can be told what new messages are")
	}
}

func (c notify) run(ctx context.Context, s *session) error {
	if c.unknown {
		return no("BADEVENT ("+strings.Join(eventNames(), " ")+")", "There are no other events")
	}
	if !c.set {
		s.stopNotify()
		s.notify = new(notifier) // not nil: from now on nothing is told
		return nil
	}
	if err := s.accumulated(ctx); err != nil {
		return err
	}
	n := c.notifier()
	if (fetch{items: n.items}).asks("MODSEQ") {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	n.watch = s.account.Watch() // before the mailboxes are looked at, so that nothing falls between
	mailboxes, err := n.begin(ctx, s)
	if err != nil {
		n.watch.Close()
		return err
	}
	s.stopNotify()
	s.notify = n
	if !c.status {
		return nil
	}
	items := []statusItem{"MESSAGES", "UIDNEXT", "UIDVALIDITY"}
	if s.condstore {
		items = append(items, "HIGHESTMODSEQ")
	}
	for i := range mailboxes {
		m := &mailboxes[i]
		if n.events(m.Name, m.Subscribed)&messageEvents == 0 || m.ID == s.current() {
			continue
		}
		readable, err := s.readable(ctx, m.ID)
		if err != nil {
			return err
		}
		if !readable {
			continue
		}
		if err := s.writeStatus(ctx, *m, items); err != nil {
			return err
		}
	}
	return nil
}

// accumulated tells what has not been told of the selected mailbox (RFC 5465 §3.1:
// NOTIFY SET does what NOOP does), also what an earlier NOTIFY has kept quiet.
func (s *session) accumulated(ctx context.Context) error {
	if s.view == nil {
		return nil
	}
	before := s.notify
	s.notify = nil
	if s.view.behind {
		s.view.behind, s.view.until = false, s.view.settled
	}
	err := s.update(ctx, true)
	s.notify = before
	return err
}

// notifier is what it takes to tell what a command has asked for.
func (c notify) notifier() *notifier {
	n := new(notifier)
	for _, g := range c.groups {
		if g.filter.ofSelected() {
			n.selected, n.items = g.events, g.items
			n.immediate = g.filter.kind == sourceSelected
			continue
		}
		n.groups = append(n.groups, g)
	}
	return n
}

// begin takes down how everything stands, if anything is wanted of other mailboxes.
func (n *notifier) begin(ctx context.Context, s *session) ([]mail.Mailbox, error) {
	if len(n.groups) == 0 {
		return nil, nil
	}
	mailboxes, err := s.account.Mailboxes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list mailboxes to watch: %w", err)
	}
	if len(mailboxes) > maxNotified {
		return nil, no("NOTIFICATIONOVERFLOW", "More than %d mailboxes can't be watched", maxNotified)
	}
	n.known, n.current = knownOf(mailboxes), s.current()
	for i := range n.known {
		readable, err := s.readable(ctx, n.known[i].id)
		if err != nil {
			return nil, err
		}
		if !readable {
			n.known[i].withhold(nil)
		}
	}
	if n.wants(subscriptionChange) {
		if n.subscriptions, err = s.account.Subscriptions(ctx); err != nil {
			return nil, fmt.Errorf("list subscriptions to watch: %w", err)
		}
	}
	return mailboxes, nil
}
