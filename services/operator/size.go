package operator

import (
	"context"
	"fmt"
	"net/http"
)

// sizeList lists the largest messages of people and domains.
func sizeList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Sizes []struct {
				Who   string `json:"who"`
				Bytes int64  `json:"bytes"`
			} `json:"sizes"`
			Most int64 `json:"most"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/sizes", nil, &answer); err != nil {
			return err
		}
		for _, s := range answer.Sizes {
			t.say("%s: messages of %s at most", s.Who, space(s.Bytes))
		}
		who := "Everybody else"
		if len(answer.Sizes) == 0 {
			who = "Everybody"
		}
		t.say("%s: %s", who, space(answer.Most))
		return nil
	})
}

// sizeSet sets one.
func sizeSet(ctx context.Context, t *task) error {
	bytes, err := bound(t.args[1])
	if err != nil {
		return err
	}
	if bytes == nil {
		return fmt.Errorf("%w: say a size such as 20M, or none", errUsage)
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/sizes", map[string]any{"who": t.args[0], "bytes": *bytes}, nil); err != nil {
			return err
		}
		if *bytes == 0 {
			t.say("%s has no bound of its own any more", t.args[0])
			return nil
		}
		t.say("%s sends and gets messages of %s at most", t.args[0], space(*bytes))
		return nil
	})
}

// received says, or changes, what Received says of people's devices.
func received(ctx context.Context, t *task) error {
	var setting struct {
		Hide bool `json:"hide_clients"`
	}
	if len(t.args) > 0 {
		if setting.Hide = t.args[0] == "hide"; !setting.Hide && t.args[0] != "show" {
			return fmt.Errorf("%w: say show or hide", errUsage)
		}
	}
	return t.onBox(func(b *box) error {
		var err error
		if len(t.args) > 0 {
			err = b.do(ctx, http.MethodPut, "/api/received", setting, nil)
		} else {
			err = b.do(ctx, http.MethodGet, "/api/received", nil, &setting)
		}
		if err != nil {
			return err
		}
		if setting.Hide {
			t.say("The Received field of what people of the office send leaves out their devices' addresses and names")
			return nil
		}
		t.say("The Received field of what people of the office send has their devices' addresses and names")
		return nil
	})
}
