package auth

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"unicode/utf8"

	"github.com/xdg-go/scram"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// scramExchange is SCRAM (RFC 5802, RFC 7677): the client proves that it knows
// the password and learns that the server knows the verifier; nobody on the way
// learns either. With plus, both prove too that they stand at the two ends of one
// TLS connection.
type scramExchange struct {
	a         *Authenticator
	peer      netip.Addr
	mechanism string               // without -PLUS
	plus      bool                 // -PLUS: the client binds to the channel
	unbound   bool                 // -PLUS was not offered
	state     *tls.ConnectionState // nil without TLS
	step      scramStep
	attempt   *attempt                  // from the client's first message on
	server    *scram.ServerConversation // likewise
	proven    mail.Login                // once the proof was right
	login     mail.Login                // once the client has acknowledged ours
}

type scramStep uint8

const (
	scramStart scramStep = iota
	scramFirst
	scramFinal
	scramProven
	scramOver
)

func (x *scramExchange) Login() mail.Login { return x.login }

func (x *scramExchange) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if x.step == scramStart && response == nil {
		x.step = scramFirst
		return []byte{}, false, nil
	}
	// Every failure ends the exchange; only the ways on set another step.
	step := x.step
	x.step = scramOver
	if len(response) > MaxResponse || !utf8.Valid(response) {
		return nil, false, ErrMalformed
	}
	switch step {
	case scramStart, scramFirst:
		return x.first(ctx, string(response))
	case scramFinal:
		return x.final(string(response))
	case scramProven:
		// RFC 4422 §5.2: the protocols carry no data with success, so the server's
		// proof went out as a challenge, which the client answers with nothing.
		if len(response) == 0 {
			x.login = x.proven
			return nil, true, nil
		}
	}
	return nil, false, ErrMalformed
}

// first takes the client's name and nonce, and gives salt and cost.
func (x *scramExchange) first(ctx context.Context, message string) ([]byte, bool, error) {
	var lookUpErr error
	hash := scram.SHA256
	if x.mechanism == mechanismSHA1 {
		hash = scram.SHA1
	}
	server, err := hash.NewServer(func(name string) (scram.StoredCredentials, error) {
		if x.attempt, lookUpErr = x.a.begin(ctx, x.peer, name); lookUpErr != nil {
			return scram.StoredCredentials{}, lookUpErr
		}
		if x.mechanism == mechanismSHA1 {
			return x.attempt.secrets.sha1, nil
		}
		return x.attempt.secrets.sha256, nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("auth: start %s: %w", x.mechanism, err)
	}
	if x.server, err = x.conversation(server, message); err != nil {
		return nil, false, err
	}
	challenge, err := x.server.Step(message)
	if lookUpErr != nil {
		return nil, false, lookUpErr
	}
	if err != nil {
		return nil, false, ErrMalformed
	}
	x.step = scramFinal
	return []byte(challenge), false, nil
}

// final checks the client's proof and gives the server's.
func (x *scramExchange) final(message string) ([]byte, bool, error) {
	if err := x.attempt.mayTry(); err != nil {
		return nil, false, err
	}
	proof, err := x.server.Step(message)
	switch {
	case err != nil && proof != scram.ErrInvalidProof:
		return nil, false, ErrMalformed
	case err != nil || !x.server.Valid() || !x.attempt.known || x.attempt.only:
		return nil, false, x.attempt.failed(x.mechanism, "")
	}
	login, err := x.attempt.succeeded()
	if err != nil {
		return nil, false, err
	}
	if !sameIdentity(x.server.AuthzID(), x.server.Username(), login) {
		return nil, false, mail.ErrDenied
	}
	x.proven, x.step = login, scramProven
	return []byte(proof), false, nil
}
