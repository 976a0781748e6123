package web

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// testComputer is the least that the API can be tried on.
type testComputer struct {
	got   string
	asked []string
}

func (c *testComputer) Versions(context.Context) (Versions, error) {
	return Versions{Running: "1.0.0", Previous: "0.9.0", Installing: &Installing{Version: "1.1.0", State: "installed"}}, nil
}

func (c *testComputer) Install(_ context.Context, bundle io.Reader) error {
	data, err := io.ReadAll(bundle)
	if err != nil {
		return err
	}
	if c.got = string(data); c.got == "bad" {
		return &mail.RuleError{Text: "This isn't an update."}
	}
	return nil
}

func (c *testComputer) GoBack(context.Context) (string, error) { return "0.9.0", nil }
func (c *testComputer) Restart(context.Context) error          { return c.note("restart") }
func (c *testComputer) PowerOff(context.Context) error         { return c.note("power off") }
func (c *testComputer) FactoryReset(context.Context) error     { return c.note("factory reset") }
func (c *testComputer) note(what string) error                 { c.asked = append(c.asked, what); return nil }

// TestUpdates: only administrators install versions and end the machine; what is refused is said in words.
func TestUpdates(t *testing.T) {
	t.Parallel()
	c := &testComputer{}
	b := setUpBox(t, func(o *Options) { o.Computer = c })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/update"}, {"POST", "/api/update"}, {"POST", "/api/update/previous"}, {"POST", "/api/restart"}, {"POST", "/api/power-off"}, {"POST", "/api/factory-reset"}} {
		b.want(b.do(r[0], r[1], "x"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "x", alice...), http.StatusForbidden, "")
	}
	if c.got != "" || len(c.asked) > 0 {
		t.Fatalf("strangers were heard: %q, %q", c.got, c.asked)
	}
	want := `{"running":"1.0.0","on_trial":false,"previous":"0.9.0","installing":{"version":"1.1.0","state":"installed"}}`
	if got := strings.TrimSpace(b.do("GET", "/api/update", "", admin...).Body.String()); got != want {
		t.Errorf("GET /api/update = %s, want %s", got, want)
	}
	b.want(b.do("POST", "/api/update", "a bundle", admin...), http.StatusAccepted, "")
	if c.got != "a bundle" {
		t.Errorf("the machine got %q", c.got)
	}
	if answer := b.do("POST", "/api/update", "bad", admin...); answer.Code/100 != 4 || !strings.Contains(answer.Body.String(), "This isn't an update.") {
		t.Errorf("a bad update: %d %s", answer.Code, answer.Body)
	}
	b.want(b.do("POST", "/api/update", strings.Repeat("x", maxUpdate+1), admin...), http.StatusRequestEntityTooLarge, "")
	if got := strings.TrimSpace(b.do("POST", "/api/update/previous", "", admin...).Body.String()); got != `{"version":"0.9.0"}` {
		t.Errorf("going back = %s", got)
	}
	b.want(b.do("POST", "/api/restart", "", admin...), http.StatusAccepted, "")
	b.want(b.do("POST", "/api/power-off", "", admin...), http.StatusAccepted, "")
	for body, field := range map[string]string{
		`{"word":"yes","password":"a long enough one"}`: "word", `{"password":"a long enough one"}`: "word",
		`{"word":"erase"}`: "password", `{"word":"erase","password":"her long password"}`: "password",
	} {
		if answer := b.do("POST", "/api/factory-reset", body, admin...); answer.Code/100 != 4 || !strings.Contains(answer.Body.String(), `"field":"`+field+`"`) {
			t.Errorf("factory reset %s: %d %s, want %s refused", body, answer.Code, answer.Body, field)
		}
	}
	b.want(b.do("POST", "/api/factory-reset", `{"word":"Erase","password":"a long enough one"}`, admin...), http.StatusAccepted, "")
	if strings.Join(c.asked, ", ") != "restart, power off, factory reset" {
		t.Errorf("the machine was asked for %q", c.asked)
	}
}
