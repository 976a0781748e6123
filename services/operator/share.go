package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// sharedMailbox is what somebody may do in a mailbox of another.
type sharedMailbox struct {
	Owner   string `json:"owner"`
	Mailbox string `json:"mailbox"`
	Who     string `json:"who"`
	Rights  string `json:"rights"`
}

// String says it for people.
func (s sharedMailbox) String() string {
	return fmt.Sprintf("%s %q: %s has %s", s.Owner, s.Mailbox, s.Who, s.Rights)
}

// shareRights are the letters for the words that say what people mostly want.
func shareRights(text string) (string, error) {
	switch text {
	case "read":
		return "lrs", nil
	case "write":
		return "lrswite", nil
	case "all":
		return mail.AllRights.String(), nil
	}
	rights, err := mail.ParseRights(text)
	if err != nil || rights == 0 {
		return "", fmt.Errorf("%w: say read, write, all, or some of the letters %s", errUsage, mail.AllRights)
	}
	return rights.String(), nil
}

// shareList lists what one person shares with others, or everybody.
func shareList(ctx context.Context, t *task) error {
	owner := "*"
	if len(t.args) > 0 {
		owner = t.args[0]
	}
	return t.onBox(func(b *box) error {
		var answer struct {
			Shares []sharedMailbox `json:"shares"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/shares?"+url.Values{"owner": {owner}}.Encode(), nil, &answer); err != nil {
			return err
		}
		for _, s := range answer.Shares {
			t.say("%s", s)
		}
		if len(answer.Shares) == 0 {
			t.say("Nothing is shared")
		}
		return nil
	})
}

// shareGrant opens a mailbox to somebody.
func shareGrant(ctx context.Context, t *task) error {
	rights, err := shareRights(t.args[3])
	if err != nil {
		return err
	}
	s := sharedMailbox{t.args[0], t.args[1], t.args[2], rights}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/shares", s, nil); err != nil {
			return err
		}
		t.say("%s", s)
		return nil
	})
}

// shareRemove closes it again.
func shareRemove(ctx context.Context, t *task) error {
	query := url.Values{"owner": {t.args[0]}, "mailbox": {t.args[1]}, "who": {t.args[2]}}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/shares?"+query.Encode(), nil, nil); err != nil {
			return err
		}
		t.say("%s %q: %s has nothing of his own", t.args[0], t.args[1], t.args[2])
		return nil
	})
}
