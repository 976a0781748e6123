package directory

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// SetUp sets the box up: settings, administrator and accounts in one record, so
// that all of it is there or nothing is. It takes a tenth of a second of one
// core for each password. ErrSetUp when it was done before.
//
// The passwords are taken as they are: s.CheckPasswords says whether they are
// good enough.
func (d *Directory) SetUp(ctx context.Context, s *setup.Setup) error {
	if _, done := d.Box(); done {
		return ErrSetUp
	}
	now := stamp(d.now())
	people := append([]setup.Person{s.Admin}, s.Accounts...)
	record := setUpRecord{Box: closeBox(d.key, s, now), Accounts: make([]accountRecord, len(people))}
	err := parallel(ctx, len(people), runtime.GOMAXPROCS(0), func(i int) error {
		credential, err := auth.NewRecord(d.key, people[i].Address, people[i].Password)
		if err != nil {
			return fmt.Errorf("directory: password of %s: %w", people[i].Address, err)
		}
		record.Accounts[i] = accountRecord{
			Local: people[i].Address.Local, Domain: domain.Name(people[i].Address.Domain), Name: people[i].Name,
			Admin: i == 0, Created: now, Credential: credential,
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	first := d.current.Load().next
	// Many at once share the journal's syncs.
	const together = 64
	err = parallel(ctx, len(people), together, func(i int) error {
		record.Accounts[i].ID = first + mail.AccountID(i)
		if err := d.mailboxes.CreateAccount(ctx, record.Accounts[i].ID); err != nil {
			return fmt.Errorf("directory: make mailboxes of %s: %w", people[i].Address, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.commit(ctx, kindSetUp, record)
}

// stamp is a time as it is kept: to the second, without a zone.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// parallel does n pieces of work, some at a time, and returns the first error;
// after one, or when ctx ends, what has not begun is not done.
func parallel(ctx context.Context, n, atOnce int, work func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			defer func() { <-slots }()
			if err := work(i); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}
