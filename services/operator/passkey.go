package operator

import (
	"context"
	"net/http"
	"net/url"
)

// passkeyEnd ends all passkeys of a person.
func passkeyEnd(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/accounts/"+url.PathEscape(t.args[0])+"/passkeys", nil, nil); err != nil {
			return err
		}
		t.say("%s has no passkeys any more, and is signed out of the pages", t.args[0])
		return nil
	})
}
