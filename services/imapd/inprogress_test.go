package imapd

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// slowAccount takes its time.
type slowAccount struct{ Account }

func (a slowAccount) Search(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (mail.UIDSet, error) {
	time.Sleep(26 * time.Second)
	return a.Account.Search(ctx, mailbox, query)
}

func (a slowAccount) Summaries(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[message.Summarized, error] {
	return func(yield func(message.Summarized, error) bool) {
		for m, err := range a.Account.Summaries(ctx, mailbox, set) {
			time.Sleep(100 * time.Millisecond)
			if !yield(m, err) {
				return
			}
		}
	}
}

// TestProgress: what takes long is told to be worked on, after five seconds and
// every ten, and nothing else is.
func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		many := make([]string, 700)
		for i := range many {
			many[i] = "x\n"
		}
		b.put("INBOX", mail.NewFlags(`\Seen`), many...)
		open := b.server.options.Open
		b.server.options.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return slowAccount{a}, err
		}
		b.runner().Run(t, "progress", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*INPROGRESS.*/
C: b EXAMINE INBOX
S: ...
S: /b OK .*/
C: c UID SEARCH TEXT nothing
wait 6s
S: * OK [INPROGRESS ("c" NIL NIL)] Still working on it
wait 9s
S: * OK [INPROGRESS ("c" NIL NIL)] Still working on it
wait 9s
S: * OK [INPROGRESS ("c" NIL NIL)] Still working on it
S: * SEARCH
S: c OK UID SEARCH completed
# The walk of THREAD says how far it is.
C: d UID THREAD ORDEREDSUBJECT UTF-8 ALL
wait 6s
S: * OK [INPROGRESS ("d" NIL NIL)] Still working on it
wait 9s
S: * OK [INPROGRESS ("d" NIL NIL)] Still working on it
wait 9s
S: * OK [INPROGRESS ("d" NIL NIL)] Still working on it
wait 26s
S: * OK [INPROGRESS ("d" 256 700)] Still working on it
wait 26s
S: * OK [INPROGRESS ("d" 512 700)] Still working on it
wait 20s
S: /\* THREAD .*/
S: d OK UID THREAD completed
C: e NOOP
S: e OK NOOP completed
`)
	})
}
