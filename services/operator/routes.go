package operator

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// wireRoute is a route as the API has it.
type wireRoute struct {
	Domain   string   `json:"domain,omitempty"`
	Below    bool     `json:"below,omitempty"`
	Way      string   `json:"way,omitempty"`
	Host     string   `json:"host,omitempty"`
	Port     uint16   `json:"port,omitempty"`
	TLS      string   `json:"tls,omitempty"`
	Pin      string   `json:"pin,omitempty"`
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"`
	FallBack bool     `json:"fall_back,omitempty"`
	Pauses   []string `json:"pauses,omitempty"`
	Then     string   `json:"then,omitempty"`
	Delay    string   `json:"delay,omitempty"`
	GiveUp   string   `json:"give_up,omitempty"`
}

// allMail is what people write for all mail that has no way of its own; the API has
// "*", which a shell would take for file names.
const allMail = "all"

func routeName(word string) string {
	if word == allMail {
		return "*"
	}
	return word
}

func routePath(word string) string { return "/api/routes/" + url.PathEscape(routeName(word)) }

// routesList shows all routes, and when mail leaves.
func routesList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Usual  wireRoute   `json:"usual"`
			Routes []wireRoute `json:"routes"`
			Window []string    `json:"window"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/routes", nil, &answer); err != nil {
			return err
		}
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		usual := "as the box was set up"
		for _, r := range answer.Routes {
			name := r.Domain
			if name == "*" {
				name, usual = "all other mail", "not in use: as the box was set up"
			}
			if r.Below {
				name += " and below"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", name, r.words(), r.retries())
		}
		fmt.Fprintf(table, "all other mail\t%s\t%s\n", answer.Usual.words(), usual)
		if err := table.Flush(); err != nil {
			return err
		}
		if len(answer.Window) > 0 {
			t.say("Mail leaves %s", strings.Join(answer.Window, ", "))
		}
		return nil
	})
}

// words says which way a route goes.
func (r *wireRoute) words() string {
	switch r.Way {
	case "direct":
		return "to the recipients' own servers"
	case "smarthost":
	default:
		return "as all other mail"
	}
	text := "by way of " + net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port))) + " (" + r.TLS
	if r.User != "" {
		text += ", as " + r.User
	}
	if r.Pin != "" {
		text += ", key pinned"
	}
	if r.FallBack {
		text += ", direct while it can't be reached"
	}
	return text + ")"
}

// retries says what of a schedule is not as usual.
func (r *wireRoute) retries() string {
	var parts []string
	if len(r.Pauses) > 0 {
		parts = append(parts, "tried again after "+strings.Join(r.Pauses, ", "))
	}
	for _, p := range [][2]string{{"later every ", r.Then}, {"the sender is told after ", r.Delay}, {"given up after ", r.GiveUp}} {
		if p[1] != "" {
			parts = append(parts, p[0]+p[1])
		}
	}
	return strings.Join(parts, "; ")
}

// routesSet makes a route.
func routesSet(ctx context.Context, t *task) error {
	in, err := t.route(ctx)
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, routePath(t.args[0]), in, nil); err != nil {
			return err
		}
		t.say("Done. What waits goes this way too. Try it with boxctl routes test %s", t.args[0])
		return nil
	})
}

// route reads the arguments DOMAIN WAY and the flags.
func (t *task) route(ctx context.Context) (*wireRoute, error) {
	r := &wireRoute{Below: t.flags.below, TLS: t.flags.tls, Pin: strings.TrimPrefix(t.flags.pin, "sha256:"), User: t.flags.user, FallBack: t.flags.fallBack}
	switch way := t.args[1]; way {
	case "usual":
	case "direct":
		r.Way = way
	default:
		r.Way, r.Host = "smarthost", way
		if host, port, err := net.SplitHostPort(way); err == nil {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil || n == 0 {
				return nil, fmt.Errorf("%w: %q is not the number of a port", errUsage, port)
			}
			r.Host, r.Port = host, uint16(n)
		}
	}
	for _, word := range words(t.flags.pauses) {
		p, err := span(word)
		if err != nil {
			return nil, err
		}
		r.Pauses = append(r.Pauses, p)
	}
	var err error
	for _, f := range []struct {
		text string
		into *string
	}{{t.flags.then, &r.Then}, {t.flags.delay, &r.Delay}, {t.flags.giveUp, &r.GiveUp}} {
		if *f.into, err = span(f.text); err != nil {
			return nil, err
		}
	}
	if r.User != "" && !t.flags.samePassword {
		r.Password, err = t.askPassword(ctx, "Password of "+r.User+" at "+r.Host, false)
	}
	return r, err
}

// span is a time span as the API has it; days are allowed here too.
func span(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.ParseUint(days, 10, 8); err == nil {
			return (time.Duration(n) * 24 * time.Hour).String(), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return "", fmt.Errorf("%w: %q is no time span such as 30m, 12h or 5d", errUsage, text)
	}
	return d.String(), nil
}

// routesRemove ends a route.
func routesRemove(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, routePath(t.args[0]), nil, nil); err != nil {
			return err
		}
		t.say("Done. What waits goes as all other mail")
		return nil
	})
}

// routesTest tries what holds for a domain.
func routesTest(ctx context.Context, t *task) error {
	in := &wireRoute{Domain: "*"}
	if len(t.args) > 0 {
		in.Domain = routeName(t.args[0])
	}
	return t.onBox(func(b *box) error {
		var answer struct {
			Well   bool   `json:"well"`
			Pin    string `json:"pin"`
			Text   string `json:"text"`
			Advice string `json:"advice"`
		}
		if err := b.do(ctx, http.MethodPost, "/api/routes/test", in, &answer); err != nil {
			return err
		}
		if answer.Pin != "" {
			t.say("The pin of the server's key: %s", answer.Pin)
		}
		if !answer.Well {
			return fmt.Errorf("%s %s", answer.Text, answer.Advice)
		}
		t.say("%s Nothing was sent", answer.Text)
		return nil
	})
}

// routesWindow says when mail leaves.
func routesWindow(ctx context.Context, t *task) error {
	window := []string{}
	if t.args[0] != "always" {
		window = words(t.args[0])
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/send-window", map[string]any{"window": window}, nil); err != nil {
			return err
		}
		t.say("Mail leaves %s", cmp.Or(strings.Join(window, ", "), "at any time"))
		return nil
	})
}
