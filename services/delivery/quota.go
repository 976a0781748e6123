package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Quota is how full mailboxes are treated.
type Quota struct {
	// Fits says whether an account may take up more; the error is a
	// *mail.QuotaError, or the store's own trouble. nil: there is no quota.
	Fits func(ctx context.Context, account mail.AccountID, more mail.Usage) error
	// Largest is the largest message that an account may send or get, in bytes; 0: any.
	// nil: any for all.
	Largest func(mail.AccountID) int64
	// Grace is how long a full mailbox is temporary (4.2.2, try again) before it is
	// for good (5.2.2, give up); 0: for ever.
	Grace time.Duration
}

// refusal is what the sender reads of a full mailbox.
func (m *Mailroom) refusal(e *mail.QuotaError, text string, cause error) *mail.Refusal {
	status := m.fullness.status(e, time.Now())
	if status.Class() == 5 {
		text += " and has been for days"
	}
	return &mail.Refusal{Status: status, Text: text, Cause: cause}
}

// fits says at RCPT whether one recipient has room for what is announced, so that
// the others get the message. SMTP has one reply for all recipients at the end of
// the message: what was found too large only there is remembered for the sender's
// next try.
func (m *Mailroom) fits(ctx context.Context, envelope *mail.Envelope, to mail.Address, account mail.AccountID) error {
	if m.quota.Fits == nil {
		return nil
	}
	size := max(envelope.Size, m.refused.size(refusedKey{account, envelope.From}, time.Now()))
	// Nearly always there is room enough not to ask how long the fields in front are.
	err := m.quota.Fits(ctx, account, mail.Usage{Messages: 1, Bytes: size + maxPrefix})
	if err != nil {
		err = m.quota.Fits(ctx, account, mail.Usage{Messages: 1, Bytes: size + int64(len(prefix(envelope.From.String(), to, m.received(envelope))))})
	}
	if e, ok := errors.AsType[*mail.QuotaError](err); ok {
		return m.refusal(e, "The mailbox of this recipient is full", err)
	}
	return err
}

// takes says whether a recipient may have a message of this size. Like a full mailbox it
// is told at RCPT where the size is known by then: announced, or from the last try.
func (x *expansion) takes(id mail.AccountID) error {
	m := x.room
	if m.quota.Largest == nil || x.collected || x.from.made {
		return nil
	}
	most, key, now := m.quota.Largest(id), refusedKey{id, x.envelope.From}, time.Now()
	if most == 0 {
		return nil
	}
	size := max(x.envelope.Size, m.refused.size(key, now))
	if x.body != nil {
		if size = x.body.Size(); size > most {
			m.refused.note(key, size, now)
		}
	}
	if size <= most {
		return nil
	}
	return &mail.Refusal{Status: mail.Status5_2_3TooLargeForOne, Text: fmt.Sprintf("This recipient takes messages of %d bytes at most", most)}
}

// maySend says whether the sender may send a message of this size.
func (x *expansion) maySend() error {
	if x.room.quota.Largest == nil || x.from.login == 0 {
		return nil
	}
	size := x.envelope.Size
	if x.body != nil {
		size = x.body.Size()
	}
	if most := x.room.quota.Largest(x.from.login); most > 0 && size > most {
		return &mail.Refusal{Status: mail.Status5_2_3TooLargeForOne, Text: fmt.Sprintf("You may send messages of %d bytes at most", most)}
	}
	return nil
}

// maxPrefix is above what the box writes in front of a message: two paths and the
// names of two hosts, four times over.
const maxPrefix = 4096

// full says what the sender reads of a message that did not fit after all, and
// remembers for whom. Nobody has got it: to let some have it and refuse the rest
// would bring those the message once more with every try.
func (m *Mailroom) full(envelope *mail.Envelope, body *draft.Draft, targets int, err error) error {
	over := mail.OverQuota(err)
	if len(over) == 0 {
		return err
	}
	var refusal *mail.Refusal
	for _, e := range over {
		m.refused.note(refusedKey{e.Account, envelope.From}, body.Size(), time.Now())
		if r := m.refusal(e, "The mailbox is full", err); refusal == nil || r.Status.Class() == 4 {
			refusal = r
		}
	}
	if targets > len(over) {
		refusal = &mail.Refusal{Status: mail.Status4_2_2MailboxFull, Text: "A recipient's mailbox is full; send it again, and the others get it", Cause: err}
	}
	return refusal
}

const (
	// refusedFor is how long a size is remembered: servers try again within hours.
	refusedFor = 24 * time.Hour
	// refusedMost bounds how many are: a megabyte. When there are more all are
	// forgotten, which costs each sender one more try.
	refusedMost = 4096
)

// refusedKey is whose message did not fit where.
type refusedKey struct {
	account mail.AccountID
	from    mail.Address
}

// refusals remembers sizes of messages that were refused at their end.
type refusals struct {
	mu  sync.Mutex
	all map[refusedKey]refusal // guarded by mu
}

type refusal struct {
	size  int64
	until time.Time
}

func (r *refusals) note(k refusedKey, size int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= refusedMost {
		r.all = map[refusedKey]refusal{}
	}
	r.all[k] = refusal{size, now.Add(refusedFor)}
}

// size is what was refused; 0 when nothing was.
func (r *refusals) size(k refusedKey, now time.Time) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.all[k]; now.Before(f.until) {
		return f.size
	}
	return 0
}
