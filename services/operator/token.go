package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
)

// token is one of the office's tokens as it is listed.
type token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"created"`
	Scopes  []string  `json:"scopes"`
	Used    time.Time `json:"used"`
	Peer    string    `json:"peer"`
}

// use says what a token is for, and when it was used last.
func (k token) use() string {
	scopes, used := strings.Join(k.Scopes, ","), "not used yet"
	if scopes == "" {
		scopes = "all"
	}
	if !k.Used.IsZero() {
		used = "used " + k.Used.Local().Format("2006-01-02 15:04") + " from " + k.Peer
	}
	return scopes + "\t" + used
}

var errNoToken = errors.New("there is no such token: boxctl token list shows them")

func tokenAdd(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		text, err := p.addToken(ctx, t.args[0], t.flags.owner, t.scopes(), func() (string, error) {
			return t.askPassword(ctx, "Password of "+t.flags.owner, false)
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(t.Out, text)
		fmt.Fprintln(t.Err, "This is the token. Keep it like a password: it is shown this once, and does all that "+t.tokenMay()+".")
		return nil
	})
}

// scopes are what a token is to be good for; none: all.
func (t *task) scopes() []string {
	if t.flags.scopes == "" {
		return nil
	}
	return strings.Split(t.flags.scopes, ",")
}

func (t *task) tokenMay() string {
	if t.flags.scopes == "" {
		return "its owner may"
	}
	return "its owner may in: " + t.flags.scopes
}

// atData opens the data directory for work that no running box offers.
func (t *task) atData(ctx context.Context, work func(*data) error) error {
	return t.at(ctx, func(p place) error {
		d, ok := p.(*data)
		if !ok {
			return fmt.Errorf("%w: --data is missing", errUsage)
		}
		return work(d)
	})
}

func tokenList(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		list, err := p.tokens(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		for _, token := range list {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", token.ID, token.Owner, token.Created.Local().Format("2006-01-02"), shown(token.Name), token.use())
		}
		if len(list) == 0 {
			fmt.Fprintln(t.Err, "There are no tokens: boxctl token add makes one")
		}
		return table.Flush()
	})
}

// tokenRemove ends the token of the ID, in full or as far as it is unambiguous.
func tokenRemove(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		list, err := p.tokens(ctx)
		if err != nil {
			return err
		}
		var found []token
		for _, token := range list {
			if strings.HasPrefix(token.ID, strings.ToLower(t.args[0])) {
				found = append(found, token)
			}
		}
		switch {
		case len(found) == 0 || t.args[0] == "":
			return errNoToken
		case len(found) > 1:
			return fmt.Errorf("%d tokens begin with %q: give more of the ID", len(found), t.args[0])
		}
		if err := p.removeToken(ctx, found[0].ID); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "The token %q of %s has been removed: it is worth nothing any more\n", shown(found[0].Name), found[0].Owner)
		return nil
	})
}

func (b *box) tokens(ctx context.Context) ([]token, error) {
	var answer struct {
		Tokens []token `json:"tokens"`
	}
	err := b.do(ctx, http.MethodGet, "/api/tokens", nil, &answer)
	return answer.Tokens, err
}

func (b *box) removeToken(ctx context.Context, id string) error {
	return b.do(ctx, http.MethodDelete, "/api/tokens/"+url.PathEscape(id), nil, nil)
}
