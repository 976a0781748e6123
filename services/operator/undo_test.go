package operator_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// expunge is "expunge DIR NUMBER FOLDER UID...": what a mail program does to an
// account's messages; without UIDs it deletes the folder.
func expunge(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	files, err := durable.NewOS(ts.MkAbs(args[0]) + "/mail")
	ts.Check(err)
	defer files.Close()
	j, err := journal.Open(files, journal.Options{Logger: log})
	ts.Check(err)
	s, err := store.Open(ctx, j, files, store.Options{Logger: log})
	ts.Check(err)
	number, err := strconv.ParseUint(args[1], 10, 32)
	ts.Check(err)
	a, err := s.Account(ctx, mail.AccountID(number))
	ts.Check(err)
	m, err := a.Mailbox(ctx, args[2])
	ts.Check(err)
	if len(args) == 3 {
		ts.Check(a.DeleteMailbox(ctx, m.ID))
	}
	for _, text := range args[3:] {
		uid, err := strconv.ParseUint(text, 10, 32)
		ts.Check(err)
		_, err = a.Expunge(ctx, m.ID, mail.SetOf(mail.UID(uid)), false)
		ts.Check(err)
	}
	ts.Check(errors.Join(s.Close(), j.Close()))
	j.Release()
}
