package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

func TestProblem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status int
		field  string
	}{
		{claim.ErrWrong, 403, "code"},
		{claim.ErrSpent, 409, ""},
		{claim.ErrBusy, 409, ""},
		{&claim.TooSoonError{Wait: 1500 * time.Millisecond}, 429, "code"},
		{mail.ErrDenied, 401, "password"},
		{mail.ErrTryLater, 429, ""},
		{mail.ErrNoAccount, 404, "address"},
		{mail.ErrAddress, 400, "address"},
		{mail.ErrAddressTaken, 409, "address"},
		{mail.ErrLastAdmin, 409, ""},
		{mail.ErrName, 400, "name"},
		{mail.ErrNotOurDomain, 400, "address"},
		{mail.ErrTooMany, 409, ""},
		{mail.ErrNoSpace, 507, ""},
		{auth.CheckPassword(mail.Address{Local: "alice", Domain: "example.test"}, "short"), 400, "password"},
		{&setup.FieldError{Field: "accounts[2].address", Text: "This is wrong"}, 400, "accounts[2].address"},
		{&Problem{Status: 418, Field: "x", Message: "So."}, 418, "x"},
		{errors.New("bolt: page 7 is torn"), 503, ""},
	} {
		wrapped := fmt.Errorf("web: do something: %w", test.err)
		p := problem(wrapped)
		if p.Status != test.status || p.Field != test.field {
			t.Errorf("problem(%v) = %d, field %q; want %d, %q", test.err, p.Status, p.Field, test.status, test.field)
		}
		if !strings.HasSuffix(p.Message, ".") || strings.Contains(p.Message, "web:") || strings.Contains(p.Message, "bolt") {
			t.Errorf("problem(%v) says %q; want a sentence for a person", test.err, p.Message)
		}
		if retry := p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable; retry != (p.Retry > 0) {
			t.Errorf("problem(%v): try again after %s", test.err, p.Retry)
		}
	}
}

func TestHostOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"mail.example.test":       {"mail.example.test", ""},
		"Mail.Example.Test.:2443": {"mail.example.test", "2443"},
		"192.168.1.20:443":        {"192.168.1.20", "443"},
		"[fd00::20]:443":          {"fd00::20", "443"},
		"[fd00::20]":              {"fd00::20", ""},
		"":                        {"", ""},
	} {
		if got := [2]string{hostOf(in), portOf(in)}; got != want {
			t.Errorf("%q has host and port %q; want %q", in, got, want)
		}
	}
}
