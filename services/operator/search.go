package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search"
)

// searchDir holds the search index, below the mail directory.
const searchDir = "search"

// searchState is how far the making of one person's search index is.
type searchState struct {
	address         string
	state           search.RebuildState
	messages, total int64
	took            time.Duration
	problem         string // when it has failed
}

// searchEvery is how often it is asked how far the work is.
const searchEvery = 250 * time.Millisecond

// errSearchFailed says that some indexes are still those of before.
var errSearchFailed = errors.New("not every index could be made anew, see above. Searches use those of before, and find everything")

// searchRebuild makes the search index of one person, or of all, anew.
func searchRebuild(ctx context.Context, t *task) error {
	var only mail.Address
	if len(t.args) > 0 {
		var err error
		if only, err = t.address(); err != nil {
			return err
		}
	}
	return t.at(ctx, func(p place) error {
		if err := p.rebuildSearch(ctx, only); err != nil {
			return err
		}
		return t.watchRebuild(ctx, p)
	})
}

// watchRebuild waits for the end, and says what has come of each.
func (t *task) watchRebuild(ctx context.Context, p place) error {
	show := newProgress(t.Err, "gone through")
	told, failed := map[string]bool{}, false
	ticker := time.NewTicker(searchEvery)
	defer ticker.Stop()
	for {
		list, err := p.searchRebuilds(ctx)
		if err != nil {
			show.end()
			return err
		}
		messages, total, left := int64(0), int64(0), 0
		for _, s := range list {
			messages, total = messages+s.messages, total+s.total
			switch {
			case s.state != search.RebuildDone && s.state != search.RebuildFailed:
				left++
				continue
			case told[s.address]:
				continue
			}
			told[s.address] = true
			show.end()
			if s.state == search.RebuildFailed {
				failed = true
				fmt.Fprintf(t.Out, "%s: %s\n", s.address, s.problem)
				continue
			}
			fmt.Fprintf(t.Out, "%s: %s messages, in %s\n", s.address, number(int(s.messages)), s.took.Round(time.Millisecond))
		}
		switch {
		case left == 0 && failed:
			return errSearchFailed
		case left == 0:
			fmt.Fprintln(t.Out, "Done")
			return nil
		}
		show.count(messages, total, left)
		select {
		case <-ctx.Done():
			show.end()
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// count shows how many messages were gone through, of those of whom it is known
// how many they have.
func (p *progress) count(messages, total int64, left int) {
	now := time.Now()
	if now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	p.write(fmt.Sprintf("%s of %s messages %s; %d indexes are still to be done", number(int(messages)), number(int(total)), p.what, left))
}

// rebuildSearch begins the work, at full speed: nobody waits for the disk.
func (d *data) rebuildSearch(ctx context.Context, only mail.Address) error {
	people, err := d.people(ctx)
	if err != nil {
		return err
	}
	if !only.IsZero() {
		person, err := d.find(ctx, only)
		if err != nil {
			return err
		}
		people = []mail.Account{person}
	}
	if err := durable.MkdirAllSync(d.files, searchDir, 0o700); err != nil {
		return err
	}
	files, err := durable.NewOS(d.files.Path(searchDir))
	if err != nil {
		return err
	}
	d.closers = append(d.closers, files.Close)
	d.search = search.Open(search.Options{
		Files: files, Store: d.store, Alone: true, Logger: slog.New(&d.mended),
		Delay: 365 * 24 * time.Hour, // what else has changed is the mail service's work
		Open:  func(ctx context.Context, id mail.AccountID) (search.Account, error) { return d.store.Account(ctx, id) },
	})
	d.closers = append(d.closers, d.search.Close)
	ids := make([]mail.AccountID, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	d.search.Rebuild(ids...)
	return nil
}

func (d *data) searchRebuilds(ctx context.Context) ([]searchState, error) {
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	addresses := map[mail.AccountID]string{}
	for _, p := range people {
		addresses[p.ID] = p.Address.String()
	}
	var list []searchState
	for _, r := range d.search.Rebuilds() {
		s := searchState{address: addresses[r.Account], state: r.State, messages: r.Messages, total: r.Total, took: r.Took}
		if r.Err != nil {
			s.problem = explain(r.Err).Error()
		}
		list = append(list, s)
	}
	return list, nil
}

func (b *box) rebuildSearch(ctx context.Context, only mail.Address) error {
	in := map[string]string{}
	if !only.IsZero() {
		in["address"] = only.String()
	}
	return b.do(ctx, http.MethodPost, "/api/search/rebuild", in, nil)
}

func (b *box) searchRebuilds(ctx context.Context) ([]searchState, error) {
	var answer struct {
		Accounts []struct {
			Address  string              `json:"address"`
			State    search.RebuildState `json:"state"`
			Messages int64               `json:"messages"`
			Total    int64               `json:"total"`
			Seconds  float64             `json:"seconds"`
			Problem  *struct {
				Message  string `json:"message"`
				WhatToDo string `json:"what_to_do"`
			} `json:"problem"`
		} `json:"accounts"`
	}
	if err := b.do(ctx, http.MethodGet, "/api/search/rebuild", nil, &answer); err != nil {
		return nil, err
	}
	if len(answer.Accounts) == 0 {
		return nil, errors.New("the box was restarted meanwhile, and the work forgotten: run this again")
	}
	var list []searchState
	for _, a := range answer.Accounts {
		s := searchState{address: a.Address, state: a.State, messages: a.Messages, total: a.Total, took: time.Duration(a.Seconds * float64(time.Second))}
		if a.Problem != nil {
			s.problem = a.Problem.Message + " " + a.Problem.WhatToDo
		}
		list = append(list, s)
	}
	return list, nil
}
