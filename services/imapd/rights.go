package imapd

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// foreign reports whether a mailbox is somebody else's.
func (s *session) foreign(id mail.MailboxID) bool { return s.sharing != nil && s.sharing.Foreign(id) }

// rights are what this log-in may do in a mailbox. In one of its own that is everything,
// and nobody need be asked.
func (s *session) rights(ctx context.Context, id mail.MailboxID) (mail.Rights, error) {
	if !s.foreign(id) {
		return mail.AllRights, nil
	}
	rights, err := s.sharing.Rights(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("ask for the rights in mailbox %s: %w", id, err)
	}
	return rights, nil
}

// allow fails unless all of these rights are there. Who may not even know of the mailbox
// hears what is said of one that does not exist (RFC 4314 §6).
func (s *session) allow(ctx context.Context, id mail.MailboxID, needed mail.Rights) error {
	rights, err := s.rights(ctx, id)
	switch {
	case err != nil:
		return err
	case rights.Has(needed):
		return nil
	case rights.Has(mail.RightLookup):
		return mail.ErrNoRight
	}
	return mail.ErrNoMailbox
}

// denied reports whether a mailbox is not there for whoever asks, or not for that.
func denied(err error) bool {
	return errors.Is(err, mail.ErrNoRight) || errors.Is(err, mail.ErrNoMailbox)
}

// readable reports whether what is in a mailbox may be told.
func (s *session) readable(ctx context.Context, id mail.MailboxID) (bool, error) {
	err := s.allow(ctx, id, mail.RightRead)
	if denied(err) {
		return false, nil
	}
	return err == nil, err
}

// administered finds a mailbox of which the list of rights may be seen and changed.
func (s *session) administered(ctx context.Context, name string) (mail.Mailbox, error) {
	if s.sharing == nil {
		return mail.Mailbox{}, no("CANNOT", "Mailboxes can't be shared here")
	}
	mailbox, err := s.account.Mailbox(ctx, name)
	if err != nil {
		return mailbox, err
	}
	return mailbox, s.allow(ctx, mailbox.ID, mail.RightAdminister)
}

// flagRights are the rights that setting or taking off any flag can need (RFC 4314 §4).
const flagRights = mail.RightSeen | mail.RightWrite | mail.RightDeleteMessages

// altering are the rights of which one makes a mailbox more than readable: without any
// of them it is READ-ONLY (RFC 4314 §5.2).
const altering = flagRights | mail.RightInsert | mail.RightExpunge

// removing are the rights that taking a message out of a mailbox needs (RFC 4314 §4 for
// what RFC 6851 §3.3 says MOVE is made of).
const removing = mail.RightDeleteMessages | mail.RightExpunge

// flagsAllowed are the names of those system flags that can be changed.
func flagsAllowed(rights mail.Rights) []string {
	var names []string
	for _, name := range systemFlags() {
		needed := mail.RightWrite
		switch name {
		case `\Seen`:
			needed = mail.RightSeen
		case `\Deleted`:
			needed = mail.RightDeleteMessages
		}
		if rights.Has(needed) {
			names = append(names, name)
		}
	}
	return names
}
