package sharing

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// flagRights are those that allow to change some flags.
const flagRights = mail.RightSeen | mail.RightWrite | mail.RightDeleteMessages

// settable are those of the flags that somebody with these rights may change.
func settable(rights mail.Rights, flags mail.Flags) mail.Flags {
	may := mail.Flags{System: systemOf(rights) & flags.System}
	if rights.Has(mail.RightWrite) {
		may.Keywords = flags.Keywords
	}
	return may
}

// systemOf are the system flags that the rights allow to change.
func systemOf(rights mail.Rights) mail.SystemFlags {
	var system mail.SystemFlags
	if rights.Has(mail.RightSeen) {
		system |= mail.Seen
	}
	if rights.Has(mail.RightDeleteMessages) {
		system |= mail.Deleted
	}
	if rights.Has(mail.RightWrite) {
		system |= mail.Answered | mail.Flagged | mail.Draft
	}
	return system
}

// SetFlags changes the flags of the messages in set that exist. In another's mailbox it
// changes those that the log-in may, and fails if it may none of them (RFC 4314 §4).
func (a *Account) SetFlags(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, op mail.FlagOp, flags mail.Flags, unchangedSince *mail.ModSeq) (mail.UIDSet, error) {
	if !a.Foreign(mailbox) {
		return a.Mail.SetFlags(ctx, mailbox, set, op, flags, unchangedSince)
	}
	p, err := a.at(ctx, mailbox, mail.RightRead)
	if err != nil {
		return nil, err
	}
	may := settable(p.rights, flags)
	nothing := may.System == 0 && len(may.Keywords) == 0
	asked := flags.System != 0 || len(flags.Keywords) > 0
	switch {
	case p.rights&flagRights == 0, nothing && asked && op != mail.FlagsReplace:
		return nil, fmt.Errorf("set flags in mailbox %s: %w", mailbox, refusal(p.rights))
	case op == mail.FlagsReplace && !p.rights.Has(flagRights):
		return p.replaceFlags(ctx, set, may, unchangedSince)
	}
	return p.SetFlags(ctx, p.id, set, op, may, unchangedSince)
}

// replaceFlags sets, of the flags that may be changed, exactly these: first those that
// are to be there are added, then the others taken away.
func (p place) replaceFlags(ctx context.Context, set mail.UIDSet, flags mail.Flags, unchangedSince *mail.ModSeq) (mail.UIDSet, error) {
	var there mail.UIDSet
	rest := mail.Flags{System: systemOf(p.rights)}
	for row, err := range p.Rows(ctx, p.id, set) {
		if err != nil {
			return nil, err
		}
		there = there.Add(row.UID)
		if p.rights.Has(mail.RightWrite) {
			rest = rest.Union(mail.Flags{Keywords: row.Flags.Keywords})
		}
	}
	failed, err := p.SetFlags(ctx, p.id, there, mail.FlagsAdd, flags, unchangedSince)
	if err != nil {
		return nil, err
	}
	var changed mail.UIDSet
	for uid := range there.All() {
		if !failed.Contains(uid) {
			changed = changed.Add(uid)
		}
	}
	if _, err := p.SetFlags(ctx, p.id, changed, mail.FlagsRemove, rest.Without(flags), nil); err != nil {
		return nil, err
	}
	return failed, nil
}
