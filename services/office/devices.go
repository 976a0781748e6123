package office

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// saw notes log-ins of mail programs by one service.
func (o *Office) saw(service mail.Service) func(login mail.Login, peer netip.Addr, client string) {
	return func(login mail.Login, peer netip.Addr, client string) {
		if strings.HasPrefix(client, "[") {
			client = "" // an address in EHLO, which changes and is known anyway
		}
		o.devices.Saw(device.Login{Account: login.Account, Program: login.Program, Service: service, Client: client, Peer: peer})
	}
}

// RemoveAppPassword ends one, if it is there, and the account's sessions: who has another
// way to log in comes back.
func (p people) RemoveAppPassword(ctx context.Context, id mail.AccountID, number mail.ProgramNumber) error {
	defer p.servers.drop(id)
	if err := p.Directory.RemoveAppPassword(ctx, id, number); !errors.Is(err, directory.ErrNoAppPassword) {
		return err
	}
	return nil
}

// RemoveAppPasswords ends all, and the account's sessions.
func (p people) RemoveAppPasswords(ctx context.Context, id mail.AccountID) error {
	defer p.servers.drop(id)
	return p.Directory.RemoveAppPasswords(ctx, id)
}

// SetOnlyPrograms says what programs need, and ends their sessions.
func (p people) SetOnlyPrograms(ctx context.Context, id mail.AccountID, only bool) error {
	defer p.servers.drop(id)
	return p.Directory.SetOnlyPrograms(ctx, id, only)
}
