package operator

import (
	"context"
	"net/http"
	"net/url"
)

// factorEnd takes a person's second factor away.
func factorEnd(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/accounts/"+url.PathEscape(t.args[0])+"/second-factor", nil, nil); err != nil {
			return err
		}
		t.say("%s signs in with the password alone", t.args[0])
		return nil
	})
}
