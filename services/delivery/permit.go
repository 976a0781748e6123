package delivery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// mayWrite says whether the sender may write to a group. Whoever has logged in is
// known; else there is only the envelope's sender, which anybody can write. That
// keeps newsletters and slips out, and no attacker: the restriction of a group is
// no secret's guard. The null path is nobody.
func (x *expansion) mayWrite(group *mail.Found) error {
	if group.Who == mail.WhoAnybody || x.from.made {
		return nil
	}
	who, ours, err := x.writer()
	if err != nil {
		return err
	}
	allowed, text := ours || x.from.login != 0, "Only people of this office can send to this group"
	switch group.Who {
	case mail.WhoMembers:
		text = "Only members of this group can send to it"
		allowed, err = x.among(group.Members, who, 0)
	case mail.WhoNamed:
		text = "Only some people can send to this group, and you are not among them"
		allowed, err = x.among(group.Named, who, 0)
	}
	if err != nil || allowed {
		return err
	}
	return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: text}
}

// writer is who writes: an account, and the address that is in the envelope, in
// the form in which the directory has it. ours says that it is of the office.
func (x *expansion) writer() (who mail.Member, ours bool, err error) {
	who = mail.Member{Account: x.from.login, Address: x.envelope.From}
	if who.Address.IsZero() {
		return who, false, nil
	}
	found, err := x.room.directory.Look(x.ctx, who.Address)
	switch {
	case err == nil && !found.CatchAll:
		who.Address = found.Address
		if who.Account == 0 {
			who.Account = found.Account
		}
		return who, true, nil
	case err == nil, errors.Is(err, mail.ErrNoSuchAddress), errors.Is(err, mail.ErrNotOurDomain):
		return who, false, nil
	}
	return who, false, fmt.Errorf("route: resolve %s: %w", who.Address, err)
}

// among reports whether somebody is in a list, or in a group in it.
func (x *expansion) among(list []mail.Member, who mail.Member, steps int) (bool, error) {
	if steps > maxSteps {
		return false, nil
	}
	for _, m := range list {
		if m.Account != 0 {
			if m.Account == who.Account {
				return true, nil
			}
			continue
		}
		if !who.Address.IsZero() && m.Address.Canonical() == who.Address.Canonical() {
			return true, nil
		}
		found, err := x.room.directory.Look(x.ctx, m.Address)
		if errors.Is(err, mail.ErrNotOurDomain) || errors.Is(err, mail.ErrNoSuchAddress) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("route: resolve %s: %w", m.Address, err)
		}
		members := slices.Clone(found.Members)
		if found.Account != 0 {
			members = []mail.Member{{Account: found.Account}}
		}
		if in, err := x.among(members, who, steps+1); err != nil || in {
			return in, err
		}
	}
	return false, nil
}
