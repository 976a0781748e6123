package imapd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// multisearch is ESEARCH (RFC 7377): one search in many mailboxes, of which none
// need be selected.
type multisearch struct {
	search
	sources []searchSource
}

// searchSource is one of the filters behind IN (RFC 5465 §6, RFC 7377 §2.2).
type searchSource struct {
	kind  sourceKind
	names []string
}

type sourceKind string

const (
	sourceSelected        sourceKind = "SELECTED"
	sourceSelectedDelayed sourceKind = "SELECTED-DELAYED" // of NOTIFY only
	sourceInboxes         sourceKind = "INBOXES"
	sourcePersonal        sourceKind = "PERSONAL"
	sourceSubscribed      sourceKind = "SUBSCRIBED"
	sourceSubtree         sourceKind = "SUBTREE"
	sourceSubtreeOne      sourceKind = "SUBTREE-ONE"
	sourceMailboxes       sourceKind = "MAILBOXES"
)

func parseMultisearch(p *parser) request {
	c := multisearch{search: search{byUID: true}}
	p.SP()
	word := p.searchWord()
	if word == "IN" {
		p.SP()
		p.List(func() { c.source(p) })
		p.SP()
		if p.Err() == nil && len(c.sources) == 0 {
			p.Failf("the list of where to search is empty")
		}
		word = p.searchWord()
	} else {
		c.sources = []searchSource{{kind: sourceSelected}}
	}
	if word == "RETURN" {
		p.SP()
		c.returnOptions(p)
		p.SP()
		word = p.searchWord()
	}
	c.program(p, word)
	switch {
	case p.Err() != nil:
	case c.follow:
		p.Failf("the result of ESEARCH can't be followed")
	case !c.onlySelected() && c.save:
		p.Failf("results of several mailboxes can't be saved")
	case !c.onlySelected() && c.numbers:
		p.Failf("numbers of messages mean nothing in several mailboxes")
	}
	if !c.extended {
		c.extended, c.all = true, true
	}
	return c
}

// source reads one filter.
func (c *multisearch) source(p *parser) {
	s := p.mailboxFilter()
	if p.Err() == nil && s.kind == sourceSelectedDelayed {
		p.Failf("ESEARCH can't look in %.30s", string(s.kind))
	}
	if c.sources = append(c.sources, s); len(c.sources) > maxSources {
		p.Failf("more than %d places to search", maxSources)
	}
}

// mailboxFilter reads a filter: which mailboxes are meant.
func (p *parser) mailboxFilter() searchSource {
	s := searchSource{kind: sourceKind(p.Keyword())}
	switch s.kind {
	case sourceSelected, sourceSelectedDelayed, sourceInboxes, sourcePersonal, sourceSubscribed:
	case sourceSubtree, sourceSubtreeOne, sourceMailboxes:
		p.SP()
		if p.Peek() != '(' {
			s.names = []string{p.Mailbox()}
			break
		}
		p.List(func() {
			if len(s.names) >= maxSources {
				p.Failf("more than %d mailboxes", maxSources)
			}
			s.names = append(s.names, p.Mailbox())
		})
	default:
		p.Failf("there are no mailboxes called %.30s", string(s.kind))
	}
	return s
}

// ofSelected reports whether the filter means the selected mailbox.
func (s *searchSource) ofSelected() bool {
	return s.kind == sourceSelected || s.kind == sourceSelectedDelayed
}

// matches reports whether the filter means a mailbox, as one that is not selected.
func (s *searchSource) matches(name string, subscribed bool) bool {
	switch s.kind {
	case sourcePersonal:
		return !strings.HasPrefix(name, OthersPrefix)
	case sourceInboxes:
		return name == mail.Inbox
	case sourceSubscribed:
		return subscribed
	case sourceMailboxes:
		return slices.Contains(s.names, name)
	case sourceSubtree, sourceSubtreeOne:
		return s.holds(name)
	}
	return false
}

func (c *multisearch) onlySelected() bool {
	return !slices.ContainsFunc(c.sources, func(s searchSource) bool { return s.kind != sourceSelected })
}

func (c multisearch) run(ctx context.Context, s *session) (err error) {
	if s.view == nil && slices.ContainsFunc(c.sources, func(s searchSource) bool { return s.kind == sourceSelected }) {
		return bad("Select a mailbox first")
	}
	if s.view != nil {
		defer c.forget(s, &err)
	}
	if c.seqs && s.uidOnly {
		return uidRequired()
	}
	if !c.knownCharset() {
		return no("BADCHARSET (US-ASCII UTF-8)", "That charset is not known here")
	}
	if c.modseq {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	mailboxes, err := s.account.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("list mailboxes to search: %w", err)
	}
	for i := range mailboxes {
		if !c.chosen(s, &mailboxes[i]) {
			continue
		}
		if err := c.one(ctx, s, &mailboxes[i]); err != nil && !denied(err) {
			return err
		}
		if err := s.w.Err(); err != nil {
			return err
		}
	}
	return nil
}

// chosen reports whether one of the filters means a mailbox.
func (c *multisearch) chosen(s *session, m *mail.Mailbox) bool {
	return slices.ContainsFunc(c.sources, func(source searchSource) bool {
		return source.kind == sourceSelected && m.ID == s.current() || source.matches(m.Name, m.Subscribed)
	})
}

// holds reports whether a mailbox is one of the subtree's: the one that is named, and
// those below it, of SUBTREE-ONE only the next ones.
func (s *searchSource) holds(name string) bool {
	return slices.ContainsFunc(s.names, func(top string) bool {
		below, ok := strings.CutPrefix(name, top+string(mail.Delimiter))
		switch {
		case name == top:
			return true
		case top == "":
			below, ok = name, true
		}
		return ok && (s.kind == sourceSubtree || !strings.ContainsRune(below, rune(mail.Delimiter)))
	})
}

// one searches one mailbox. One in which nothing is found has no response (RFC 7377
// §2.1).
func (c *multisearch) one(ctx context.Context, s *session, m *mail.Mailbox) error {
	current := s.view != nil && s.view.mailbox == m.ID
	of := &session{view: &view{mailbox: m.ID}} // numbers were refused, nothing is recent
	if current {
		of = s
	}
	c.query = c.keys(of)
	uids, err := await(s, func() (mail.UIDSet, error) { return s.account.Search(ctx, m.ID, c.query) })
	if err != nil {
		return fmt.Errorf("search mailbox %s: %w", m.ID, err)
	}
	if current {
		uids = s.view.known(uids)
	}
	r := result{set: uids}
	if current && c.save {
		s.view.saved = c.returned(r)
	}
	if len(uids) == 0 || !c.answers() {
		return nil
	}
	if r.weights, err = c.weights(ctx, s, m.ID); err != nil {
		return err
	}
	modseq := mail.ModSeq(0)
	if c.modseq {
		if modseq, err = s.highestOf(ctx, m.ID, c.returned(r)); err != nil {
			return err
		}
	}
	s.w.Raw("* ESEARCH (TAG ")
	s.w.String(s.tag)
	s.w.Raw(" MAILBOX ")
	s.w.Mailbox(m.Name)
	s.w.Raw(" UIDVALIDITY ")
	s.w.Number(uint64(m.UIDValidity))
	s.w.Raw(") UID")
	c.writeResults(s, r, modseq)
	return nil
}
