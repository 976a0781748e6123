package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// moveEvery is how often it is asked how far moves are.
const moveEvery = 2 * time.Second

// wireMove is a move as the API shows it.
type wireMove struct {
	Address   string   `json:"address"`
	Host      string   `json:"host"`
	State     string   `json:"state"`
	Folder    string   `json:"folder"`
	Folders   int      `json:"folders"`
	OfFolders int      `json:"of_folders"`
	Copied    int      `json:"copied"`
	Bytes     int64    `json:"bytes"`
	Present   int      `json:"present"`
	Flagged   int      `json:"flagged"`
	Deleted   int      `json:"deleted"`
	TooLarge  int      `json:"too_large"`
	Failed    int      `json:"failed"`
	Problem   string   `json:"problem"`
	Problems  []string `json:"problems"`
}

// asked is one move of a file.
type asked struct {
	Address  string   `json:"address"`
	Host     string   `json:"host"`
	Port     uint16   `json:"port,omitempty"`
	TLS      string   `json:"tls,omitempty"`
	User     string   `json:"user"`
	Password string   `json:"password"`
	Leave    []string `json:"leave,omitempty"`
}

// moveStart copies mailboxes from other servers, and waits until that is done.
func moveStart(ctx context.Context, t *task) error {
	b, text, err := t.settings()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	list, err := readMoves(text)
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, m := range list {
		path := "/api/accounts/" + url.PathEscape(m.Address) + "/move"
		if err := b.do(ctx, http.MethodPost, path, startOf(m), nil); err != nil {
			return fmt.Errorf("%s: %w", m.Address, err)
		}
		waiting[strings.ToLower(m.Address)] = true
	}
	return t.follow(ctx, b, waiting)
}

// startOf is what the box is asked.
func startOf(m asked) map[string]any {
	in := map[string]any{"host": m.Host, "user": m.User, "password": m.Password}
	if m.Port != 0 {
		in["port"] = m.Port
	}
	if m.TLS != "" {
		in["tls"] = m.TLS
	}
	if len(m.Leave) > 0 {
		in["leave"] = m.Leave
	}
	return in
}

// readMoves reads one move, or a list of them.
func readMoves(text []byte) (list []asked, err error) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("[")) {
		text = append(append([]byte("["), text...), ']')
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("the file can't be read: %w", err)
	}
	for i, m := range list {
		if m.Address == "" {
			return nil, fmt.Errorf("entry %d has no address: whose mail is it here", i+1)
		}
	}
	return list, nil
}

// follow says how far moves are, until all have ended.
func (t *task) follow(ctx context.Context, b *box, waiting map[string]bool) error {
	shown, failed := map[string]string{}, 0
	for len(waiting) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err() // the box goes on
		case <-time.After(moveEvery):
		}
		all, err := b.moves(ctx)
		if err != nil {
			return err
		}
		for _, m := range all {
			if !waiting[strings.ToLower(m.Address)] {
				continue
			}
			if line := m.line(); shown[m.Address] != line {
				shown[m.Address] = line
				t.say("%s", line)
			}
			switch m.State {
			case "waiting", "running":
				continue
			case "failed", "stopped":
				failed++
			}
			delete(waiting, strings.ToLower(m.Address))
			m.tell(t)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s not complete; the same command goes on from there", counted(failed, "move is", "moves are"))
	}
	return nil
}

// moveList says how far all moves are.
func moveList(ctx context.Context, t *task) error {
	if t.flags.box == "" {
		return fmt.Errorf("%w: --box is missing: only a running box moves mail in", errUsage)
	}
	b, err := t.openBox()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	all, err := b.moves(ctx)
	if err == nil && len(all) == 0 {
		t.say("No mailbox has been moved in since the box was started")
	}
	for _, m := range all {
		t.say("%s", m.line())
		m.tell(t)
	}
	return err
}

// moveStop ends a move.
func moveStop(ctx context.Context, t *task) error {
	if t.flags.box == "" || len(t.args) != 1 {
		return fmt.Errorf("%w: say whose, and --box", errUsage)
	}
	b, err := t.openBox()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	return t.done(b.do(ctx, http.MethodDelete, "/api/accounts/"+url.PathEscape(t.args[0])+"/move", nil, nil), "Nothing more is copied for %s. What has come stays", t.args[0])
}

func (b *box) moves(ctx context.Context) ([]wireMove, error) {
	var answer struct {
		Moves []wireMove `json:"moves"`
	}
	err := b.do(ctx, http.MethodGet, "/api/moves", nil, &answer)
	return answer.Moves, err
}

// line is the move in one line.
func (m *wireMove) line() string {
	text := fmt.Sprintf("%s from %s: %s", m.Address, m.Host, m.State)
	if m.Folder != "" {
		text += ", at " + m.Folder
	}
	text += fmt.Sprintf(", %d of %d folders, %d copied (%d MB)", m.Folders, m.OfFolders, m.Copied, m.Bytes>>20)
	for _, n := range []struct {
		count int
		about string
	}{{m.Present, "were here"}, {m.Flagged, "with other flags"}, {m.Deleted, "deleted as there"}, {m.TooLarge, "too large"}, {m.Failed, "can't be read there"}} {
		if n.count > 0 {
			text += fmt.Sprintf(", %d %s", n.count, n.about)
		}
	}
	return text
}

// tell says what is wrong.
func (m *wireMove) tell(t *task) {
	for _, p := range m.Problems {
		t.say("  %s", p)
	}
	if m.Problem != "" {
		t.say("  → %s", m.Problem)
	}
}
