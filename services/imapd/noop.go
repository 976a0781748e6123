package imapd

import "context"

// noop is RFC 9051 §6.1.2, and RFC 3501's CHECK (§6.4.1), for which there is
// nothing to do: what has been told OK is on disk. New messages and changes are
// told behind every command.
type noop struct{}

func parseNoop(*parser) request { return noop{} }

func (noop) run(context.Context, *session) error { return nil }
