package powercut

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"

	"github.com/xdg-go/scram"
)

// mechanism is the one by which everybody logs in (RFC 7677). A password that is sent costs the box an argon2, seconds on
// an emulated processor, with the first log-in after each start; this costs us the work instead.
const mechanism = "SCRAM-SHA-256"

// prove logs in on a connection on which the server has greeted: begin is what comes before the initial response.
// It ends with the line that is no challenge.
func prove(c *textproto.Conn, begin, name string) (last string, err error) {
	client, err := scram.SHA256.NewClient(name+"@"+domain, password, "")
	if err != nil {
		return "", err
	}
	talk := client.NewConversation()
	response, err := talk.Step("")
	if err != nil {
		return "", err
	}
	line := begin + mechanism + " " + base64.StdEncoding.EncodeToString([]byte(response))
	for {
		if err := c.PrintfLine("%s", line); err != nil {
			return "", err
		}
		answer, err := c.ReadLine()
		if err != nil {
			return "", err
		}
		text, more := strings.CutPrefix(answer, "+ ")
		if !more {
			if !talk.Valid() {
				return "", fmt.Errorf("log in as %s: %q", name, answer)
			}
			return answer, nil
		}
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("log in as %s: the challenge %q: %w", name, text, err)
		}
		if response, err = talk.Step(string(challenge)); err != nil {
			return "", fmt.Errorf("log in as %s: %w", name, err)
		}
		line = base64.StdEncoding.EncodeToString([]byte(response))
	}
}

// loggedIn is an IMAP connection on which somebody has logged in already, which its greeting says.
type loggedIn struct {
	net.Conn
	in io.Reader
}

func (l loggedIn) Read(p []byte) (int, error) { return l.in.Read(p) }

// imapLogin logs in by hand: go-imap's client answers an empty challenge in a way that only an initial response may have.
func imapLogin(conn net.Conn, name string) (net.Conn, error) {
	c := textproto.NewConn(conn)
	if _, err := c.ReadLine(); err != nil {
		return nil, err
	}
	last, err := prove(c, "a AUTHENTICATE ", name)
	for err == nil && strings.HasPrefix(last, "* ") { // capabilities
		last, err = c.ReadLine()
	}
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(last, "a OK") {
		return nil, fmt.Errorf("log in as %s: %q", name, last)
	}
	return loggedIn{conn, io.MultiReader(strings.NewReader("* PREAUTH logged in\r\n"), c.R)}, nil
}
