package web

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/content"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// rulebook is the least that the API can be tried on.
type rulebook struct {
	rules   []mail.ContentRule
	decided []string
}

func (b *rulebook) Content(_ context.Context, name string) ([]mail.ContentRule, error) {
	if name != "example.test" {
		return nil, mail.ErrNoDomain
	}
	return b.rules, nil
}

func (b *rulebook) SetContent(_ context.Context, _ string, rules []mail.ContentRule) error {
	if _, err := content.Compile(rules); err != nil {
		return err
	}
	b.rules = rules
	return nil
}

func (b *rulebook) Try(_ context.Context, _ string, rules []mail.ContentRule, _ time.Time, tell func(Trial) error) error {
	for i := range 2 * maxExamples {
		if err := tell(Trial{Subject: "s", Found: []TrialMatch{{Rule: rules[0].Name, Count: i}}}); err != nil {
			return err
		}
	}
	return tell(Trial{Partial: true, Failed: true})
}

func (b *rulebook) Held(context.Context, mail.ID) ([]Held, bool, error) {
	return []Held{{Why: "because", To: []mail.Address{{Local: "x", Domain: "y.test"}}}}, true, nil
}

func (b *rulebook) Release(_ context.Context, id mail.ID) error {
	b.decided = append(b.decided, "release "+id.String())
	return nil
}

func (b *rulebook) Drop(_ context.Context, id mail.ID) error {
	b.decided = append(b.decided, "drop "+id.String())
	return nil
}

func (b *rulebook) Export(_ context.Context, id mail.ID, w io.Writer) error {
	if id.IsZero() {
		return mail.ErrNotWaiting
	}
	_, err := io.WriteString(w, "Subject: x\r\n\r\n")
	return err
}

// TestContentRules: rules are read back as they were set, tried, and what waits is
// decided about; all of it by administrators.
func TestContentRules(t *testing.T) {
	t.Parallel()
	book := &rulebook{}
	b := setUpBox(t, func(o *Options) { o.Content, o.Decisions = book, book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	id := mail.NewID(time.Now()).String()
	const path = "/api/domains/example.test/content"
	for _, r := range [][2]string{
		{"GET", path}, {"PUT", path}, {"POST", path + "/try"}, {"GET", "/api/held"}, {"GET", "/api/held/" + id + "/message"},
		{"POST", "/api/held/" + id + "/release"}, {"DELETE", "/api/held/" + id},
	} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	const rules = `{"rules":[{"name":"Cards","in":true,"out":true,"internal":true,"text":true,"header":true,"names":true,"ready":["card"],"pattern":"x","words":["y"],"least":2,"action":"hold","unreadable":"hold"}]}`
	b.want(b.do("PUT", path, rules, admin...), http.StatusNoContent, "")
	if got := strings.TrimSpace(b.do("GET", path, "", admin...).Body.String()); got != rules {
		t.Errorf("GET %s = %s; want %s", path, got, rules)
	}
	b.want(b.do("GET", "/api/domains/b.test/content", "", admin...), http.StatusNotFound, "domain")
	b.want(b.do("POST", path+"/try", `{"days":0}`, admin...), http.StatusBadRequest, "days")
	lines := strings.Split(strings.TrimSpace(b.do("POST", path+"/try", `{"days":7}`, admin...).Body.String()), "\n")
	if n := strings.Count(strings.Join(lines, ""), `"example"`); n != maxExamples || !strings.Contains(lines[len(lines)-1], `"looked":201,"found":200,"rules":{"Cards":200},"partial":1,"failed":1,"done":true`) {
		t.Errorf("%d examples, the last line is %s", n, lines[len(lines)-1])
	}
	if list := b.want(b.do("GET", "/api/held", "", admin...), http.StatusOK, ""); len(list["held"].([]any)) != 1 || list["more"] != true {
		t.Errorf("held: %v", list)
	}
	b.want(b.do("GET", "/api/held?after=x", "", admin...), http.StatusNotFound, "")
	if got := b.do("GET", "/api/held/"+id+"/message", "", admin...); got.Body.String() != "Subject: x\r\n\r\n" || got.Header().Get("Content-Type") != "message/rfc822" {
		t.Errorf("the message is %q, %v", got.Body.String(), got.Header())
	}
	b.want(b.do("POST", "/api/held/"+id+"/release", "{}", admin...), http.StatusNoContent, "")
	b.want(b.do("DELETE", "/api/held/"+id, "", admin...), http.StatusNoContent, "")
	b.want(b.do("DELETE", "/api/held/nonsense", "", admin...), http.StatusNotFound, "")
	if got, want := strings.Join(book.decided, ", "), "release "+id+", drop "+id; got != want {
		t.Errorf("decided %s; want %s", got, want)
	}
}
