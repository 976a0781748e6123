package directory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxAppPasswords of one account: one for each program on each device of somebody who
// has many. Each is a few hundred bytes of the account's record.
const maxAppPasswords = 50

// ErrNoAppPassword: the account has no app password of this number.
var ErrNoAppPassword = errors.New("directory: no such app password")

// AddAppPassword makes a password for one mail program; of p it takes name and services.
// The text is given this once. It goes with the account, and does not come back with it.
// Durable and visible on return. Errors: mail.ErrNoAccount, mail.ErrTooMany,
// mail.ErrName, *mail.RuleError.
func (d *Directory) AddAppPassword(ctx context.Context, id mail.AccountID, p mail.AppPassword) (text string, err error) {
	name := strings.TrimSpace(p.Name)
	if name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("directory: app password: %w", mail.ErrName)
	}
	for i, s := range p.Services {
		if !slices.Contains(mail.Services(), s) || slices.Contains(p.Services[:i], s) {
			return "", &mail.RuleError{Field: "services", Text: "An app password is for imap, pop3 or submission, each named once"}
		}
	}
	if err := d.begin(ctx); err != nil {
		return "", err
	}
	defer d.end()
	a, err := d.current.Load().live(id)
	if err != nil {
		return "", err
	}
	text = auth.NewAppPassword()
	r := appPasswordRecord{ID: id, Number: a.AppNumber + 1, Hash: d.key.AppPasswordHash(id, text), Name: name, Services: p.Services, Added: stamp(d.now())}
	return text, d.commit(ctx, kindSetAppPassword, r)
}

// RemoveAppPassword ends one. Errors: mail.ErrNoAccount, ErrNoAppPassword.
func (d *Directory) RemoveAppPassword(ctx context.Context, id mail.AccountID, number mail.ProgramNumber) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	a, err := d.current.Load().live(id)
	if err != nil {
		return err
	}
	if number == 0 || !slices.ContainsFunc(a.AppPasswords, func(r appPasswordRecord) bool { return r.Number == number }) {
		return ErrNoAppPassword
	}
	return d.commit(ctx, kindSetAppPassword, appPasswordRecord{ID: id, Number: number, Gone: true})
}

// RemoveAppPasswords ends all of an account, and that its programs need one. Errors:
// mail.ErrNoAccount.
func (d *Directory) RemoveAppPasswords(ctx context.Context, id mail.AccountID) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetAppPassword, appPasswordRecord{ID: id, Gone: true})
}

// SetOnlyPrograms says whether an account's mail programs need an app password: its own
// password is then for the pages alone. Errors: mail.ErrNoAccount.
func (d *Directory) SetOnlyPrograms(ctx context.Context, id mail.AccountID, only bool) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetPrograms, programsRecord{ID: id, Only: only})
}

// AppPasswords lists an account's, oldest first, and whether its programs need one. It
// waits for nothing. Errors: mail.ErrNoAccount.
func (d *Directory) AppPasswords(id mail.AccountID) (list []mail.AppPassword, only bool, err error) {
	a, err := d.current.Load().live(id)
	if err != nil {
		return nil, false, err
	}
	for _, r := range a.AppPasswords {
		list = append(list, mail.AppPassword{Number: r.Number, Name: r.Name, Services: slices.Clone(r.Services), Added: r.Added})
	}
	return list, a.OnlyPrograms, nil
}

// appPasswords are those of a record as a log-in compares them.
func (r *accountRecord) appPasswords() []auth.AppPassword {
	if len(r.AppPasswords) == 0 {
		return nil
	}
	list := make([]auth.AppPassword, len(r.AppPasswords))
	for i, p := range r.AppPasswords {
		list[i] = auth.AppPassword{Number: p.Number, Hash: p.Hash, Services: p.Services}
	}
	return list
}

func (s *state) setAppPassword(r *appPasswordRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	switch {
	case r.Gone && r.Number == 0:
		a.AppPasswords, a.OnlyPrograms = nil, false
	case r.Gone:
		a.AppPasswords = slices.DeleteFunc(slices.Clone(a.AppPasswords), func(p appPasswordRecord) bool { return p.Number == r.Number })
	case len(r.Hash) != sha256.Size:
		return nil, fmt.Errorf("directory: an app password's hash has %d bytes", len(r.Hash))
	case r.Number <= a.AppNumber:
		return nil, fmt.Errorf("directory: app password %d of %s was given already", r.Number, r.ID)
	case len(a.AppPasswords) >= maxAppPasswords:
		return nil, fmt.Errorf("directory: app passwords of %s: %w", a.address(), mail.ErrTooMany)
	default:
		a.AppPasswords, a.AppNumber = append(slices.Clone(a.AppPasswords), *r), r.Number
	}
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}

func (s *state) setPrograms(r *programsRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	a.OnlyPrograms = r.Only
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}
