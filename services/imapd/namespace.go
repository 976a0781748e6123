package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// namespace is RFC 9051 §6.3.10: one personal namespace and, where mailboxes can be
// shared, one for those of others.
type namespace struct{}

func parseNamespace(*parser) request { return namespace{} }

func (namespace) run(_ context.Context, s *session) error {
	const delimiter = `" "` + string(mail.Delimiter) + `"))`
	others := "NIL"
	if s.sharing != nil {
		others = `(("` + OthersPrefix + delimiter
	}
	s.w.Raw(`* NAMESPACE (("` + delimiter + " " + others + " NIL\r\n")
	return nil
}
