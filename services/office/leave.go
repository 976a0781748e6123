package office

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/fetched"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/trace"
)

const (
	// fetchedDir holds what was fetched by POP3, see package fetched.
	fetchedDir = "mail/fetched"
	// leaveEvery is how often it is looked whose days are over.
	leaveEvery = time.Hour
)

// maildrops is the POP3 server, which has accounts' INBOX open.
type maildrops interface {
	// Hold keeps an account's from being opened until release.
	Hold(id mail.AccountID) (release func(), ok bool)
}

// popRules are what the directory says of POP3, and the book of what was fetched.
type popRules struct{ o *Office }

// POP3 is what holds for an account.
func (p popRules) POP3(id mail.AccountID) mail.POP3 { return p.o.directory.POP3(id) }

// POP3Bounds is what holds for all.
func (p popRules) POP3Bounds() mail.POP3Bounds { return p.o.directory.POP3Bounds() }

// Fetched notes what was fetched today.
func (p popRules) Fetched(id mail.AccountID, messages []mail.Fetched) error {
	if p.o.onlyRead != nil {
		return p.o.onlyRead
	}
	today, err := p.o.leaveDay()
	if err != nil {
		return err
	}
	return p.o.fetched.Note(id, today, messages)
}

// leaveDay is the day by which leaves are counted.
func (o *Office) leaveDay() (fetched.Day, error) {
	return o.fetched.Today(time.Now(), time.Since(o.started))
}

// endLeaves removes every hour what was fetched by POP3 and has been left for as long
// as the office says, until ctx ends.
func (o *Office) endLeaves(ctx context.Context, pop3 maildrops) {
	ticker := time.NewTicker(leaveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if ids, err := o.fetched.Accounts(); err == nil && len(ids) == 0 {
				continue // nor is a file of days needed
			}
			today, err := o.leaveDay()
			if err != nil {
				o.log.Error("nothing that was fetched by POP3 is removed, for want of the day", "err", err)
				continue
			}
			o.endLeavesOnce(ctx, pop3, today)
		}
	}
}

// endLeavesOnce does it once. Only accounts are looked at of which something has been
// noted. What fails for one keeps no other waiting, and is done an hour later.
func (o *Office) endLeavesOnce(ctx context.Context, pop3 maildrops, today fetched.Day) {
	ids, err := o.fetched.Accounts()
	if err != nil {
		o.log.Error("it can't be seen what was fetched by POP3", "err", err)
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		leave := o.directory.POP3(id).Leave
		if !leave.Enforced || leave.Days == 0 {
			// It was ended, or the account is gone. Should it begin again, days are
			// counted from then on.
			err = errors.Join(o.fetched.Forget(id), o.trail.first.Forget(id))
		} else {
			err = o.endLeave(ctx, pop3, id, leave.Days, today)
		}
		if err != nil && ctx.Err() == nil {
			o.log.Error("what was fetched by POP3 could not be removed", "account", id, "err", err)
		}
	}
}

// endLeave removes what is due of one account. A message that somebody has flagged
// stays for as long as it is, and one that was moved out of INBOX, or put back into
// it, is nobody's leave any more: it has another name. An account that a POP3 session
// has open waits for the next hour.
func (o *Office) endLeave(ctx context.Context, pop3 maildrops, id mail.AccountID, days int, today fetched.Day) error {
	release, ok := pop3.Hold(id)
	if !ok {
		return nil
	}
	defer release()
	since, records, err := o.fetched.Read(id)
	if err != nil || records == 0 {
		return err
	}
	account, err := o.store.Account(ctx, id)
	if err != nil {
		return err
	}
	inbox, err := account.Mailbox(ctx, mail.Inbox)
	if err != nil {
		return err
	}
	there := make(map[mail.Fetched]struct{}, len(since)) // and goes on being looked at
	due := map[mail.UID]mail.ID{}
	var set mail.UIDSet
	for row, err := range account.Rows(ctx, inbox.ID, everyUID()) {
		if err != nil {
			return err
		}
		m := mail.Fetched{UIDValidity: inbox.UIDValidity, UID: row.UID, Email: row.Email}
		day, known := since[m]
		if !known {
			continue
		}
		there[m] = struct{}{}
		if row.Flags.System&mail.Flagged == 0 && int64(day)+int64(days) <= int64(today) {
			due[row.UID], set = row.ID, set.Add(row.UID)
		}
	}
	gone, err := account.Expunge(ctx, inbox.ID, set, false)
	var of []mail.Traced
	for uid := range gone.All() {
		of = append(of, mail.Traced{ID: due[uid], UID: uid})
	}
	for piece := range slices.Chunk(of, inLine) {
		o.log.Info("messages removed", "verb", "expire", "protocol", "pop3", "account", o.nameOf(ctx, id), "mailbox", inbox.ID.String(), "folder", inbox.Name, "count", len(piece),
			"cause", "fetched by POP3, and mail stays for some days only", "days", days, slog.Group(trace.Private, "messages", piece))
	}
	if err != nil {
		return err
	}
	if left := len(there) - len(due); records < 2*left+minStale {
		return nil
	}
	return o.fetched.Keep(id, func(m mail.Fetched, _ fetched.Day) bool {
		_, still := there[m]
		_, went := due[m.UID]
		return still && !went
	})
}

// minStale is how many records that are of no more use are worth making a file anew:
// 24 KB.
const minStale = 1024

func everyUID() mail.UIDSet { return mail.UIDSet{{First: 1, Last: ^mail.UID(0)}} }
