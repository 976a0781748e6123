package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxLeave is ten years: above it somebody has mistyped.
	maxLeave = 3650
	// maxLoginDelay is RFC 1939's own idea of a program that polls rarely. More would
	// lock out who only wants to look again.
	maxLoginDelay = time.Hour
)

// SetLeave says how long mail that an account has fetched by POP3 stays in its INBOX.
// Durable and visible on return; sessions that are open go on by what held before.
// Errors: ErrNotSetUp, mail.ErrNoAccount, *mail.RuleError.
func (d *Directory) SetLeave(ctx context.Context, id mail.AccountID, leave mail.Leave) error {
	record := leaveRecord{ID: id}
	if leave.Enforced {
		record.Days = &leave.Days
	}
	return d.setPOP3(ctx, kindSetLeave, record)
}

// SetLoginDelay sets the least time from one of an account's log-ins by POP3 to the
// next, in whole seconds; 0: none. As SetLeave.
func (d *Directory) SetLoginDelay(ctx context.Context, id mail.AccountID, delay time.Duration) error {
	return d.setPOP3(ctx, kindSetLoginDelay, loginDelayRecord{ID: id, Seconds: int(delay / time.Second)})
}

func (d *Directory) setPOP3(ctx context.Context, k kind, record any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, k, record)
}

// POP3 is what holds for an account; nothing for one that is not there. It waits for
// nothing.
func (d *Directory) POP3(id mail.AccountID) mail.POP3 {
	a, err := d.current.Load().live(id)
	if err != nil {
		return mail.POP3{}
	}
	return a.pop3()
}

// POP3Bounds is what holds for all accounts together. It waits for nothing.
func (d *Directory) POP3Bounds() mail.POP3Bounds {
	v := d.current.Load()
	var b mail.POP3Bounds
	first := true
	for _, id := range v.addresses {
		p := v.accounts[id].pop3()
		if first {
			b.Strictest, first = p, false
			continue
		}
		s := &b.Strictest
		b.LeaveDiffers = b.LeaveDiffers || p.Leave != s.Leave
		b.DelayDiffers = b.DelayDiffers || p.LoginDelay != s.LoginDelay
		if p.Leave.Enforced && (!s.Leave.Enforced || p.Leave.Days < s.Leave.Days) {
			s.Leave = p.Leave
		}
		s.LoginDelay = max(s.LoginDelay, p.LoginDelay)
	}
	return b
}

// POP3s lists for whom something holds, by address.
func (d *Directory) POP3s() []mail.PersonPOP3 {
	v := d.current.Load()
	var list []mail.PersonPOP3
	for _, id := range v.addresses {
		if a := v.accounts[id]; a.pop3() != (mail.POP3{}) {
			list = append(list, mail.PersonPOP3{Who: a.address(), POP3: a.pop3()})
		}
	}
	slices.SortFunc(list, func(a, b mail.PersonPOP3) int { return strings.Compare(a.Who.String(), b.Who.String()) })
	return list
}

func (r *accountRecord) pop3() mail.POP3 {
	p := mail.POP3{LoginDelay: time.Duration(r.LoginDelay) * time.Second}
	if r.Leave != nil {
		p.Leave = mail.Leave{Enforced: true, Days: *r.Leave}
	}
	return p
}

func (s *state) setLeave(r *leaveRecord) ([]entry, error) {
	if r.Days != nil && (*r.Days < 0 || *r.Days > maxLeave) {
		return nil, &mail.RuleError{Field: "leave", Text: fmt.Sprintf("It is 0 to %d days", maxLeave)}
	}
	return s.changePOP3(r.ID, func(a *accountRecord) { a.Leave = r.Days })
}

func (s *state) setLoginDelay(r *loginDelayRecord) ([]entry, error) {
	if r.Seconds < 0 || time.Duration(r.Seconds) > maxLoginDelay/time.Second {
		return nil, &mail.RuleError{Field: "login_delay", Text: fmt.Sprintf("It is %d seconds at most", maxLoginDelay/time.Second)}
	}
	return s.changePOP3(r.ID, func(a *accountRecord) { a.LoginDelay = r.Seconds })
}

func (s *state) changePOP3(id mail.AccountID, change func(*accountRecord)) ([]entry, error) {
	old, err := s.live(id)
	if err != nil {
		return nil, err
	}
	a := *old
	change(&a)
	s.accounts[id] = &a
	return []entry{{bucketAccounts, accountKey(id)}}, nil
}
