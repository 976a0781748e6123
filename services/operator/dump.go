package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/store"
)

// line is a record of the log, or a place where there is none, as dump --json
// prints it.
type line struct {
	Segment   uint32               `json:"segment"`
	Offset    int64                `json:"offset"`
	Length    int64                `json:"length"`
	LSN       journal.LSN          `json:"lsn,omitempty"`
	Time      time.Time            `json:"time,omitzero"`
	Family    string               `json:"family,omitempty"`
	ID        string               `json:"id,omitempty"`
	Body      int64                `json:"body_bytes,omitempty"` // on disk
	Dropped   bool                 `json:"body_dropped,omitempty"`
	Verb      string               `json:"verb,omitempty"`
	Store     *store.Described     `json:"store,omitempty"`
	Directory *directory.Described `json:"directory,omitempty"`
	Queue     *queue.Described     `json:"queue,omitempty"`
	Parts     []line               `json:"parts,omitempty"` // of a joint record
	Damage    string               `json:"damage,omitempty"`
}

// dump prints the log of a data directory, which may be in use, damaged, or a
// copy.
func dump(ctx context.Context, t *task) error {
	if t.flags.data == "" {
		return fmt.Errorf("%w: --data is missing", errUsage)
	}
	files, err := durable.NewOS(t.flags.data + "/" + mailDir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not a data directory: there is no %s in it", t.flags.data, mailDir)
	}
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // only read from
	wanted, err := t.wantedAccount(ctx, files)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(t.Out, 64<<10)
	err = journal.Dump(ctx, files, func(f journal.Found) error {
		l := describe(f)
		if f.Damage == "" && (uint64(f.Record.LSN) < t.flags.since || !l.concerns(wanted)) {
			return nil
		}
		if !t.flags.json {
			_, err := fmt.Fprintln(out, l.text())
			return err
		}
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	})
	return errors.Join(err, out.Flush())
}

// wantedAccount reads --account: an ID as in "a3", or an address, which it looks
// for in the log itself. 0 is all.
func (t *task) wantedAccount(ctx context.Context, files durable.FS) (mail.AccountID, error) {
	if t.flags.account == "" {
		return 0, nil
	}
	if digits, found := strings.CutPrefix(t.flags.account, "a"); found && !strings.Contains(digits, "@") {
		if n, err := strconv.ParseUint(digits, 36, 32); err == nil && n > 0 {
			return mail.AccountID(n), nil
		}
	}
	address, err := mail.ParseAddress(t.flags.account)
	if err == nil {
		address, err = domain.Address(address)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: --account takes an address, or an account's ID such as a3", errUsage)
	}
	var id mail.AccountID
	err = journal.Dump(ctx, files, func(f journal.Found) error {
		if f.Damage != "" || f.Record.Family != journal.FamilyDirectory {
			return nil
		}
		d, err := directory.Describe(f.Record)
		if err != nil {
			return nil // the dump itself says so
		}
		for account, a := range d.Accounts {
			if a == address {
				id = account // the last one that had it
			}
		}
		return nil
	})
	if err == nil && id == 0 {
		err = mail.ErrNoAccount
	}
	return id, err
}

// describe puts into words what was found.
func describe(f journal.Found) line {
	l := line{Segment: f.Segment, Offset: f.Offset, Length: f.Length, Damage: f.Damage}
	if f.Damage != "" {
		return l
	}
	r := f.Record
	l.LSN, l.Time, l.Body, l.Dropped = r.LSN, r.Time.UTC(), f.Size, f.Dropped
	if !r.ID.IsZero() {
		l.ID = r.ID.String()
	}
	var err error
	switch r.Family {
	case journal.FamilyStore:
		var d store.Described
		l.Family = "store"
		d, err = store.Describe(r)
		l.Verb, l.Store = d.Verb, &d
	case journal.FamilyDirectory:
		var d directory.Described
		l.Family = "directory"
		d, err = directory.Describe(r)
		l.Verb, l.Directory = d.Verb, &d
	case journal.FamilyCollect:
		l.Family = "collect"
		l.Verb, err = collect.Describe(r)
	case journal.FamilyQueue:
		var d queue.Described
		l.Family = "queue"
		d, err = queue.Describe(r)
		l.Verb, l.Queue = d.Verb, &d
	case journal.FamilyJournal:
		l.Family = "journal"
		l.Verb, err = journal.Describe(r)
	case journal.FamilyJoint:
		l.Family = "joint"
		l.Parts, err = describeParts(r)
	default:
		l.Family = fmt.Sprintf("family %d", r.Family)
	}
	if err != nil {
		l.Damage = "the record is whole, but what it says can't be read: " + err.Error()
	}
	return l
}

// describeParts puts the parts of a joint record into words.
func describeParts(r journal.Record) ([]line, error) {
	members, err := journal.Members(r)
	if err != nil {
		return nil, err
	}
	parts := make([]line, len(members))
	for i, m := range members {
		parts[i] = describe(journal.Found{Record: m})
	}
	return parts, nil
}

// concerns reports whether the line is about an account; 0 is all.
func (l *line) concerns(id mail.AccountID) bool {
	if id == 0 {
		return true
	}
	if slices.ContainsFunc(l.Parts, func(part line) bool { return part.concerns(id) }) {
		return true
	}
	return l.Store != nil && slices.ContainsFunc(l.Store.Accounts, func(a store.DescribedAccount) bool { return a.Account == id })
}

// text is the line for people.
func (l *line) text() string {
	place := fmt.Sprintf("%08d:%d", l.Segment, l.Offset)
	if l.LSN == 0 && l.Family == "" {
		return fmt.Sprintf("damage   %s  %d bytes: %s", place, l.Length, l.Damage)
	}
	words := []string{fmt.Sprintf("%-8d %s  %s  %s", l.LSN, l.Time.Format("2006-01-02T15:04:05.000Z"), place, l.content())}
	if l.Dropped {
		words = append(words, "(its body was given back)")
	}
	return strings.Join(words, " ")
}

// content is what a record says, for people.
func (l *line) content() string {
	words := []string{l.Family}
	switch {
	case l.Damage != "":
		words = append(words, l.Verb, "damage: "+l.Damage)
	case l.Store != nil:
		words = append(words, l.Store.String())
	case l.Directory != nil:
		words = append(words, l.Directory.String())
	case l.Queue != nil:
		words = append(words, l.Queue.String())
	case l.Parts != nil:
		for _, part := range l.Parts {
			words = append(words, "["+part.content()+"]")
		}
	default:
		words = append(words, l.Verb)
	}
	return strings.Join(words, " ")
}
