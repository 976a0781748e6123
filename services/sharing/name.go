package sharing

import (
	"context"
	"strings"

	"github.com/sanduk-mail/sanduk/services/imapd"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// reserved reports whether a name is among those of others, or the level above them.
func reserved(name string) bool {
	return strings.HasPrefix(name, imapd.OthersPrefix) || name+string(mail.Delimiter) == imapd.OthersPrefix
}

// prefix stands before the names of an owner's mailboxes.
func (s *Shares) prefix(ctx context.Context, owner mail.AccountID) (string, error) {
	account, err := s.opt.Directory.Account(ctx, owner)
	if err != nil {
		return "", err
	}
	return imapd.OthersPrefix + account.Address.String() + string(mail.Delimiter), nil
}

// owners lists the accounts of which there is anything in what was received.
func owners(received []mail.Share) []mail.AccountID {
	var list []mail.AccountID
	for _, r := range received {
		if n := len(list); r.Owner <= mostOwner && (n == 0 || list[n-1] != r.Owner) {
			list = append(list, r.Owner)
		}
	}
	return list
}

// split finds whose a name is and what he calls it; owner 0: nobody's who shares
// anything with the log-in.
func (a *Account) split(ctx context.Context, name string) (owner mail.AccountID, own string) {
	for _, owner := range owners(a.shares.opt.Directory.Received(a.id)) {
		prefix, err := a.shares.prefix(ctx, owner)
		if err != nil {
			continue // removed in this moment
		}
		if own, ok := strings.CutPrefix(name, prefix); ok {
			return owner, own
		}
	}
	return 0, ""
}
