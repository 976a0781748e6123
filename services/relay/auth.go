package relay

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxAuthSteps is more than any mechanism known here takes.
const maxAuthSteps = 8

// login is AUTH (RFC 4954) with the best mechanism that both know. A refused
// log-in is the box's own trouble: it is tried again later and never ends a
// message, as it would end all of the office's.
func (s *session) login(user, password string) *problem {
	client, verified, p := s.mechanism(user, password)
	if p != nil {
		return p
	}
	name, response, err := client.Start()
	if err != nil {
		return said(status4_7_8Login, err, "could not log in to the server with %s", name)
	}
	line := "AUTH " + name
	if response != nil {
		line += " " + initial(response)
	}
	for range maxAuthSteps {
		r, lines, err := s.wire.ask(line, tlsTimeout)
		switch {
		case err != nil:
			return s.lost(err, "logging in")
		case r.Code == 235:
			if !verified() {
				return said(status4_7_8Login, nil, "the server said that the log-in was right without proving that it knows the password")
			}
			return nil
		case r.Code != 334:
			return &problem{reply: r, status: status4_7_8Login}
		}
		challenge, err := base64.StdEncoding.DecodeString(lines[0])
		if err == nil {
			response, err = client.Next(challenge)
		}
		if err != nil {
			_, _, _ = s.wire.ask("*", tlsTimeout) // RFC 4954 §4: gives up; the connection is left next
			return said(status4_7_8Login, err, "could not log in to the server with %s: %s", name, mail.InWords(err))
		}
		line = base64.StdEncoding.EncodeToString(response)
	}
	return said(status4_7_8Login, nil, "the server asks on and on at the log-in")
}

// initial is an initial response; an empty one is "=" (RFC 4954 §4).
func initial(response []byte) string {
	if len(response) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(response)
}

// mechanism chooses: SCRAM first, which does not give the password away; PLAIN
// and LOGIN only inside TLS (RFC 4954 §4).
func (s *session) mechanism(user, password string) (sasl.Client, func() bool, *problem) {
	offered := func(name string) bool { return slices.Contains(s.ext.mechanisms, name) }
	always := func() bool { return true }
	for _, m := range []struct {
		name string
		hash scram.HashGeneratorFcn
	}{{"SCRAM-SHA-256", scram.SHA256}, {"SCRAM-SHA-1", scram.SHA1}} {
		if !offered(m.name) {
			continue
		}
		client, err := m.hash.NewClient(user, password, "")
		if err != nil {
			return nil, nil, said(status4_7_8Login, err, "the user name or password for the server can't be used with %s", m.name)
		}
		c := &scramClient{m.name, client.NewConversation()}
		return c, c.conversation.Valid, nil
	}
	switch {
	case s.tls == "":
		return nil, nil, said(status4_7_8Login, nil, "the server offers no log-in that is safe without encryption")
	case offered("PLAIN"):
		return sasl.NewPlainClient("", user, password), always, nil
	case offered("LOGIN"):
		return &loginClient{user: user, password: password}, always, nil
	}
	return nil, nil, said(status4_7_8Login, nil, "the server offers no log-in that is known here; it offers %q", s.ext.mechanisms)
}

// scramClient is SCRAM (RFC 5802, RFC 7677) as a sasl.Client.
type scramClient struct {
	name         string
	conversation *scram.ClientConversation
}

func (c *scramClient) Start() (string, []byte, error) {
	first, err := c.conversation.Step("")
	return c.name, []byte(first), err
}

func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	if c.conversation.Done() {
		return nil, errors.New("the server asks on after the end")
	}
	response, err := c.conversation.Step(string(challenge))
	if err != nil {
		return nil, fmt.Errorf("SCRAM: %w", err)
	}
	return []byte(response), nil
}

// loginClient is LOGIN, which has no RFC: the name, then the password, whatever
// the questions say. (go-sasl's wants the exact words of one server.)
type loginClient struct {
	user, password string
	asked          int
}

func (c *loginClient) Start() (string, []byte, error) { return sasl.Login, nil, nil }

func (c *loginClient) Next([]byte) ([]byte, error) {
	c.asked++
	switch c.asked {
	case 1:
		return []byte(c.user), nil
	case 2:
		return []byte(c.password), nil
	}
	return nil, errors.New("the server asks for more than a name and a password")
}

// loginRefused reports whether a reply in a transaction complains about the log-in
// (RFC 4954 §6).
func loginRefused(r mail.Reply) bool {
	return r.Code == 530 || r.Code == 534 || r.Code == 535 || r.Code == 538
}
