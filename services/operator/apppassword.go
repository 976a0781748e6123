package operator

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

func appPasswordsOf(address string) string {
	return "/api/accounts/" + url.PathEscape(address) + "/app-passwords"
}

// appPasswordCount says how many app passwords a person has.
func appPasswordCount(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Count int
			Only  bool
		}
		if err := b.do(ctx, http.MethodGet, appPasswordsOf(t.args[0]), nil, &answer); err != nil {
			return err
		}
		t.say("%s has %d app passwords", t.args[0], answer.Count)
		if answer.Only {
			t.say("Mail programs need one: the password itself is for the pages only")
		}
		return nil
	})
}

// appPasswordEnd ends all of a person's.
func appPasswordEnd(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, appPasswordsOf(t.args[0]), nil, nil); err != nil {
			return err
		}
		t.say("%s has no app passwords any more; mail programs need the password itself", t.args[0])
		return nil
	})
}

// deviceList lists with what a person has logged in.
func deviceList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Devices []struct {
				Service, Client, Network string
				Name                     string `json:"app_password"`
				First, Last              time.Time
			}
		}
		if err := b.do(ctx, http.MethodGet, "/api/accounts/"+url.PathEscape(t.args[0])+"/devices", nil, &answer); err != nil {
			return err
		}
		for _, d := range answer.Devices {
			client := d.Client
			if d.Name != "" {
				client = d.Name + " (app password) " + client
			}
			t.say("%s  %-10s  %s  since %s  %s", d.Last.Local().Format("2006-01-02 15:04"), d.Service, d.Network, d.First.Local().Format(time.DateOnly), client)
		}
		if len(answer.Devices) == 0 {
			t.say("Nothing is known of log-ins of %s", t.args[0])
		}
		return nil
	})
}
