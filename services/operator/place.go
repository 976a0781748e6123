package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// place is where people are looked after: a running box or a data directory.
type place interface {
	people(ctx context.Context) ([]mail.Account, error)
	add(ctx context.Context, account mail.Account, password string) error
	setPassword(ctx context.Context, address mail.Address, password string) error
	remove(ctx context.Context, address mail.Address) error
	// setRole says what somebody may do beside using their own mailbox.
	setRole(ctx context.Context, address mail.Address, role mail.AccountRole, domains []string) error
	// disable lets nobody log in to an account, or lets them in again.
	disable(ctx context.Context, address mail.Address, disabled bool) error
	// quota changes what is not nil, and says what holds then and is taken up.
	quota(ctx context.Context, address mail.Address, bytes, messages *int64) (mail.Quota, mail.Usage, error)
	// limits changes what is not nil of what a person, or with the zero address
	// everybody, may send within a day, and says what holds then.
	limits(ctx context.Context, address mail.Address, messages, recipients *int) (sendingLimits, error)
	// tokens lists everybody's API tokens.
	tokens(ctx context.Context) ([]token, error)
	removeToken(ctx context.Context, id string) error
	addToken(ctx context.Context, name, owner string, scopes []string, password func() (string, error)) (string, error)
	exportMail(ctx context.Context, address mail.Address, to string, format transfer.Format, show *progress) (transfer.Exported, error)
	importMail(ctx context.Context, address mail.Address, archive *transfer.Archive, name, into string, show *progress) (transfer.Summary, error)
	// deleted gives what was deleted of one person's mail.
	deleted(ctx context.Context, address mail.Address) (deleted, error)
	// removed lists the people who can be brought back.
	removed(ctx context.Context) ([]mail.RemovedAccount, error)
	restoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error)
	// rebuildSearch has the search index of one person, or of all, made anew;
	// searchRebuilds says how far that is.
	rebuildSearch(ctx context.Context, only mail.Address) error
	searchRebuilds(ctx context.Context) ([]searchState, error)
	// listings lists the groups, or else the aliases and shared addresses.
	listings(ctx context.Context, groups bool) ([]mail.Listing, error)
	setListing(ctx context.Context, l mail.Listing) error
	removeListing(ctx context.Context, address mail.Address, group bool) error
	domains(ctx context.Context) ([]officeDomain, error)
	setDomain(ctx context.Context, d officeDomain) error
	removeDomain(ctx context.Context, name string) error
	// rules changes what a change has, and says what holds then.
	rules(ctx context.Context, address mail.Address, change rulesChange) (mail.Rules, error)
	waitingMail
	close() error
}

// place opens the one that the flags name.
func (t *task) place(ctx context.Context) (place, error) {
	switch {
	case t.flags.data != "" && t.flags.box != "":
		return nil, fmt.Errorf("%w: give --data or --box, not both", errUsage)
	case t.flags.data != "":
		return openData(ctx, t.flags.data)
	case t.flags.box != "":
		return t.openBox()
	}
	if !t.online {
		return nil, fmt.Errorf("%w: --data is missing", errUsage)
	}
	return nil, fmt.Errorf("%w: --box or --data is missing", errUsage)
}

// explain turns errors into what an operator can do something about.
func explain(err error) error {
	if rule, ok := errors.AsType[*mail.RuleError](err); ok {
		return rule // it says all in words
	}
	for known, text := range map[error]string{
		directory.ErrInUse:      "a mail service is running on this data directory: stop it first",
		directory.ErrLost:       directory.ErrLost.Error(),
		directory.ErrNotSetUp:   "this box has not been set up yet: open its set-up page first",
		mail.ErrName:            mail.ErrName.Error(),
		mail.ErrNoAccount:       "nobody here has this address: boxctl user list shows who is here, boxctl undo list who was removed",
		mail.ErrAddressTaken:    "somebody has this address already",
		mail.ErrNoSuchAddress:   "there is no such address: boxctl alias list and boxctl group list show those that there are",
		mail.ErrNoDomain:        "the office has no such domain: boxctl domain list shows those that it has",
		mail.ErrAddress:         "this is not an address that can be given here: letters, digits, dots and hyphens before the @",
		mail.ErrNotWaiting:      "this message is not waiting, or no longer: boxctl queue list shows what is",
		mail.ErrSending:         "the message is being sent right now: try again in a moment, if it is still there",
		mail.ErrNothingToChange: "there is nothing to change about this message: it is so already, or no longer waits",
		mail.ErrHeldBack:        "this message is held back: boxctl queue release lets it go, and it is tried at once",
		mail.ErrNotYet:          "this message waits for the time that its sender has named: boxctl queue release sends it now, then it can go to another address",
		mail.ErrUndecided:       "this message waits for a decision, because of a rule on what is in mail: boxctl held release or boxctl held drop decide about it",
		domain.ErrName:          "this is not a domain name: write it like example.com",
		mail.ErrNotOurDomain:    "this address is in none of the office's domains",
		mail.ErrNoSpace:         "the disk is full: make room on it first",
		syscall.ENOSPC:          "the disk is full: make room on it first",
		syscall.EROFS:           "the disk takes no writes: copy the data directory to another one, and use the copy",
		mail.ErrOverQuota:       "this person's mailbox is full: allow more space for it first",
		mail.ErrKeywords:        "this person's mail has had more different combinations of labels than can be kept: take the labels off what is to come in",
		mail.ErrNoMailbox:       "there is no such folder, or was none then: boxctl undo list shows the deleted ones",
		mail.ErrNoMessage:       "there never was such a message: boxctl undo list shows those that can be brought back",
		mail.ErrGone:            mail.ErrGone.Error(),
		mail.ErrMailboxName:     "that is no possible folder name: levels are separated by one /, and must not be empty",
		transfer.ErrUnknown:     transfer.ErrUnknown.Error(),
		auth.ErrKey:             "private/box.key is damaged: put it back from a backup, nobody can log in without it",
	} {
		if errors.Is(err, known) {
			return errors.New(text)
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (the data directory belongs to the mail service's user)", err)
	}
	return err
}
