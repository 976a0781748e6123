package operator

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// wireSource is a mailbox at a provider as the API shows it.
type wireSource struct {
	ID        string         `json:"id"`
	Paused    bool           `json:"paused"`
	Protocol  string         `json:"protocol"`
	Host      string         `json:"host"`
	User      string         `json:"user"`
	Into      string         `json:"into"`
	LastGood  time.Time      `json:"last_good"`
	Next      time.Time      `json:"next"`
	Running   bool           `json:"running"`
	Listening bool           `json:"listening"`
	Problem   string         `json:"problem"`
	Collected int            `json:"collected"`
	Unsorted  int            `json:"unsorted"`
	TooLarge  int            `json:"too_large"`
	Waiting   int            `json:"waiting"`
	Settings  map[string]any `json:"settings"`
}

// collectList says how collecting goes.
func collectList(ctx context.Context, t *task) error {
	return t.collect(ctx, http.MethodGet, nil)
}

// collectNow has mail collected at once, and does not wait for it.
func collectNow(ctx context.Context, t *task) error {
	user := ""
	if len(t.args) > 0 {
		user = t.args[0]
	}
	return t.collect(ctx, http.MethodPost, map[string]string{"user": user})
}

func (t *task) collect(ctx context.Context, method string, in any) error {
	if t.flags.box == "" {
		return fmt.Errorf("%w: --box is missing: only a running box collects mail", errUsage)
	}
	b, err := t.openBox()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	var answer struct {
		Sources []wireSource `json:"sources"`
	}
	if err := b.do(ctx, method, "/api/collect", in, &answer); err != nil {
		return err
	}
	if len(answer.Sources) == 0 {
		t.say("No mail is collected from providers")
	}
	for _, s := range answer.Sources {
		t.say("%s", s.line(time.Now()))
		if s.Problem != "" {
			t.say("  → %s", s.Problem)
		}
	}
	return nil
}

// line is the source in one line.
func (s *wireSource) line(now time.Time) string {
	text := fmt.Sprintf("%.8s %s at %s (%s) into %s: ", s.ID, s.User, s.Host, s.Protocol, s.Into)
	if s.LastGood.IsZero() {
		text += "not collected from yet"
	} else {
		text += fmt.Sprintf("last %s ago", now.Sub(s.LastGood).Round(time.Second))
	}
	switch {
	case s.Paused:
		text += ", paused"
	case s.Running:
		text += ", at work now"
	case s.Listening:
		text += ", the server says when there is mail"
	case s.Next.After(now):
		text += fmt.Sprintf(", again in %s", s.Next.Sub(now).Round(time.Second))
	}
	text += fmt.Sprintf("; %d collected since the start", s.Collected)
	if s.Unsorted > 0 {
		text += fmt.Sprintf(", %d of them for nobody here, given to the administrator", s.Unsorted)
	}
	if s.TooLarge > 0 {
		text += fmt.Sprintf("; %d too large", s.TooLarge)
	}
	if s.Waiting > 0 {
		text += fmt.Sprintf("; %d left there for now", s.Waiting)
	}
	return text
}
