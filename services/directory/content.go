package directory

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/content"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// SetContent makes these the rules on what is in a domain's mail, in place of those of
// before; none ends them. Durable and visible on return. Errors: ErrNotSetUp,
// mail.ErrNoDomain, *mail.RuleError.
func (d *Directory) SetContent(ctx context.Context, name string, rules []mail.ContentRule) error {
	canonical, err := domain.Canonical(name)
	if err != nil {
		return fmt.Errorf("directory: domain %q: %w", name, mail.ErrNoDomain)
	}
	if _, err := content.Compile(rules); err != nil {
		return err
	}
	record := contentRecord{Domain: canonical}
	for _, r := range rules {
		record.Rules = append(record.Rules, contentRuleRecord{
			Name: r.Name, In: r.In, Out: r.Out, Internal: r.Internal, Text: r.Text, Header: r.Header, Names: r.Names,
			Ready: r.Ready, Pattern: r.Pattern, Words: r.Words, Least: r.Least, Action: string(r.Action), Unreadable: string(r.Unreadable),
		})
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetContent, record)
}

// Content is the rules on what is in a domain's mail, also by another name of the
// domain. It waits for nothing, and what it gives is shared: don't change it. Between
// two changes of the directory it is the same slice.
func (d *Directory) Content(name string) []mail.ContentRule {
	v := d.current.Load()
	if len(v.contentRules) == 0 {
		return nil
	}
	canonical, err := domain.Canonical(name)
	if err != nil {
		return nil
	}
	return v.contentRules[v.home(canonical)]
}

func (r *contentRecord) shown() []mail.ContentRule {
	rules := make([]mail.ContentRule, len(r.Rules))
	for i, c := range r.Rules {
		rules[i] = mail.ContentRule{
			Name: c.Name, In: c.In, Out: c.Out, Internal: c.Internal, Text: c.Text, Header: c.Header, Names: c.Names,
			Ready: c.Ready, Pattern: c.Pattern, Words: c.Words, Least: c.Least, Action: mail.ContentAction(c.Action), Unreadable: mail.ContentAction(c.Unreadable),
		}
	}
	return rules
}

func (s *state) setContent(r *contentRecord) ([]entry, error) {
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case !s.owns(r.Domain):
		return nil, fmt.Errorf("directory: domain %s: %w", r.Domain, mail.ErrNoDomain)
	case len(r.Rules) == 0:
		delete(s.content, r.Domain)
	default:
		s.content[r.Domain] = r
	}
	return []entry{{bucketContent, []byte(r.Domain)}}, nil
}
