package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// readData opens a data directory as the box's mail service does after a crash, runs the checks of store and directory,
// and reads everything in everybody's mailboxes.
func readData(ctx context.Context, dir string) (_ map[string][]found, problems []problem, err error) {
	var closers []func() error
	defer func() {
		for _, c := range slices.Backward(closers) {
			err = errors.Join(err, c())
		}
	}()
	root, err := durable.NewOS(dir)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, root.Close)
	index, err := directory.OpenIndex(root.Path("mail/" + directory.File))
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, index.Close)
	key, err := auth.OpenKey(root, auth.KeyFile)
	if err != nil {
		return nil, nil, err
	}
	files, err := durable.NewOS(root.Path("mail"))
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, files.Close)
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(files, journal.Options{Logger: log, Ring: journal.NoRing, Free: func() (int64, error) { return 1 << 40, nil }})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func() error {
		err := j.Close()
		j.Release()
		return err
	})
	s, err := store.Open(ctx, j, files, store.Options{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, s.Close)
	d, err := directory.Open(ctx, index, j, directory.Options{Key: key, Mailboxes: s, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, d.Close)

	problems, err = checkData(ctx, s, d)
	if err != nil {
		return nil, nil, err
	}
	all, err := readStore(ctx, s, d)
	return all, problems, err
}

func checkData(ctx context.Context, s *store.Store, d *directory.Directory) ([]problem, error) {
	report, err := s.Check(ctx)
	if err != nil {
		return nil, err
	}
	var problems []problem
	for _, p := range report.Problems {
		problems = append(problems, problem{damage, p.String()})
	}
	for _, p := range report.Damage {
		problems = append(problems, problem{damage, fmt.Sprintf("damage in the log: %+v", p)})
	}
	people, err := d.Check(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range people.Problems {
		problems = append(problems, problem{damage, fmt.Sprint("directory: ", p)})
	}
	return problems, nil
}

func readStore(ctx context.Context, s *store.Store, d *directory.Directory) (map[string][]found, error) {
	accounts, err := d.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]found)
	for _, person := range accounts {
		a, err := s.Account(ctx, person.ID)
		if err != nil {
			return nil, err
		}
		boxes, err := a.Mailboxes(ctx)
		if err != nil {
			return nil, err
		}
		name := person.Address.Local
		for _, box := range boxes {
			for row, err := range a.Rows(ctx, box.ID, mail.UIDSet{{First: 1, Last: box.UIDNext}}) {
				if err != nil {
					return nil, err
				}
				f := found{mailbox: box.Name, validity: uint32(box.UIDValidity), uid: uint32(row.UID), flags: join(row.Flags.Names())}
				raw, err := readBody(ctx, a, box.ID, row.UID)
				if err != nil {
					f.why = err.Error()
				} else {
					f.name, f.why = whole(raw)
				}
				all[string(name)] = append(all[string(name)], f)
			}
		}
	}
	return all, nil
}

func readBody(ctx context.Context, a *store.Account, mailbox mail.MailboxID, uid mail.UID) ([]byte, error) {
	m, err := a.Open(ctx, mailbox, uid)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return io.ReadAll(m.Reader())
}
