package operator_test

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// enqueue is "enqueue DIR": two messages wait, one of them held, and had been tried. ID1
// and ID2 name them.
func enqueue(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	files, j, end := openLog(ts, args[0])
	tried := make(chan struct{}, 1)
	q, err := queue.Open(ctx, files.Path(queue.File), j, queue.Options{Logger: slog.New(slog.DiscardHandler), Sender: busy(tried)})
	ts.Check(err)
	const text = "Subject: waits\r\n\r\nhello\r\n"
	for i, name := range []string{"ID1", "ID2"} {
		body, err := j.Stage(ctx, nil, strings.NewReader(text), int64(len(text)))
		ts.Check(err)
		id := mail.NewID(time.Now().Add(time.Duration(i) * time.Second))
		it := &queue.Item{ID: id, Message: id, From: mail.Address{Local: "alice", Domain: "example.test"}, Size: int64(len(text))}
		r := queue.Recipient{Recipient: mail.To(mail.Address{Local: "bob", Domain: "far.test"})[0], Hop: "far.test"}
		if i == 1 {
			r.State = queue.StateHeld
		}
		it.To = []queue.Recipient{r}
		ts.Check(q.Enqueue(ctx, body, []*queue.Item{it}))
		ts.Setenv(name, id.String())
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); q.Run(running) }()
	changes := q.Watch()
	<-tried
	for {
		first, _, err := q.List(ctx, queue.Filter{}, queue.Page{Limit: 1})
		ts.Check(err)
		if first[0].To[0].Tries > 0 {
			break
		}
		<-changes.C
	}
	stop()
	<-done
	changes.Close()
	ts.Check(q.Close())
	end()
}

// busy is another server that has no time.
type busy chan struct{}

func (b busy) Send(_ context.Context, job *mail.Job) []mail.Attempt {
	select {
	case b <- struct{}{}:
	default:
	}
	return []mail.Attempt{{
		Fate: mail.FateDeferred, Reply: mail.Reply{Code: 451, Status: mail.Status4_3_2NotAccepting, Text: "come back later"}, Status: mail.Status4_3_2NotAccepting,
		Server: "mx.far.test", At: time.Now(), Took: time.Second,
	}}
}
