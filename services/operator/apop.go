package operator

import (
	"context"
	"net/http"
	"net/url"
)

// apopList lists who can log in by APOP.
func apopList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			APOP []string `json:"apop"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/apop", nil, &answer); err != nil {
			return err
		}
		for _, who := range answer.APOP {
			t.say("%s", who)
		}
		if len(answer.APOP) == 0 {
			t.say("Nobody can log in by APOP")
		}
		return nil
	})
}

// apopAllow lets somebody, and shows the secret and what there is to know of it.
func apopAllow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct{ Secret, Warning string }
		if err := b.do(ctx, http.MethodPost, "/api/apop", map[string]string{"who": t.args[0]}, &answer); err != nil {
			return err
		}
		t.say("The password of %s for APOP, which is not shown again: %s", t.args[0], answer.Secret)
		t.say("%s", answer.Warning)
		return nil
	})
}

// apopEnd ends that.
func apopEnd(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/apop/"+url.PathEscape(t.args[0]), nil, nil); err != nil {
			return err
		}
		t.say("%s can't log in by APOP", t.args[0])
		return nil
	})
}
