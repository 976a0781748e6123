package operator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// updateSource says, or sets, where updates come from by themselves.
func updateSource(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if len(t.args) == 0 {
			return b.sayUpdateSource(ctx, t)
		}
		in := struct {
			URL    string   `json:"url"`
			Window []string `json:"window"`
		}{Window: []string{}}
		if t.args[0] != "none" {
			if len(t.args) < 2 {
				return fmt.Errorf("%w: WHEN is missing: when an update may be installed and the box restarted for it, such as \"sun 02:00-04:00\", or always", errUsage)
			}
			in.URL = t.args[0]
			if t.args[1] != "always" {
				in.Window = strings.Split(t.args[1], ",")
			}
		}
		if err := b.do(ctx, http.MethodPut, "/api/update/source", in, nil); err != nil {
			return err
		}
		return b.sayUpdateSource(ctx, t)
	})
}

func (b *box) sayUpdateSource(ctx context.Context, t *task) error {
	var s struct {
		URL     string    `json:"url"`
		Window  []string  `json:"window"`
		Asked   time.Time `json:"asked"`
		Waiting bool      `json:"waiting"`
		Problem string    `json:"problem"`
	}
	if err := b.do(ctx, http.MethodGet, "/api/update/source", nil, &s); err != nil {
		return err
	}
	if s.URL == "" {
		t.say("The box fetches no updates by itself")
		return nil
	}
	when := "at any time"
	if len(s.Window) > 0 {
		when = strings.Join(s.Window, ", ")
	}
	t.say("The box fetches updates from %s, and installs them %s", s.URL, when)
	switch {
	case s.Problem != "":
		t.say("problem:   %s", s.Problem)
	case s.Waiting:
		t.say("One is here, and waits for that time")
	case !s.Asked.IsZero():
		t.say("It last asked at %s", s.Asked.Local().Format(time.DateTime))
	}
	return nil
}
