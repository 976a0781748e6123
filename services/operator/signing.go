package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// signingList says who signs each domain's mail.
func signingList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Domains []struct {
				Domain string `json:"domain"`
				By     string `json:"by"`
			} `json:"domains"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/signing", nil, &answer); err != nil {
			return err
		}
		for _, d := range answer.Domains {
			t.say("%s: %s", d.Domain, signedBy(d.By))
		}
		return nil
	})
}

func signedBy(by string) string {
	if by == "provider" {
		return "the box doesn't sign; that is left to the provider"
	}
	return "the box signs"
}

// signingSet says who signs one's.
func signingSet(ctx context.Context, t *task) error {
	name, by := t.args[0], t.args[1]
	if by != "box" && by != "provider" {
		return fmt.Errorf("%w: say box or provider behind the domain", errUsage)
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/signing/"+url.PathEscape(name), map[string]string{"by": by}, nil); err != nil {
			return err
		}
		t.say("%s: %s", name, signedBy(by))
		if by == "provider" {
			t.say("Leave the records of the box's keys in DNS for 30 days: mail on its way is signed with them.")
		} else {
			t.say("boxctl dns list %s shows the records of its keys: they must be in DNS.", name)
		}
		return nil
	})
}
