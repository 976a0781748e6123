package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Account is what an archive is written from and read into.
type Account interface {
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	CreateMailbox(ctx context.Context, name string, role mail.Role) (mail.Mailbox, error)
	Subscribe(ctx context.Context, name string, on bool) error
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error)
	Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error)
}

// Bounds of one batch: what is made durable by one sync, and lost, to be read
// again by the next import, when this one is interrupted.
const (
	// batchBytes keeps one commit short: deliveries wait for it, and drafts are
	// in memory, beside those of everybody else.
	batchBytes = 4 << 20
	// batchMessages bounds the record.
	batchMessages = 128
)

// maxProblems of an import or export are listed; the rest is counted.
const maxProblems = 100

// ImportOptions say how to import.
type ImportOptions struct {
	// Draft makes a draft of at most so many bytes; required.
	Draft func(limit int64) *draft.Draft
	// Limit is the largest message, in bytes; required.
	Limit int64
	// Into is a folder of the account under which the archive's stand; "": in
	// the same places as in the archive, special folders by their names.
	Into string
	// Progress is told of how far it is, after each batch; may be nil.
	Progress func(Summary)
	// Pause is called after each batch with the time that its commit took, so
	// that others get their turn; nil: no pause. An error ends the import.
	Pause func(ctx context.Context, took time.Duration) error
	Now   func() time.Time // nil: time.Now
}

// Summary is what an import has done.
type Summary struct {
	Imported int   // messages that are in now, on disk
	Bytes    int64 // of them
	Present  int   // were there already
	TooLarge int   // over the limit
	Gone     int   // removed in the program that wrote the archive
	Failed   int   // could not be read
	Folders  int   // made
	Problems []string
	Omitted  int // problems beyond those listed
}

func (s *Summary) problem(format string, args ...any) {
	if len(s.Problems) == maxProblems {
		s.Omitted++
		return
	}
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// Import reads an archive into an account. Dates and flags are kept. A message
// whose very bytes are in its folder already is passed over, as often as they
// are there: so importing again adds nothing, an import that was interrupted
// goes on where it stopped, and no message that differs is ever left out.
//
// What Summary.Imported counts is on disk. What is wrong with one message is in
// the Summary and the rest goes on; an error ends the import, the Summary says
// how far it came, and importing again is safe. Errors: the archive's when it
// can't be read on, mail.ErrNoSpace, mail.ErrOverQuota, mail.ErrMailboxName (of
// Into), the context's, or the account's own.
func Import(ctx context.Context, account Account, archive *Archive, o ImportOptions) (Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = func(context.Context, time.Duration) error { return nil }
	}
	if o.Progress == nil {
		o.Progress = func(Summary) {}
	}
	i := &importer{account: account, o: o, folders: map[Folder]*target{}, targets: map[mail.MailboxID]*target{}, copy: make([]byte, lineBuffer)}
	defer i.discard()
	err := i.prepare(ctx)
	if err == nil {
		err = i.run(ctx, archive)
	}
	if err != nil {
		err = fmt.Errorf("import: %w", err)
	}
	return i.done, err
}

// importer is one run of Import.
type importer struct {
	account Account
	o       ImportOptions
	done    Summary

	boxes   []mail.Mailbox
	folders map[Folder]*target // of the archive
	targets map[mail.MailboxID]*target
	copy    []byte

	to    *target // whose messages the batch has
	batch []draft.Append
	bytes int64
}

// target is a mailbox that messages go into.
type target struct {
	id      mail.MailboxID
	present *presence // nil before the first message
}

func (i *importer) prepare(ctx context.Context) error {
	if i.o.Into != "" {
		name, err := mail.MailboxName(i.o.Into)
		if err != nil {
			return fmt.Errorf("folder %q: %w", i.o.Into, err)
		}
		i.o.Into = name
	}
	var err error
	i.boxes, err = i.account.Mailboxes(ctx)
	return err
}

func (i *importer) run(ctx context.Context, archive *Archive) error {
	for m, err := range archive.Messages(ctx) {
		switch {
		case m == nil:
			// What came in whole before the archive broke off stays.
			return errors.Join(err, i.flush(ctx))
		case err != nil:
			i.done.Failed++
			i.done.problem("%s can't be read: %v", m.Place, err)
			continue
		}
		if err := i.message(ctx, m); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return i.flush(ctx)
}

// message takes one message, or word of a folder.
func (i *importer) message(ctx context.Context, m *Message) error {
	to, err := i.target(ctx, m.Folder)
	if err != nil || m.Body == nil {
		return err
	}
	d := i.o.Draft(i.o.Limit)
	kept := false
	defer func() {
		if !kept {
			d.Discard()
		}
	}()
	sum, err := i.read(d, m)
	if fatal := i.refused(m, err); fatal != nil || err != nil {
		return fatal
	}
	if m.Gone {
		i.done.Gone++
		return nil
	}
	if to.present == nil {
		if to.present, err = readPresence(ctx, i.account, to.id); err != nil {
			return err
		}
	}
	there, err := to.present.take(ctx, i.account, d.Size(), sum)
	if err != nil {
		return err
	}
	if there {
		i.done.Present++
		return nil
	}
	if i.to != to {
		if err := i.flush(ctx); err != nil {
			return err
		}
		i.to = to
	}
	if m.Internal.IsZero() {
		m.Internal = d.Digest().Date // when it was sent, if it says so
	}
	if m.Flags.Check() != nil {
		m.Flags.Keywords = nil
		i.done.problem("%s has more keywords than a message can have: it comes without", m.Place)
	}
	kept = true
	i.batch = append(i.batch, draft.Append{Draft: d, Flags: m.Flags, Internal: m.Internal})
	if i.bytes += d.Size(); i.bytes < batchBytes && len(i.batch) < batchMessages {
		return nil
	}
	return i.flush(ctx)
}

// read takes the bytes into the draft and gives their hash.
func (i *importer) read(d *draft.Draft, m *Message) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	h := sha256.New()
	_, err := io.CopyBuffer(onlyWriter{io.MultiWriter(d, h)}, m.Body, i.copy)
	if err == nil {
		err = d.Finish()
	}
	h.Sum(sum[:0])
	return sum, err
}

// onlyWriter hides ReadFrom, so that the given buffer is used.
type onlyWriter struct{ io.Writer }

// refused counts a message that could not be taken; an error ends the import.
func (i *importer) refused(m *Message, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mail.ErrTooLarge):
		i.done.TooLarge++
		i.done.problem("%s is larger than %d MB, the most the box takes", m.Place, i.o.Limit>>20)
		return nil // what is left of it is passed over with the next step
	case errors.Is(err, mail.ErrNoSpace):
		return err
	}
	i.done.Failed++
	i.done.problem("%s can't be read: %v", m.Place, err)
	return nil
}

// flush makes the batch durable.
func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	began := i.o.Now()
	if _, err := i.account.Append(ctx, i.to.id, i.batch); err != nil {
		return err
	}
	i.done.Imported += len(i.batch)
	i.done.Bytes += i.bytes
	i.discard()
	i.o.Progress(i.done)
	return i.o.Pause(ctx, i.o.Now().Sub(began))
}

func (i *importer) discard() {
	for _, m := range i.batch {
		m.Draft.Discard()
	}
	i.batch, i.bytes = i.batch[:0], 0
}

// target finds or makes the mailbox for a folder of the archive.
func (i *importer) target(ctx context.Context, f Folder) (*target, error) {
	if t := i.folders[f]; t != nil {
		return t, nil
	}
	id, err := i.mailbox(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", f.Name, err)
	}
	t := i.targets[id]
	if t == nil {
		t = &target{id: id}
		i.targets[id] = t
	}
	i.folders[f] = t
	return t, nil
}

// unnamed is where messages go that stand in no folder.
const unnamed = "Imported"

// mailbox decides which mailbox a folder is: that of its role, that of its name,
// or a new one.
func (i *importer) mailbox(ctx context.Context, f Folder) (mail.MailboxID, error) {
	name, role := f.Name, f.Role
	if i.o.Into != "" {
		// Everything goes below one folder, so that it can be looked through
		// first: nothing is special there, and an INBOX is a level of its own.
		name, role = i.o.Into, mail.RoleNone
		if f.Name != "" && f.Name != mail.Inbox {
			name += string(mail.Delimiter) + f.Name
		}
	} else if name == "" {
		name = unnamed
	}
	name, err := mail.MailboxName(name)
	if err != nil {
		return 0, err
	}
	if i.o.Into == "" && !f.Exact && !strings.ContainsRune(name, mail.Delimiter) {
		role = SpecialUse(name)
	}
	if id, found := i.find(name, role, f.Exact); found {
		return id, nil
	}
	if !f.Exact {
		role = mail.RoleNone // the account has none of that role: a person may give it
	}
	made, err := i.account.CreateMailbox(ctx, name, role)
	if err != nil {
		return 0, err
	}
	i.done.Folders++
	if !f.Exact || f.Subscribed {
		if err := i.account.Subscribe(ctx, made.Name, true); err != nil {
			return 0, err
		}
	}
	i.boxes, err = i.account.Mailboxes(ctx) // levels above were made too
	return made.ID, err
}

// find looks for the mailbox among those that are there.
func (i *importer) find(name string, role mail.Role, exact bool) (mail.MailboxID, bool) {
	var byRole, byName mail.MailboxID
	for _, b := range i.boxes {
		if b.Kind != mail.KindMail {
			continue
		}
		if b.Role == role && role != mail.RoleNone {
			byRole = b.ID
		}
		if b.Name == name {
			byName = b.ID
		}
	}
	// A person's own folder called "Sent Items" goes before what the name means
	// elsewhere; a role that the archive is sure of goes before its name.
	if exact && byRole != 0 || byName == 0 {
		return byRole, byRole != 0
	}
	return byName, true
}
