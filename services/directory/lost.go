package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// adopt finds mail that nobody owns: the record of its account is lost, in the
// log and in the index. Its number must not be given to somebody new, who would
// get it all; the account is there again under an address that says what it is,
// without a password that anybody knows. The caller is alone.
func (d *Directory) adopt(ctx context.Context) error {
	s := d.current.Load().state
	used, err := d.mailboxes.Used(ctx, s.next)
	if err != nil {
		return fmt.Errorf("directory: look for mail without an owner: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if s.box == nil {
			return ErrLost
		}
		if !used[id] {
			err := d.recovered(ctx, id)
			if err == nil {
				continue
			}
			d.log.Error("directory: mail without an owner could not be given an address", "account", id, "err", err)
		}
		next := *d.current.Load().state
		next.next = max(next.next, id+1)
		d.install(&next)
	}
	return nil
}

// recovered makes the account of mail whose owner is not known.
func (d *Directory) recovered(ctx context.Context, id mail.AccountID) error {
	r := accountRecord{
		ID: id, Local: "recovered-" + id.String(), Domain: d.current.Load().box.Domains[0],
		Name: "Mail whose owner is not known any more", Created: stamp(d.now()),
	}
	var err error
	if r.Credential, err = auth.NewRecord(d.key, r.address(), rand.Text()); err != nil {
		return err
	}
	if err := d.commit(ctx, kindAddAccount, r); err != nil {
		return err
	}
	d.log.Error("directory: the record of a person is lost; the mail is there under another address", "account", id, "address", r.address().String())
	return nil
}

// removeAgain commits what the log has lost of a removal. The caller has the turn.
func (d *Directory) removeAgain(ctx context.Context, id mail.AccountID) error {
	err := d.commit(ctx, kindRemoveAccount, removeRecord{ID: id, At: stamp(d.now()), Keep: true})
	if errors.Is(err, mail.ErrLastAdmin) {
		return d.mailboxes.RestoreAccount(ctx, id)
	}
	if err == nil {
		d.log.Error("directory: the record of a removal was lost; the account is removed again", "account", id)
	}
	return err
}

// SetUp says whether the index, as far as it can be read, is that of a box that
// was set up, and under which name. It serves who wants to know that before the
// log is opened, which may be missing.
func (ix *Index) SetUp() (hostname domain.Name, ok bool) {
	s, _, err := ix.load()
	if err != nil || s.box == nil {
		return "", false
	}
	return s.box.Hostname, true
}
