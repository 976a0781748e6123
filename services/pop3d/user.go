package pop3d

import "context"

// user is RFC 1939 §7's USER. It says +OK to any name: who has an account here
// is nobody's business.
func user(_ context.Context, s *session, name string) error {
	if !s.server.options.Auth.Clear(s.peer, s.tls != nil) {
		return &Error{Text: "Start TLS first (STLS): a password never travels in the clear"}
	}
	if name == "" || len(name) > maxName {
		return syntaxError{"That is no name"}
	}
	s.user = name
	s.wire.ok("now the password")
	return nil
}
