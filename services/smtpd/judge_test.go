package smtpd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeJudge goes by the sender's local part.
type fakeJudge struct{}

func (fakeJudge) Judge(_ context.Context, envelope *mail.Envelope, body *draft.Draft) (mail.Judgement, error) {
	if body.Digest() == nil {
		return mail.Judgement{}, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "The body is not finished"}
	}
	judgement := mail.Judgement{Fields: "Authentication-Results: box.example.test; none\r\n", Junk: envelope.From.Local == "junk"}
	switch envelope.From.Local {
	case "forger":
		return judgement, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "That is not who you are"}
	case "later":
		return judgement, &mail.Refusal{Status: mail.Status4_7_0TryLater, Text: "Who knows"}
	case "trouble":
		return judgement, errors.New("the name server does not answer")
	}
	return judgement, nil
}

// TestJudge: a refusal is told, trouble is not, and the judgement goes along with
// what is delivered; for strangers only.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		addr, from, want string
		stored           bool
		judgement        bool
	}{
		{stranger, "bob", "250 2.0.0 Stored", true, true},
		{stranger, "junk", "250 2.0.0 Stored", true, true},
		{stranger, "trouble", "250 2.0.0 Stored", true, true},
		{stranger, "forger", "550 5.7.1 That is not who you are", false, false},
		{stranger, "later", "451 4.7.0 Who knows", false, false},
		{"198.51.100.7", "forger", "250 2.0.0 Stored", true, false},
	} {
		s := guardedServer(t, Guards{})
		s.options.Judge = fakeJudge{}
		synctest.Test(t, func(t *testing.T) {
			c := s.visit(t, test.addr)
			c.read("220")
			c.say("HELO c.test", "250")
			c.say("MAIL FROM:<"+test.from+"@b.test>", "250")
			c.say("RCPT TO:<alice@example.test>", "250")
			c.say("DATA", "354")
			c.say(".", test.want)
			c.say("NOOP", "250")
		})
		taken := s.room.taken()
		if len(taken) == 1 != test.stored {
			t.Fatalf("%s from %s: %d messages are stored; want it stored: %v", test.from, test.addr, len(taken), test.stored)
		}
		if !test.stored {
			continue
		}
		if j := taken[0].envelope.Judgement; (j.Fields != "") != test.judgement || j.Junk != (test.from == "junk") {
			t.Errorf("%s from %s: the judgement is %+v", test.from, test.addr, j)
		}
	}
}
