package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// addresses reads a list such as "a@example.com,b@example.com"; "none" and "" are
// nobody.
func addresses(text string) ([]mail.Member, error) {
	var list []mail.Member
	if text == "" || text == "none" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		a, err := mail.ParseAddress(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%w: %q is not a mail address", errUsage, part)
		}
		list = append(list, mail.Member{Address: a})
	}
	return list, nil
}

func joined(list []mail.Member) string {
	words := make([]string, len(list))
	for i, m := range list {
		words[i] = m.Address.String()
	}
	return strings.Join(words, ", ")
}

func aliasList(ctx context.Context, t *task) error { return listAddresses(ctx, t, false) }
func groupList(ctx context.Context, t *task) error { return listAddresses(ctx, t, true) }

func listAddresses(ctx context.Context, t *task, groups bool) error {
	return t.at(ctx, func(p place) error {
		all, err := p.listings(ctx, groups)
		if err != nil {
			return err
		}
		switch {
		case len(all) > 0:
		case groups:
			t.say("There are no groups")
		default:
			t.say("There are no further addresses of people, and no shared ones")
		}
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		for _, l := range all {
			note := ""
			switch {
			case l.Kind == mail.ListingShared:
				note = "shared"
			case l.Who == mail.WhoNamed:
				note = "takes mail from " + joined(l.Named)
			case groups:
				note = "takes mail from " + whoWord(l.Who)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Address, shown(l.Name), joined(l.Members), note)
		}
		return table.Flush()
	})
}

// whoWord is who may send to a group, as --who has it.
func whoWord(w mail.Who) string {
	return [...]string{mail.WhoAnybody: "anybody", mail.WhoOffice: "office", mail.WhoMembers: "members", mail.WhoNamed: "named"}[w]
}

func readWho(word string) (mail.Who, error) {
	for _, w := range []mail.Who{mail.WhoAnybody, mail.WhoOffice, mail.WhoMembers, mail.WhoNamed} {
		if word == whoWord(w) || word == "" {
			return w, nil
		}
	}
	return 0, fmt.Errorf("%w: --who is anybody, office, members or named", errUsage)
}

func aliasSet(ctx context.Context, t *task) error {
	kind := mail.ListingAlias
	if t.flags.shared {
		kind = mail.ListingShared
	}
	return setAddress(ctx, t, mail.Listing{Kind: kind})
}

func groupSet(ctx context.Context, t *task) error {
	l := mail.Listing{Kind: mail.ListingGroup}
	var err error
	if l.Named, err = addresses(t.flags.named); err != nil {
		return err
	}
	if l.Who, err = readWho(t.flags.who); err != nil {
		return err
	}
	if t.flags.who == "" && l.Named != nil {
		l.Who = mail.WhoNamed
	}
	return setAddress(ctx, t, l)
}

func setAddress(ctx context.Context, t *task, l mail.Listing) (err error) {
	if l.Address, err = t.address(); err != nil {
		return err
	}
	l.Name = t.flags.name
	if l.Members, err = addresses(t.args[1]); err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		if err := p.setListing(ctx, l); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "Mail for %s goes to %s\n", l.Address, joined(l.Members))
		return nil
	})
}

func aliasRemove(ctx context.Context, t *task) error { return removeAddress(ctx, t, false) }
func groupRemove(ctx context.Context, t *task) error { return removeAddress(ctx, t, true) }

func removeAddress(ctx context.Context, t *task, group bool) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		if err := p.removeListing(ctx, address, group); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s has been removed: mail for it is refused from now on, unless the domain has a catch-all\n", address)
		return nil
	})
}

func domainList(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		all, err := p.domains(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		for _, d := range all {
			note := ""
			switch {
			case d.AliasOf != "":
				note = "another name of " + d.AliasOf
			case d.Main:
				note = "main domain"
			}
			if !d.CatchAll.IsZero() {
				note += strings.Repeat(", ", min(len(note), 1)) + "all other addresses go to " + d.CatchAll.String()
			}
			fmt.Fprintf(table, "%s\t%s\n", d.Name, note)
		}
		return table.Flush()
	})
}

// domainSet adds a domain or changes what the flags say of it.
func domainSet(ctx context.Context, t *task) error {
	catchAll, err := addresses(t.flags.catchAll)
	if err != nil {
		return err
	}
	if len(catchAll) > 1 {
		return fmt.Errorf("%w: --catch-all takes one person", errUsage)
	}
	return t.at(ctx, func(p place) error {
		all, err := p.domains(ctx)
		if err != nil {
			return err
		}
		d := officeDomain{Domain: mail.Domain{Name: t.args[0]}}
		if i := slices.IndexFunc(all, func(d officeDomain) bool { return strings.EqualFold(d.Name, t.args[0]) }); i >= 0 {
			d = all[i]
		}
		if t.flags.aliasOf != "" {
			d.AliasOf = t.flags.aliasOf
		}
		switch {
		case catchAll != nil:
			d.CatchAll = catchAll[0].Address
		case t.flags.catchAll == "none":
			d.CatchAll = mail.Address{}
		}
		if err := p.setDomain(ctx, d); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s is one of the office's domains\n", d.Name)
		return nil
	})
}

func domainRemove(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		if err := p.removeDomain(ctx, t.args[0]); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s has been removed: mail for it is refused from now on\n", t.args[0])
		return nil
	})
}

// rulesChange is what a command changes of somebody's rules; nil: stays.
type rulesChange struct {
	forward, sendAs *[]mail.Member
	keep, localOnly *bool
}

func (c rulesChange) apply(r *mail.Rules) {
	if c.forward != nil {
		r.Forward = *c.forward
	}
	if c.sendAs != nil {
		r.SendAs = *c.sendAs
	}
	if c.keep != nil {
		r.Keep = *c.keep
	}
	if c.localOnly != nil {
		r.LocalOnly = *c.localOnly
	}
}

// changeRules changes somebody's rules and says what holds then.
func changeRules(ctx context.Context, t *task, change rulesChange) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		rules, err := p.rules(ctx, address, change)
		if err != nil {
			return err
		}
		fmt.Fprintln(t.Out, address)
		switch {
		case len(rules.Forward) == 0:
			fmt.Fprintln(t.Out, "  mail stays in the mailbox")
		case rules.Keep:
			fmt.Fprintf(t.Out, "  mail goes to %s, and stays in the mailbox as well\n", joined(rules.Forward))
		default:
			fmt.Fprintf(t.Out, "  mail goes to %s\n", joined(rules.Forward))
		}
		if rules.LocalOnly {
			fmt.Fprintln(t.Out, "  only mail inside the office: none comes from outside, none goes there")
		}
		if len(rules.SendAs) > 0 {
			fmt.Fprintf(t.Out, "  may send as %s\n", joined(rules.SendAs))
		}
		return nil
	})
}

func userForward(ctx context.Context, t *task) error {
	var change rulesChange
	if t.flags.to != "" {
		to, err := addresses(t.flags.to)
		if err != nil {
			return err
		}
		change.forward, change.keep = &to, &t.flags.keep
	} else if t.flags.keep {
		return fmt.Errorf("%w: --keep goes with --to", errUsage)
	}
	return changeRules(ctx, t, change)
}

func userLocalOnly(ctx context.Context, t *task) error {
	on := t.args[1] == "on"
	if !on && t.args[1] != "off" {
		return fmt.Errorf("%w: it is on or off", errUsage)
	}
	return changeRules(ctx, t, rulesChange{localOnly: &on})
}

func userSendAs(ctx context.Context, t *task) error {
	list, err := addresses(t.args[1])
	if err != nil {
		return err
	}
	return changeRules(ctx, t, rulesChange{sendAs: &list})
}
