package powercut

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// removal is a letter that was expunged, and this was acknowledged.
type removal struct {
	account string
	place
	uid uint32
	at  time.Time // it was asked for
}

func (r removal) String() string { return fmt.Sprintf("%s in %s, UID %d", r.name, r.mailbox, r.uid) }

// slack is what the box's clock and ours may differ by, and the tick of its retention.
const slack = 3 * time.Second

// due are those that the box must still be able to put back at a moment, a part of its retention after they went.
func due(list []removal, at time.Time, retention time.Duration) []removal {
	return slices.DeleteFunc(slices.Clone(list), func(r removal) bool { return at.Sub(r.at) > retention-slack })
}

// removalsAt are those of a history that were acknowledged by this move.
func (h *history) removalsAt(moves int64) []removal {
	h.mu.Lock()
	defer h.mu.Unlock()
	states := make(map[string]account)
	for name, a := range h.start {
		states[name] = a
	}
	var list []removal
	for _, r := range h.answered {
		if r.answered > moves {
			break
		}
		if r.kind == expunge {
			for _, name := range r.names {
				at := place{r.mailbox, name}
				list = append(list, removal{r.account, at, states[r.account][at].uid, r.when})
			}
		}
		states[r.account] = states[r.account].apply(r.operation)
	}
	return list
}

// ended is a moment not earlier than that move.
func (h *history) ended(moves int64) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.last
	for _, r := range h.asked {
		if r.asked > moves && r.when.Before(last) {
			last = r.when
		}
	}
	return last
}

// compareUndo says which of the removals, all of them due, the box does not list.
func compareUndo(removals []removal, listed map[undoKey]string) []problem {
	var problems []problem
	for _, r := range removals {
		subject, ok := listed[undoKey{r.mailbox, r.uid}]
		switch {
		case !ok:
			problems = append(problems, problem{lost, fmt.Sprintf("%s: expunged %s can't be put back", r.account, r)})
		case subject != r.name:
			problems = append(problems, problem{torn, fmt.Sprintf("%s: expunged %s is listed with the subject %q", r.account, r, subject)})
		}
	}
	return problems
}

// undoKey is what an expunged message is known by.
type undoKey struct {
	mailbox string
	uid     uint32
}

// pages are a box's pages, and who is signed in there.
type pages struct {
	client *http.Client
	base   string
	cookie *http.Cookie
}

// signIn begins a session of the pages, the administrator's: the box works long on a password.
func signIn(ctx context.Context, addr string) (*pages, error) {
	p := &pages{
		client: &http.Client{Timeout: talkTime, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
		base:   "https://" + addr,
	}
	cookies, err := p.do(ctx, http.MethodPost, "/api/session", map[string]string{"address": "admin@" + domain, "password": password}, nil)
	if err != nil {
		return nil, err
	}
	if len(cookies) != 1 {
		return nil, fmt.Errorf("signing in gave %d cookies, want 1", len(cookies))
	}
	p.cookie = cookies[0]
	return p, nil
}

func (p *pages) close() { p.client.CloseIdleConnections() }

func (p *pages) do(ctx context.Context, method, path string, in, out any) ([]*http.Cookie, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if in == nil {
		r.Body, r.ContentLength = nil, 0
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.cookie != nil {
		r.AddCookie(p.cookie)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: HTTP status %d: %s", method, path, answer.StatusCode, text)
	}
	if out != nil {
		err = json.Unmarshal(text, out)
	}
	return answer.Cookies(), err
}

// undoPlace is a message as the API names it.
type undoPlace struct {
	Mailbox string `json:"mailbox"`
	UID     uint32 `json:"uid"`
}

type undoEntry struct {
	undoPlace
	Name    string `json:"name"`
	Subject string `json:"subject"`
}

// undoPath is where somebody's deleted mail is.
func undoPath(name string) string { return "/api/accounts/" + name + "@" + domain + "/undo/messages" }

// expunged lists what of somebody's can be put back, also what is back already.
func (p *pages) expunged(ctx context.Context, name string) ([]undoEntry, error) {
	var all []undoEntry
	next := ""
	for {
		var answer struct {
			Messages []undoEntry `json:"messages"`
			Next     string      `json:"next"`
		}
		path := undoPath(name) + "?back=1"
		if next != "" {
			path += "&after=" + next
		}
		if _, err := p.do(ctx, http.MethodGet, path, nil, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Messages...)
		if next = answer.Next; next == "" {
			return all, nil
		}
	}
}

// restore puts a message back and gives its new UID, in the same mailbox.
func (p *pages) restore(ctx context.Context, name string, at undoPlace) (uint32, error) {
	var answer struct {
		Messages []struct {
			Outcome string    `json:"outcome"`
			Now     undoPlace `json:"now"`
		} `json:"messages"`
	}
	_, err := p.do(ctx, http.MethodPost, undoPath(name), map[string]any{"messages": []undoPlace{at}}, &answer)
	if err != nil {
		return 0, err
	}
	if len(answer.Messages) != 1 || answer.Messages[0].Outcome != "back" || answer.Messages[0].Now.Mailbox != at.Mailbox {
		return 0, fmt.Errorf("putting %+v back: %+v", at, answer.Messages)
	}
	return answer.Messages[0].Now.UID, nil
}

// undo compares what can be put back with what must be, and puts one letter back, which is then read again. It gives
// what the account holds after that.
func undo(ctx context.Context, c *imapclient.Client, p *pages, name string, removals []removal, retention time.Duration, got []found) ([]found, []problem, error) {
	list, err := p.expunged(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	listed, places := make(map[undoKey]string), make(map[undoKey]undoPlace)
	for _, e := range list {
		listed[undoKey{e.Name, e.UID}], places[undoKey{e.Name, e.UID}] = e.Subject, e.undoPlace
	}
	removals = due(removals, now, retention)
	problems := compareUndo(removals, listed)
	for _, r := range due(removals, now, retention/2) { // not one that is about to expire
		at, ok := places[undoKey{r.mailbox, r.uid}]
		there := slices.ContainsFunc(got, func(f found) bool { return f.mailbox == r.mailbox && f.name == r.name })
		if !ok || there {
			continue
		}
		after, err := putBack(ctx, c, p, r, at, got)
		if err != nil {
			problems = append(problems, problem{lost, fmt.Sprintf("%s: expunged %s: %v", name, r, err)})
			return got, problems, nil
		}
		return after, problems, nil
	}
	return got, problems, nil
}

// putBack puts one letter back and reads its mailbox again, which must hold it and be else as before.
func putBack(ctx context.Context, c *imapclient.Client, p *pages, r removal, at undoPlace, got []found) ([]found, error) {
	uid, err := p.restore(ctx, r.account, at)
	if err != nil {
		return nil, err
	}
	again, err := readMailbox(c, r.mailbox)
	if err != nil {
		return nil, err
	}
	var before, after []found
	for _, f := range got {
		if f.mailbox == r.mailbox {
			before = append(before, f)
		} else {
			after = append(after, f)
		}
	}
	for _, f := range again {
		if f.uid == uid && (f.name != r.name || f.why != "") {
			return nil, fmt.Errorf("put back as UID %d, which is %s %s", uid, f.name, f.why)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(again), func(f found) bool { return f.uid == uid })
	if len(rest) != len(again)-1 || !slices.Equal(rest, before) {
		return nil, fmt.Errorf("putting it back as UID %d made %d messages of %d, or changed others", uid, len(again), len(before))
	}
	return append(after, again...), nil
}
