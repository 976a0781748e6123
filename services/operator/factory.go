package operator

import (
	"context"
	"fmt"
	"net/http"
)

// factoryReset erases a box. The word is typed as an argument, the password of the
// token's owner like every other password.
func factoryReset(ctx context.Context, t *task) error {
	if t.args[0] != "erase" {
		return fmt.Errorf("%w: a factory reset erases all mail, people and settings; write the word erase if you want that", errUsage)
	}
	return t.onBox(func(b *box) error {
		password, err := t.askPassword(ctx, "Password of the administrator whose token this is", false)
		if err != nil {
			return err
		}
		if err := b.do(ctx, http.MethodPost, "/api/factory-reset", map[string]string{"word": t.args[0], "password": password}, nil); err != nil {
			return err
		}
		t.say("the box restarts and erases everything; then it can be set up like a new one")
		return nil
	})
}
