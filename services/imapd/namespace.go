package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// namespace is RFC 9051 §6.3.10: one personal namespace.
type namespace struct{}

func parseNamespace(*parser) request { return namespace{} }

func (namespace) run(_ context.Context, s *session) error {
	s.w.Raw(`* NAMESPACE (("" "` + string(mail.Delimiter) + `")) NIL NIL` + "\r\n")
	return nil
}
