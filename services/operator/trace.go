package operator

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// traced is a message as the API tells what happened to it.
type traced struct {
	ID    string `json:"id"`
	Steps []struct {
		At    time.Time           `json:"at"`
		What  string              `json:"what"`
		About map[string][]string `json:"about"`
	} `json:"steps"`
}

// trace says what happened to messages.
func trace(ctx context.Context, t *task) error {
	text := strings.Join(t.args, " ")
	return t.onBox(func(b *box) error {
		if _, err := mail.ParseID(text); err == nil {
			var m traced
			if err := b.do(ctx, http.MethodGet, "/api/trace/"+text, nil, &m); err != nil {
				return err
			}
			m.write(t.Out)
			return nil
		}
		n := 0
		for after := ""; ; {
			var answer struct {
				Messages []traced `json:"messages"`
				Next     string   `json:"next"`
			}
			values := url.Values{"q": {text}, "after": {after}, "limit": {fmt.Sprint(listPage)}}
			if err := b.do(ctx, http.MethodGet, "/api/trace?"+values.Encode(), nil, &answer); err != nil {
				return err
			}
			for _, m := range answer.Messages {
				m.write(t.Out)
			}
			n += len(answer.Messages)
			if after = answer.Next; after == "" {
				break
			}
		}
		if n == 0 {
			t.say("Nothing is known of such mail. What happened to a message is kept for ninety days.")
		}
		return nil
	})
}

// write writes the message's steps, one a line, with all that is known of each.
func (m traced) write(w io.Writer) {
	fmt.Fprintf(w, "%s\n", m.ID)
	for _, s := range m.Steps {
		fmt.Fprintf(w, "  %s  %s\n", s.At.Local().Format("2006-01-02 15:04:05"), s.What)
		for _, name := range slices.Sorted(maps.Keys(s.About)) {
			if name != "verb" && name != "protocol" {
				fmt.Fprintf(w, "      %s: %s\n", name, shown(strings.Join(s.About[name], ", ")))
			}
		}
	}
}
