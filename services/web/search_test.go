package web

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search"
)

// shelf answers searches with what it was asked.
type shelf struct {
	asked   map[mail.AccountID]search.Ask
	rebuilt []mail.AccountID
}

func (s *shelf) Rebuild(ids ...mail.AccountID) { s.rebuilt = ids }

func (s *shelf) Rebuilds() []search.Rebuild {
	list := []search.Rebuild{{Account: 99, State: search.RebuildDone}}
	for _, id := range s.rebuilt {
		list = append(list, search.Rebuild{Account: id, State: search.RebuildFailed, Messages: 3, Total: 5, Took: time.Second, Err: mail.ErrNoSpace})
	}
	return list
}

func (s *shelf) Query(_ context.Context, id mail.AccountID, ask search.Ask) (search.Answer, error) {
	s.asked[id] = ask
	switch {
	case ask.Text == "":
		return search.Answer{}, search.ErrAsk
	case ask.Mailbox == "Nowhere":
		return search.Answer{}, mail.ErrNoMailbox
	}
	return search.Answer{Total: 7, Partial: true, Hits: []search.Hit{{
		Name: mail.Inbox, Row: mail.Row{UID: 5, Email: 36, Thread: 1, Flags: mail.NewFlags(`\Seen`), Internal: time.Unix(1_800_000_000, 0).UTC()},
		From: "Bob", Subject: []search.Piece{{Text: "an "}, {Text: "invoice", Hit: true}},
	}}}, nil
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := &shelf{asked: map[mail.AccountID]search.Ask{}}
	b := setUpBox(t, func(o *Options) { o.Search = s })
	b.want(b.do("GET", "/api/me/search?q=invoice", ""), http.StatusUnauthorized, "")
	mine := b.as(alice)
	got := b.want(b.do("GET", "/api/me/search?q=invoice+from%3Abob&mailbox=INBOX&limit=5", "", mine...), http.StatusOK, "")
	if ask := s.asked[2]; len(s.asked) != 1 || ask != (search.Ask{Text: "invoice from:bob", Mailbox: "INBOX", Limit: 5}) {
		t.Errorf("asked %+v; want alice's account alone", s.asked)
	}
	hits := list(got, "hits")
	if len(hits) != 1 || got["total"] != 7.0 || got["partial"] != true || hits[0]["uid"] != 5.0 || hits[0]["email"] != "e10" || hits[0]["seen"] != true {
		t.Fatalf("got %v", got)
	}
	if subject := list(hits[0], "subject"); len(subject) != 2 || subject[1]["text"] != "invoice" || subject[1]["hit"] != true || subject[0]["hit"] != nil {
		t.Errorf("subject %v", subject)
	}
	b.want(b.do("GET", "/api/me/search", "", mine...), http.StatusBadRequest, "q")
	b.want(b.do("GET", "/api/me/search?q=x&mailbox=Nowhere", "", mine...), http.StatusNotFound, "mailbox")
	b.want(b.do("GET", "/api/me/search?q=x&limit=101", "", mine...), http.StatusBadRequest, "limit")
	b = setUpBox(t, func(*Options) {})
	b.want(b.do("GET", "/api/me/search?q=x", "", b.as(alice)...), http.StatusNotFound, "")
}

func TestSearchRebuild(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	b := setUpBox(t, func(o *Options) { o.Search = s })
	b.want(b.do("POST", "/api/search/rebuild", "{}", b.as(alice)...), http.StatusForbidden, "")
	b.want(b.do("GET", "/api/search/rebuild", "", b.as(alice)...), http.StatusForbidden, "")
	boss := b.as(admin)
	if got := list(b.want(b.do("GET", "/api/search/rebuild", "", boss...), http.StatusOK, ""), "accounts"); len(got) != 0 {
		t.Errorf("got %v before anything was asked for", got)
	}
	b.want(b.do("POST", "/api/search/rebuild", `{"address": "nobody@example.test"}`, boss...), http.StatusNotFound, "address")
	got := list(b.want(b.do("POST", "/api/search/rebuild", `{"address": "`+alice+`"}`, boss...), http.StatusAccepted, ""), "accounts")
	if !slices.Equal(s.rebuilt, []mail.AccountID{2}) || len(got) != 1 || got[0]["address"] != alice || got[0]["state"] != "failed" || got[0]["messages"] != 3.0 || got[0]["total"] != 5.0 || got[0]["problem"] == nil {
		t.Errorf("accounts %d: %v; want alice's", s.rebuilt, got)
	}
	b.want(b.do("POST", "/api/search/rebuild", `{}`, boss...), http.StatusAccepted, "")
	if len(s.rebuilt) < 2 {
		t.Errorf("accounts %d; want all", s.rebuilt)
	}
}
