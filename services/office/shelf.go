package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// maxFuture is how far ahead messages may be handed in (RFC 4865): whoever plans for
// longer than a year has the account and the password changed meanwhile.
const maxFuture = 366 * 24 * time.Hour

// shelf is where messages wait for the time that their senders have named: the queue.
type shelf struct {
	o    *Office
	with *journal.Entry // what belongs into the same record besides; nil: nothing
}

// Postpone makes a message wait.
func (s shelf) Postpone(ctx context.Context, envelope *mail.Envelope, stay delivery.Stay, body *draft.Draft) error {
	staged, err := s.o.store.Stage(ctx, body)
	if err != nil {
		return fmt.Errorf("postpone: %w", err)
	}
	var with []*journal.Entry
	if s.with != nil {
		with = append(with, s.with)
	}
	err = s.o.queue.Postpone(ctx, staged, staying(envelope, stay, body), with...)
	if errors.Is(err, mail.ErrTooMany) {
		return &mail.Refusal{Status: mail.Status4_3_2NotAccepting, Text: "Too much of what you have sent waits for its time already. Send this without a time, or try again later", Cause: err}
	}
	return err
}

// staying is an item of the queue that waits on the box.
func staying(envelope *mail.Envelope, stay delivery.Stay, body *draft.Draft) *queue.Item {
	it := &queue.Item{
		ID: envelope.ID, Message: envelope.ID, From: envelope.From, Wishes: envelope.Wishes, EightBit: envelope.EightBit, UTF8: envelope.UTF8,
		Account: envelope.Peer.Login.Account, Prefix: []byte(stay.Fields), Size: int64(len(stay.Fields)) + body.Size(),
		Junk: envelope.Judgement.Junk, Collected: stay.Collected, Round: stay.Round,
	}
	if stay.Message != (mail.ID{}) {
		it.Message = stay.Message
	}
	for _, to := range envelope.To {
		it.To = append(it.To, queue.Recipient{Recipient: to})
	}
	return it
}

// stayed is the message of such an item, for all of its recipients. The error is
// mail.ErrNoAccount where its sender has gone.
func (o *Office) stayed(ctx context.Context, it *queue.Item) (*mail.Envelope, delivery.Stay, error) {
	env := &mail.Envelope{
		ID: mail.NewID(time.Now()), Received: it.Accepted, From: it.From, EightBit: it.EightBit, UTF8: it.UTF8, Wishes: it.Wishes,
		Peer:      mail.Peer{Protocol: "ESMTP"}, // it has come from somewhere
		Judgement: mail.Judgement{Junk: it.Junk},
	}
	for _, to := range it.To {
		env.To = append(env.To, to.Recipient)
	}
	if it.Account != 0 {
		a, err := o.directory.Account(ctx, it.Account)
		if err != nil {
			return nil, delivery.Stay{}, err
		}
		env.Peer.Login = mail.Login{Account: a.ID, Address: a.Address}
	}
	return env, delivery.Stay{Message: it.Message, Fields: string(it.Prefix), Collected: it.Collected, Round: it.Round}, nil
}

// goNow has a message wait no longer. The time for which it did is kept, for reports
// (RFC 4865), unless that is still to come.
func goNow(env *mail.Envelope) {
	if env.Wishes.HoldUntil.After(time.Now()) {
		env.Wishes.HoldUntil = time.Time{}
	}
}

// bodyOf reads the body of an item that was given with its text. Whoever gets it
// discards it.
func (o *Office) bodyOf(it *queue.Item, text mail.Content) (*draft.Draft, error) {
	body := o.spool.New(mail.MaxMessage + redactRoom)
	_, err := io.Copy(body, io.NewSectionReader(text, 0, it.Size-int64(len(it.Prefix))))
	if err == nil {
		err = body.Finish()
	}
	if err != nil {
		body.Discard()
		return nil, err
	}
	return body, nil
}

// resumer takes on what has waited for its time.
type resumer struct{ o *Office }

// Resume delivers a message by the rules that hold now: who has gone meanwhile is
// reported to the sender, and whose mailbox is full gets it when there is room.
func (r resumer) Resume(ctx context.Context, it *queue.Item, to []int, text mail.Content, settle func([]mail.Attempt) *journal.Entry) error {
	env, stay, err := r.o.stayed(ctx, it)
	if errors.Is(err, mail.ErrNoAccount) {
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "Who has left this message to be sent later is not here any more", Cause: err}
	}
	if err != nil {
		return err
	}
	for _, r := range it.To {
		if r.State == queue.StateDelivered {
			stay.Had = append(stay.Had, r.Recipient)
		}
	}
	all := env.To
	env.To = nil
	goNow(env)
	for _, i := range to {
		env.To = append(env.To, all[i])
	}
	if err := r.o.mailroom.Sender(ctx, &env.Peer, env.From); err != nil {
		return err
	}
	body, err := r.o.bodyOf(it, text)
	if err != nil {
		return fmt.Errorf("resume %s: %w", it.ID, err)
	}
	defer body.Discard()
	return r.o.mailroom.Resume(ctx, env, stay, body, func(attempts []mail.Attempt) (delivery.Post, error) {
		return posting{r.o, settle(attempts), it.Message}, nil
	})
}
