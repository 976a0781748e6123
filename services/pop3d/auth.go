package pop3d

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// authenticate is RFC 5034's AUTH. Without an argument it lists the mechanisms,
// which RFC 1734's clients ask for in that way.
func authenticate(ctx context.Context, s *session, arg string) error {
	mechanism, initial, hasInitial := strings.Cut(strings.TrimRight(arg, " "), " ")
	if mechanism == "" {
		s.wire.ok("mechanisms follow")
		lines := s.wire.lines()
		for _, m := range s.mechanisms() {
			lines.line(m)
		}
		return lines.close()
	}
	var response []byte
	if hasInitial {
		var err error
		if response, err = decodeResponse(initial); err != nil {
			return err
		}
	}
	exchange, err := s.server.options.Auth.Start(strings.ToUpper(mechanism), s.peer, s.tls)
	if err != nil {
		return err
	}
	for {
		challenge, done, err := exchange.Next(ctx, response)
		if err != nil {
			return s.denied(fmt.Errorf("authenticate: %w", err))
		}
		if done {
			return s.enter(ctx, exchange.Login())
		}
		// Errors stick to a bufio.Writer.
		_, _ = s.wire.out.WriteString("+ " + base64.StdEncoding.EncodeToString(challenge) + "\r\n")
		line, err := s.readLine()
		if err != nil {
			return err
		}
		if line == "*" {
			return &Error{Text: "Log-in given up, as you wish"}
		}
		if response, err = decodeResponse(line); err != nil {
			return err
		}
	}
}

// mechanisms are those that this connection may use: none that sends the
// password where PASS may not.
func (s *session) mechanisms() []string {
	offered := s.server.options.Auth.Mechanisms(s.tls != nil)
	if s.server.options.Auth.External(s.tls) {
		offered = append(slices.Clone(offered), "EXTERNAL")
	}
	if s.server.options.Auth.Clear(s.peer, s.tls != nil) {
		return offered
	}
	return slices.DeleteFunc(slices.Clone(offered), func(m string) bool { return m == "PLAIN" || m == "LOGIN" })
}

// decodeResponse reads base64; never nil, which would mean that there is none.
// RFC 5034 §4: "=" is an empty initial response.
func decodeResponse(line string) ([]byte, error) {
	if line == "=" {
		line = ""
	}
	response, err := base64.StdEncoding.AppendDecode([]byte{}, []byte(line))
	if err != nil {
		return nil, syntaxError{"That is not base64"}
	}
	return response, nil
}
