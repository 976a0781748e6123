package operator

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// words splits "a,b"; "none" and "" are no words.
func words(text string) []string {
	list := []string{}
	if text == "none" {
		return list
	}
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			list = append(list, word)
		}
	}
	return list
}

// spareList says for which domains the box is a spare server, and which are its own.
func spareList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Spares []struct {
				Domain     string   `json:"domain"`
				Recipients []string `json:"recipients"`
			} `json:"spares"`
			Servers []string `json:"servers"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/spares", nil, &answer); err != nil {
			return err
		}
		for _, s := range answer.Spares {
			who := "everybody"
			if len(s.Recipients) > 0 {
				who = strings.Join(s.Recipients, ", ")
			}
			t.say("%s: mail for %s is taken here while its own server can't be reached", s.Domain, who)
		}
		if len(answer.Spares) == 0 {
			t.say("This box is a spare server of no other domain")
		}
		if len(answer.Servers) > 0 {
			t.say("The office's own spare servers: %s", strings.Join(answer.Servers, ", "))
		}
		return nil
	})
}

func spareSet(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		in := map[string]any{"recipients": words(t.flags.recipients)}
		if err := b.do(ctx, http.MethodPut, "/api/spares/"+url.PathEscape(t.args[0]), in, nil); err != nil {
			return err
		}
		t.say("Mail for %s is taken from now on and passed on to its own server. Its DNS needs an MX record with this box's name, with a higher number than its own server has", t.args[0])
		return nil
	})
}

func spareRemove(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/spares/"+url.PathEscape(t.args[0]), nil, nil); err != nil {
			return err
		}
		t.say("Mail for %s is refused from now on; what has been taken stays on its way", t.args[0])
		return nil
	})
}

func spareServers(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		servers := words(t.args[0])
		if err := b.do(ctx, http.MethodPut, "/api/spare-servers", map[string]any{"servers": servers}, nil); err != nil {
			return err
		}
		if len(servers) == 0 {
			t.say("The office has no spare servers of its own")
			return nil
		}
		t.say("The office's own spare servers: %s", shown(strings.Join(servers, ", ")))
		return nil
	})
}
