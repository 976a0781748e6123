package operator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// personPOP3 is what holds for one person who fetches mail by POP3.
type personPOP3 struct {
	Who        string `json:"who"`
	Leave      *int   `json:"leave,omitempty"`       // days; below 0: for ever; nil: as it is
	LoginDelay *int   `json:"login_delay,omitempty"` // seconds; nil: as it is
}

// say prints it for people.
func (p personPOP3) say(t *task) {
	if p.Leave != nil {
		switch days := *p.Leave; {
		case days < 0:
			t.say("%s: mail that was fetched by POP3 stays until somebody deletes it", p.Who)
		case days == 0:
			t.say("%s: mail that was fetched by POP3 is removed when the program says good-bye", p.Who)
		default:
			t.say("%s: mail that was fetched by POP3 is removed after %d days", p.Who, days)
		}
	}
	if p.LoginDelay != nil {
		if seconds := *p.LoginDelay; seconds > 0 {
			t.say("%s: %d seconds at least from one log-in by POP3 to the next", p.Who, seconds)
		} else {
			t.say("%s: may log in by POP3 as often as they like", p.Who)
		}
	}
}

// pop3List lists for whom something holds.
func pop3List(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			POP3 []personPOP3 `json:"pop3"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/pop3", nil, &answer); err != nil {
			return err
		}
		for _, p := range answer.POP3 {
			p.say(t)
		}
		if len(answer.POP3) == 0 {
			t.say("Everybody's mail stays until somebody deletes it, and all may log in by POP3 as often as they like")
		}
		return nil
	})
}

// pop3Leave sets how long mail that was fetched stays.
func pop3Leave(ctx context.Context, t *task) error {
	days := -1
	if t.args[1] != "always" {
		var err error
		if days, err = strconv.Atoi(t.args[1]); err != nil || days < 0 {
			return fmt.Errorf("%w: say always, or a number of days such as 14", errUsage)
		}
	}
	return pop3Set(ctx, t, personPOP3{Who: t.args[0], Leave: &days})
}

// pop3Delay sets how often somebody may log in.
func pop3Delay(ctx context.Context, t *task) error {
	seconds := 0
	if t.args[1] != "none" {
		var err error
		if seconds, err = strconv.Atoi(t.args[1]); err != nil || seconds < 0 {
			return fmt.Errorf("%w: say none, or a number of seconds such as 60", errUsage)
		}
	}
	return pop3Set(ctx, t, personPOP3{Who: t.args[0], LoginDelay: &seconds})
}

func pop3Set(ctx context.Context, t *task, p personPOP3) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/pop3", p, nil); err != nil {
			return err
		}
		p.say(t)
		return nil
	})
}
