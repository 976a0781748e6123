package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func contentPath(domain string) string { return "/api/domains/" + url.PathEscape(domain) + "/content" }

// rulesFile reads rules from a file, or from standard input ("-"): {"rules": [...]}.
func (t *task) rulesFile(name string) (json.RawMessage, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(t.In, maxFile))
	} else {
		text, err = readFile(name)
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		Rules json.RawMessage `json:"rules"`
	}
	if err := json.Unmarshal(text, &file); err != nil || file.Rules == nil {
		return nil, fmt.Errorf("%w: %s is not a file with rules: boxctl help content shows one", errUsage, name)
	}
	return file.Rules, nil
}

// contentShow prints a domain's rules in the form in which contentSet reads them.
func contentShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer json.RawMessage
		if err := b.do(ctx, http.MethodGet, contentPath(t.args[0]), nil, &answer); err != nil {
			return err
		}
		var shown any
		if err := json.Unmarshal(answer, &shown); err != nil {
			return err
		}
		text, err := json.MarshalIndent(shown, "", "  ")
		if err != nil {
			return err
		}
		t.say("%s", text)
		return nil
	})
}

func contentSet(ctx context.Context, t *task) error {
	rules, err := t.rulesFile(t.args[1])
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, contentPath(t.args[0]), map[string]any{"rules": rules}, nil); err != nil {
			return err
		}
		t.say("These rules hold for mail of %s from now on", t.args[0])
		return nil
	})
}

// trialLine is one line of what a trial answers.
type trialLine struct {
	Example *struct {
		Of, Folder, From, Subject string
		At                        time.Time
		Found                     []struct {
			Rule, Action, Sample string
			Count                int
		}
	}
	Looked, Found, Partial, Failed int
	Rules                          map[string]int
	Done                           bool
	Problem                        *struct{ Message string }
}

// contentTry shows what rules would have found in the mail of the last days. Breaking
// it off ends it on the box too.
func contentTry(ctx context.Context, t *task) error {
	in := map[string]any{"days": 30}
	if t.flags.days != "" {
		days, err := strconv.Atoi(t.flags.days)
		if err != nil {
			return fmt.Errorf("%w: --days takes a number", errUsage)
		}
		in["days"] = days
	}
	if len(t.args) > 1 {
		rules, err := t.rulesFile(t.args[1])
		if err != nil {
			return err
		}
		in["rules"] = rules
	}
	return t.onBox(func(b *box) error {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+contentPath(t.args[0])+"/try", strings.NewReader(string(text)))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := b.long(r)
		if err != nil {
			return unreachableUnlessSaid(err)
		}
		defer answer.Body.Close()
		return t.showTrial(answer.Body)
	})
}

func (t *task) showTrial(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxFile)
	for lines.Scan() {
		var l trialLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("the box's answer makes no sense: %w", err)
		}
		if e := l.Example; e != nil {
			t.say("%s  %s, %s: %s  “%s”", e.At.Local().Format("2006-01-02 15:04"), e.Of, e.Folder, shown(e.From), e.Subject)
			for _, f := range e.Found {
				t.say("    rule “%s” (%s): in %s, such as %s", f.Rule, f.Action, counted(f.Count, "place", "places"), shown(f.Sample))
			}
		}
		switch {
		case l.Problem != nil:
			return errors.New(l.Problem.Message)
		case l.Done:
			t.say("%s looked at, something found in %d", messages(l.Looked), l.Found)
			if l.Looked == 0 {
				t.say("→ There was nothing to try rules on, which says nothing about them. What people send is tried on the copies in their folder Sent, what comes in on their other folders.")
			}
			for _, rule := range slices.Sorted(maps.Keys(l.Rules)) {
				t.say("  rule “%s”: %d", rule, l.Rules[rule])
			}
			if l.Partial+l.Failed > 0 {
				t.say("  %d were too long to be looked at as a whole, %d could not be read", l.Partial, l.Failed)
			}
			return nil
		}
	}
	return errBroken
}

// heldList says which messages wait for a decision.
func heldList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		after, n := "", 0
		for {
			var answer struct {
				Held []struct {
					ID, From, Why string
					To            []string
					At            time.Time
					Size          int64
					Inside        bool
				}
				More bool
			}
			if err := b.do(ctx, http.MethodGet, "/api/held?after="+url.QueryEscape(after), nil, &answer); err != nil {
				return err
			}
			for _, h := range answer.Held {
				from := h.From
				if from == "" {
					from = "nobody (a report)"
				}
				t.say("%s  %s  %s → %s  (%s)", h.ID, h.At.Local().Format("2006-01-02 15:04"), from, strings.Join(h.To, ", "), space(h.Size))
				t.say("  %s", h.Why)
				after = h.ID
				n++
			}
			if !answer.More || len(answer.Held) == 0 {
				break
			}
		}
		if n == 0 {
			t.say("No message waits for a decision")
		}
		return nil
	})
}

func heldRelease(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPost, "/api/held/"+url.PathEscape(t.args[0])+"/release", map[string]any{}, nil); err != nil {
			return err
		}
		t.say("The message is on its way")
		return nil
	})
}

func heldDrop(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/held/"+url.PathEscape(t.args[0]), nil, nil); err != nil {
			return err
		}
		t.say("The message has been dropped; if somebody of the office sent it, they are told")
		return nil
	})
}

// heldShow prints a message that waits.
func heldShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/api/held/"+url.PathEscape(t.args[0])+"/message", nil)
		if err != nil {
			return err
		}
		answer, err := b.long(r)
		if err != nil {
			return unreachableUnlessSaid(err)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(t.Out, answer.Body); err != nil {
			return fmt.Errorf("%w (%w)", errBroken, err)
		}
		return nil
	})
}
