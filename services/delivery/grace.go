package delivery

import (
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Grace is how long senders are asked to try a full mailbox again, before they
// are told to give up. Their owners go on holiday; and most servers give up by
// themselves after five days, with a message that says less.
const Grace = 3 * 24 * time.Hour

// fullness knows since when mailboxes have been full. It is in memory only: a
// write for each refused message would be a way to wear out the disk, and what
// is lost by a restart is a grace that begins anew.
type fullness struct {
	grace time.Duration // 0: for ever
	mu    sync.Mutex
	all   map[mail.AccountID]full // guarded by mu; at most one for each account
}

// full is a mailbox that has refused mail.
type full struct {
	since time.Time
	quota mail.Quota
	usage mail.Usage // when it last refused
}

// status is what the sender reads of a full mailbox. It counts as full from the
// first refusal on, until it takes mail again, is allowed more, or has less in it
// than before: somebody is at work then.
func (f *fullness) status(e *mail.QuotaError, now time.Time) mail.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, known := f.all[e.Account]
	if !known || was.quota != e.Quota || e.Usage.Bytes < was.usage.Bytes || e.Usage.Messages < was.usage.Messages {
		was.since = now
	}
	if f.all == nil {
		f.all = map[mail.AccountID]full{}
	}
	f.all[e.Account] = full{was.since, e.Quota, e.Usage}
	if f.grace > 0 && now.Sub(was.since) >= f.grace {
		return mail.Status5_2_2MailboxFull
	}
	return mail.Status4_2_2MailboxFull
}

// takes notes that mail was delivered to these.
func (f *fullness) takes(targets []mail.Target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		return
	}
	for i := range targets {
		delete(f.all, targets[i].Account)
	}
}
