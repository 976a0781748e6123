package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// collectSet adds a mailbox at a provider, or changes one, as a file says.
func collectSet(ctx context.Context, t *task) error {
	b, settings, err := t.settings()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	var named struct{ Protocol, Host, User string }
	_ = json.Unmarshal(settings, &named) // what is wrong with it the box says better
	all, err := b.sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Protocol == named.Protocol && strings.EqualFold(s.Host, named.Host) && s.User == named.User {
			return t.done(b.do(ctx, http.MethodPut, "/api/collect/sources/"+s.ID, settings, nil), "Mail is collected from %s at %s with these settings from now on", s.User, s.Host)
		}
	}
	return t.done(b.do(ctx, http.MethodPost, "/api/collect/sources", settings, nil), "Mail is collected from %s at %s from now on: boxctl collect list says how it goes", named.User, named.Host)
}

// collectTry tries settings out.
func collectTry(ctx context.Context, t *task) error {
	b, settings, err := t.settings()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	var answer struct {
		Works    bool     `json:"works"`
		Problem  string   `json:"problem"`
		Messages int      `json:"messages"`
		New      int      `json:"new"`
		Folders  []string `json:"folders"`
		Listens  bool     `json:"listens"`
	}
	if err := b.do(ctx, http.MethodPost, "/api/collect/try", settings, &answer); err != nil {
		return err
	}
	if !answer.Works {
		return errors.New(answer.Problem)
	}
	t.say("It works: %d messages are there, %d of them new", answer.Messages, answer.New)
	if answer.Listens {
		t.say("The server says by itself when there is mail")
	}
	for _, f := range answer.Folders {
		t.say("Folder: %s", f)
	}
	return nil
}

// collectPause has nothing collected from a mailbox for now, or goes on with it.
func collectPause(ctx context.Context, t *task) error {
	b, s, err := t.source(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	switch {
	case len(t.args) < 2 || t.args[1] != "on" && t.args[1] != "off":
		return fmt.Errorf("%w: say on or off", errUsage)
	case s.Settings == nil:
		return fmt.Errorf("the box does not show the settings of %s at %s", s.User, s.Host)
	}
	s.Settings["paused"] = t.args[1] == "on"
	text := "Nothing is collected from %s at %s until boxctl collect pause ID off"
	if t.args[1] == "off" {
		text = "Mail is collected from %s at %s again"
	}
	return t.done(b.do(ctx, http.MethodPut, "/api/collect/sources/"+s.ID, s.Settings, nil), text, s.User, s.Host)
}

// collectRemove ends collecting from a mailbox.
func collectRemove(ctx context.Context, t *task) error {
	b, s, err := t.source(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	return t.done(b.do(ctx, http.MethodDelete, "/api/collect/sources/"+s.ID, nil, nil), "Nothing is collected from %s at %s any more. What has come stays here, what is there stays there", s.User, s.Host)
}

// done says what has been done, unless it has not.
func (t *task) done(err error, format string, args ...any) error {
	if err == nil {
		t.say(format, args...)
	}
	return err
}

// settings reads the file that a command names; "-" is the input. The caller closes
// the box.
func (t *task) settings() (*box, json.RawMessage, error) {
	switch {
	case len(t.args) != 1:
		return nil, nil, fmt.Errorf("%w: name a file with the settings, or - for the input", errUsage)
	case t.flags.box == "":
		return nil, nil, fmt.Errorf("%w: --box is missing: only a running box collects mail", errUsage)
	}
	text, err := []byte(nil), error(nil)
	if t.args[0] == "-" {
		text, err = io.ReadAll(io.LimitReader(t.In, maxFile))
	} else {
		text, err = readFile(t.args[0])
	}
	if err != nil {
		return nil, nil, err
	}
	if !json.Valid(text) {
		return nil, nil, fmt.Errorf("%s is not JSON", t.args[0])
	}
	b, err := t.openBox()
	return b, text, err
}

// source finds the mailbox that a command names: by the beginning of its ID, or by
// its user where only one has it. The caller closes the box.
func (t *task) source(ctx context.Context) (*box, *wireSource, error) {
	switch {
	case len(t.args) == 0:
		return nil, nil, fmt.Errorf("%w: name the mailbox: collect list shows an ID for each", errUsage)
	case t.flags.box == "":
		return nil, nil, fmt.Errorf("%w: --box is missing: only a running box collects mail", errUsage)
	}
	b, err := t.openBox()
	if err != nil {
		return nil, nil, err
	}
	all, err := b.sources(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, b.close())
	}
	var found []*wireSource
	for i := range all {
		if s := &all[i]; len(t.args[0]) >= 4 && strings.HasPrefix(s.ID, t.args[0]) || s.User == t.args[0] {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return nil, nil, errors.Join(fmt.Errorf("%s at providers are called %s: use the ID that boxctl collect list shows", counted(len(found), "mailbox", "mailboxes"), t.args[0]), b.close())
	}
	return b, found[0], nil
}

func (b *box) sources(ctx context.Context) ([]wireSource, error) {
	var answer struct {
		Sources []wireSource `json:"sources"`
	}
	err := b.do(ctx, http.MethodGet, "/api/collect", nil, &answer)
	return answer.Sources, err
}
