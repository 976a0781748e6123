package smtpd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Offers are the extensions that promise something for the time behind the 250,
// which others than this package keep: reports, a way over TLS only, a queue that
// looks at priorities and times. Each is offered, and its parameters are taken,
// only where it is turned on. The zero value offers none.
type Offers struct {
	DSN        bool          // RFC 3461: reports about what became of the message
	RequireTLS bool          // RFC 8689: only over verified TLS; offered under TLS only
	DeliverBy  bool          // RFC 2852: until a time; needs DSN, or it is not offered (§3)
	Priority   bool          // RFC 6710: before or behind other messages
	Future     time.Duration // RFC 4865: how far ahead a message may be handed in, submission only; 0: not at all
}

// Turner sends what waits for a domain when its server says that it is there
// (RFC 1985). Its errors are for the client as the Mailroom's are; permanent ones
// mean that the peer may not ask for this domain.
type Turner interface {
	// Turn has the messages for domain, in small letters, sent at once, with below also those for
	// names under it. It returns how many wait; it does not wait for them.
	Turn(ctx context.Context, peer *mail.Peer, domain string, below bool) (waiting int, err error)
}

// offered lists the extensions of Offers that this session may use now.
func (c *conn) offered() []string {
	var list []string
	o := c.server.options.Offers
	if o.DSN {
		list = append(list, "DSN")
	}
	if c.requireTLS() {
		list = append(list, "REQUIRETLS")
	}
	if c.deliverBy() {
		list = append(list, "DELIVERBY")
	}
	if o.Priority {
		list = append(list, "MT-PRIORITY MIXER")
	}
	if max := c.future(); max > 0 {
		list = append(list, fmt.Sprintf("FUTURERELEASE %d %s", int64(max/time.Second), time.Now().Add(max).UTC().Format(time.RFC3339)))
	}
	if c.server.options.Turner != nil && !c.mode.Submission {
		list = append(list, "ETRN")
	}
	return list
}

// requireTLS: over a line in the clear the promise is broken already (RFC 8689 §2).
func (c *conn) requireTLS() bool { return c.server.options.Offers.RequireTLS && c.tls != nil }

func (c *conn) deliverBy() bool {
	return c.server.options.Offers.DeliverBy && c.server.options.Offers.DSN
}

// future is how far ahead this client may hand messages in. Other servers may not
// at all (RFC 4865 §4): what they pass on has been sent already.
func (c *conn) future() time.Duration {
	if !c.mode.Submission {
		return 0
	}
	return c.server.options.Offers.Future
}

// etrn is RFC 1985: the server of a domain has come back and asks for its mail.
func (c *conn) etrn(arguments string) error {
	if c.server.options.Turner == nil || c.mode.Submission {
		return errCommand
	}
	domain, below := strings.CutPrefix(arguments, "@")
	address, err := mail.ParseAddress("postmaster@" + domain)
	if err != nil || strings.HasPrefix(domain, "[") {
		return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "Say the domain behind ETRN", Cause: err}
	}
	ctx, cancel := context.WithTimeout(c.ctx, deliverTimeout)
	defer cancel()
	waiting, err := c.server.options.Turner.Turn(ctx, &c.peer, strings.ToLower(address.Domain), below)
	if err != nil {
		reply := *replyTo(err)
		reply.Code = 458 // RFC 1985 §5: not now
		if reply.Status.Class() == 5 {
			reply.Code = 459 // not for you, or not here
		}
		return &reply
	}
	if waiting == 0 {
		c.wire.reply(251, mail.Status2_0_0OK, "Nothing waits for "+address.Domain)
		return nil
	}
	c.wire.reply(253, mail.Status2_0_0OK, fmt.Sprintf("%d messages that wait for %s are sent now", waiting, address.Domain))
	return nil
}
