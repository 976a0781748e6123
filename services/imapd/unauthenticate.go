package imapd

import (
	"context"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// unauthenticate is RFC 8437: the connection, with its TLS, is kept for somebody
// else, and nothing of whoever was logged in.
type unauthenticate struct{}

func parseUnauthenticate(*parser) request { return unauthenticate{} }

func (unauthenticate) run(_ context.Context, s *session) error {
	if s.inflater != nil {
		if s.r.Buffered() > 0 {
			return bad("Wait for the answer to UNAUTHENTICATE before you send more")
		}
		s.compression = switchOff // both ways, from the tagged OK on (§4.1)
	}
	s.log.Info("imap unauthenticate", "login", s.login.Address.String())
	s.view = nil // as UNSELECT: nothing is expunged (§3)
	s.stopNotify()
	left := s.login.Account
	s.sighted()
	s.login, s.account, s.sharing, s.seen = mail.Login{}, nil, nil, false
	s.server.releaseLogin(left)
	s.server.desk.Own(s, 0) // Drop must not cut whoever comes next
	// What ENABLE has turned on ends with the log-in (§4.1).
	s.rev2, s.utf8, s.utf8Only, s.condstore, s.qresync, s.uidOnly = false, false, false, false, false, false
	s.w.ForbidUTF8()
	// failedLogins stays: changing identities is no way to get more guesses. The
	// commands of a stranger count anew, or a pool of connections would run out.
	s.commands = 0
	s.log = s.server.options.Log.With("peer", s.peer.String())
	s.conn.until(time.Now().Add(loginTime))
	s.code = "CAPABILITY " + s.capabilities()
	return nil
}
