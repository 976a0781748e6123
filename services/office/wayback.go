package office

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// wayBackTime is how long a code on the screen is good: enough to walk to a computer.
const wayBackTime = 30 * time.Minute

// wayBack is the code with which an administrator gets a new password. It lives in
// memory: after a restart there is none.
type wayBack struct {
	o *Office

	mu    sync.Mutex // guards all below
	code  *claim.Code
	until time.Time
}

// Code is the code on the screen; nil: there is none.
func (b *wayBack) Code() *claim.Code {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.code == nil || !time.Now().Before(b.until) {
		return nil
	}
	return b.code
}

// mint makes a new code; the one before is worth nothing any more.
func (b *wayBack) mint(ctx context.Context) ErrandResult {
	if !b.o.isSetUp() {
		return ErrandResult{Problem: "The box is not set up yet: there is no administrator. Set it up with the code that its screen shows."}
	}
	admins, err := b.o.administrators(ctx)
	if err != nil {
		b.o.log.Error("no code for a new password", "err", err)
		return ErrandResult{Problem: "The list of people can't be read."}
	}
	r := ErrandResult{Valid: wayBackTime}
	for _, a := range admins {
		r.Administrators = append(r.Administrators, a.Address.String())
	}
	b.mu.Lock()
	b.code, b.until = claim.New(nil), time.Now().Add(wayBackTime)
	r.Code = b.code.String()
	b.mu.Unlock()
	b.o.log.Warn("somebody at the box had it show a code for a new administrator's password")
	b.o.tellAdministrators(ctx, "Somebody at the box asks for a new password", fmt.Sprintf(
		"Somebody who stands before the mail box %s had it show a code with which an administrator's password can be set anew. The code is good for %d minutes.\n\n"+
			"If that was not you or somebody you trust, look who is there.", b.o.hostname(), int(wayBackTime.Minutes())))
	return r
}

// Used tells all administrators.
func (b *wayBack) Used(ctx context.Context, account mail.Account, peer string) {
	b.o.tellAdministrators(ctx, "An administrator's password was set anew", fmt.Sprintf(
		"The password of %s was set anew with a code from the screen of the mail box %s, from the address %s. All of %s's programs were signed out.\n\n"+
			"If nobody you trust did that, sign in as another administrator and change it, or have the box show a code yourself (F9).", account.Address, b.o.hostname(), peer, account.Address))
}

// administrators are the people who run the box.
func (o *Office) administrators(ctx context.Context) ([]mail.Account, error) {
	people, err := o.directory.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var admins []mail.Account
	for _, p := range people {
		if p.Role.Admin() && !p.Disabled {
			admins = append(admins, p)
		}
	}
	return admins, nil
}

// tellAdministrators writes a letter to each.
func (o *Office) tellAdministrators(ctx context.Context, subject, text string) {
	admins, err := o.administrators(ctx)
	if err != nil {
		o.log.Error("administrators could not be told", "subject", subject, "err", err)
	}
	for _, a := range admins {
		o.notify(notice{to: a.Address, subject: subject, text: text})
	}
}
