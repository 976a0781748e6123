package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search"
	"github.com/sanduk-mail/sanduk/services/store"
)

// reading is what a data directory gives.
type reading struct {
	got      map[string][]found
	listed   map[string]map[undoKey]string // what can be put back: subjects, by account
	problems []problem                     // that the box's own checks find, or searches
}

// readData opens a data directory as the box's mail service does after a crash, runs the checks of store, log and
// directory, reads everything in everybody's mailboxes, searches for it, and lists what can be put back.
func readData(ctx context.Context, dir string) (_ *reading, err error) {
	var closers []func() error
	defer func() {
		for _, c := range slices.Backward(closers) {
			err = errors.Join(err, c())
		}
	}()
	root, err := durable.NewOS(dir)
	if err != nil {
		return nil, err
	}
	closers = append(closers, root.Close)
	index, err := directory.OpenIndex(root.Path("mail/" + directory.File))
	if err != nil {
		return nil, err
	}
	closers = append(closers, index.Close)
	key, err := auth.OpenKey(root, auth.KeyFile)
	if err != nil {
		return nil, err
	}
	files, err := durable.NewOS(root.Path("mail"))
	if err != nil {
		return nil, err
	}
	closers = append(closers, files.Close)
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(files, journal.Options{Logger: log, Ring: journal.NoRing, Segment: betweenStarts().segment, Free: func() (int64, error) { return 1 << 40, nil }})
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() error {
		err := j.Close()
		j.Release()
		return err
	})
	s, err := store.Open(ctx, j, files, store.Options{Logger: log, Retention: forGood})
	if err != nil {
		return nil, err
	}
	closers = append(closers, s.Close)
	d, err := directory.Open(ctx, index, j, directory.Options{Key: key, Mailboxes: s, Logger: log})
	if err != nil {
		return nil, err
	}
	closers = append(closers, d.Close)

	r := &reading{got: make(map[string][]found), listed: make(map[string]map[undoKey]string)}
	if r.problems, err = checkData(ctx, j, s, d); err != nil {
		return nil, err
	}
	searches, err := durable.NewOS(root.Path("mail/search"))
	if err != nil {
		return nil, err
	}
	closers = append(closers, searches.Close)
	ix := search.Open(search.Options{
		Files: searches, Store: s, Logger: log, Delay: forGood,
		Open: func(ctx context.Context, id mail.AccountID) (search.Account, error) { return s.Account(ctx, id) },
	})
	closers = append(closers, ix.Close)
	accounts, err := d.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, person := range accounts {
		a, err := s.Account(ctx, person.ID)
		if err != nil {
			return nil, err
		}
		if err := r.account(ctx, person, a, ix); err != nil {
			return nil, fmt.Errorf("%s: %w", person.Address, err)
		}
	}
	return r, nil
}

// forGood is longer than any test: what the box has not let go itself is there, and nothing is written.
const forGood = 10 * 365 * 24 * time.Hour

func checkData(ctx context.Context, j *journal.Journal, s *store.Store, d *directory.Directory) ([]problem, error) {
	report, err := s.Check(ctx)
	if err != nil {
		return nil, err
	}
	var problems []problem
	for _, p := range report.Problems {
		problems = append(problems, problem{damage, p.String()})
	}
	if report.Damage, err = j.Scrub(ctx); err != nil {
		return nil, err
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

// account reads one account.
func (r *reading) account(ctx context.Context, person mail.Account, a *store.Account, ix *search.Index) error {
	boxes, err := a.Mailboxes(ctx)
	if err != nil {
		return err
	}
	name := string(person.Address.Local)
	for _, box := range boxes {
		var letters []found
		for row, err := range a.Rows(ctx, box.ID, mail.UIDSet{{First: 1, Last: box.UIDNext}}) {
			if err != nil {
				return err
			}
			f := found{mailbox: box.Name, validity: uint32(box.UIDValidity), uid: uint32(row.UID), flags: join(row.Flags.Names())}
			raw, err := readBody(ctx, a, box.ID, row.UID)
			if err != nil {
				f.why = err.Error()
			} else {
				f.name, f.why = whole(raw)
				f.word = word(raw)
			}
			r.got[name] = append(r.got[name], f)
			if f.word != "" && f.why == "" {
				letters = append(letters, f)
			}
		}
		for i, f := range some(letters) { // see searchFor
			only := mail.UIDSet{{First: mail.UID(f.uid), Last: mail.UID(f.uid)}}
			query := mail.And{mail.Body{Text: f.word}}
			if i > 0 {
				query = mail.And{mail.UIDIn{Set: only}, query[0]}
			}
			uids, err := ix.Search(ctx, person.ID, a, box.ID, query)
			if err != nil {
				return err
			}
			if !slices.Equal(uids, only) {
				r.problems = append(r.problems, problem{unfound, fmt.Sprintf("%s: a word of %s in %s, UID %d, is found in %v", name, f.name, box.Name, f.uid, uids)})
			}
		}
	}
	r.listed[name] = make(map[undoKey]string)
	for q := (mail.ExpungedQuery{Back: true}); ; {
		page, err := a.Expunged(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Messages {
			r.listed[name][undoKey{e.Name, uint32(e.UID)}] = e.Subject
		}
		if !page.More {
			return nil
		}
		q.After = page.Next
	}
}

func readBody(ctx context.Context, a *store.Account, mailbox mail.MailboxID, uid mail.UID) ([]byte, error) {
	m, err := a.Open(ctx, mailbox, uid)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return io.ReadAll(m.Reader())
}
