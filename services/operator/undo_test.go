package operator_test

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// expunge is "expunge DIR NUMBER FOLDER UID...": what a mail program does to an
// account's messages; without UIDs it deletes the folder.
func expunge(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	files, j, end := openLog(ts, args[0])
	s, err := store.Open(ctx, j, files, store.Options{Logger: slog.New(slog.DiscardHandler)})
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
	ts.Check(s.Close())
	end()
}
