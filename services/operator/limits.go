package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// sendingLimits is what somebody may send within a day, and has sent.
type sendingLimits struct {
	holds mail.Limits
	sent  *mail.Limits // nil: it is not known
}

// limits shows how much a person, or everybody, may send within a day, after it has
// changed what the flags say.
func limits(ctx context.Context, t *task) error {
	var address mail.Address
	who := "Everybody who has no bound of their own"
	if len(t.args) > 0 {
		var err error
		if address, err = t.address(); err != nil {
			return err
		}
		who = address.String()
	}
	messages, err := dayBound(t.flags.messages)
	if err != nil {
		return err
	}
	recipients, err := dayBound(t.flags.recipients)
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		l, err := p.limits(ctx, address, messages, recipients)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s may send %s messages within a day, and write to %s addresses for the first time\n", who, dayWord(l.holds.Messages), dayWord(l.holds.Recipients))
		if l.sent != nil {
			fmt.Fprintf(t.Out, "  in the last 24 hours: %d messages, %d new addresses\n", l.sent.Messages, l.sent.Recipients)
		}
		return nil
	})
}

func dayWord(n int) string {
	if n == mail.NoLimit {
		return "any number of"
	}
	return strconv.Itoa(n)
}

// dayBound reads a bound; nil when there is none.
func dayBound(text string) (*int, error) {
	n := 0
	switch text {
	case "":
		return nil, nil
	case "usual":
	case "none":
		n = mail.NoLimit
	default:
		var err error
		if n, err = strconv.Atoi(text); err != nil || n <= 0 {
			return nil, fmt.Errorf("%w: %q is not a number such as 500, nor usual or none", errUsage, text)
		}
	}
	return &n, nil
}

func (d *data) limits(ctx context.Context, address mail.Address, messages, recipients *int) (sendingLimits, error) {
	var account mail.Account
	if !address.IsZero() {
		var err error
		if account, err = d.find(ctx, address); err != nil {
			return sendingLimits{}, err
		}
	}
	set := d.directory.Limits(account.ID)
	if messages != nil {
		set.Messages = *messages
	}
	if recipients != nil {
		set.Recipients = *recipients
	}
	if messages != nil || recipients != nil {
		if err := d.directory.SetLimits(ctx, account.ID, set); err != nil {
			return sendingLimits{}, err
		}
	}
	return sendingLimits{holds: set.Or(d.directory.Limits(0)).Or(mail.StandardLimits())}, nil
}

func (b *box) limits(ctx context.Context, address mail.Address, messages, recipients *int) (sendingLimits, error) {
	path := "/api/limits"
	if !address.IsZero() {
		path = "/api/accounts/" + url.PathEscape(address.String()) + "/limits"
	}
	in := map[string]int{}
	if messages != nil {
		in["messages"] = *messages
	}
	if recipients != nil {
		in["recipients"] = *recipients
	}
	method, body := http.MethodGet, any(nil)
	if len(in) > 0 {
		method, body = http.MethodPatch, in
	}
	type bounds struct {
		Messages   int `json:"messages"`
		Recipients int `json:"recipients"`
	}
	var out struct {
		Holds bounds  `json:"holds"`
		Sent  *bounds `json:"sent"`
	}
	err := b.do(ctx, method, path, body, &out)
	l := sendingLimits{holds: mail.Limits(out.Holds)}
	if out.Sent != nil {
		sent := mail.Limits(*out.Sent)
		l.sent = &sent
	}
	return l, err
}
