package web

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/collect/moving"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeMover has one move.
type fakeMover struct{ err error }

func (f *fakeMover) Start(moving.Move) error   { return f.err }
func (f *fakeMover) Stop(mail.AccountID) error { return f.err }
func (f *fakeMover) List() []moving.Status {
	return []moving.Status{{Address: mail.Address{Local: "a", Domain: "b.test"}, Host: "imap.old.test", State: moving.Running, Copied: 7, Problems: []string{"One is too large"}}}
}

func TestMoves(t *testing.T) {
	t.Parallel()
	s := &Server{opt: Options{Mover: &fakeMover{}}, log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	if err := s.getMoves(w, httptest.NewRequest("GET", "/api/moves", nil), caller{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"address":"a@b.test"`, `"state":"running"`, `"copied":7`, "One is too large"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the answer lacks %s: %s", want, w.Body)
		}
	}
	s.opt.Mover = nil
	if err := s.getMoves(w, httptest.NewRequest("GET", "/api/moves", nil), caller{}); err == nil || problem(err).Status != 404 {
		t.Errorf("without a mover: %v; want 404", err)
	}
}
