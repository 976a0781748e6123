package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// errLeftOut says that not every message made the journey; which ones has been
// printed.
var errLeftOut = errors.New("not all messages could be taken: they are listed above. The others are safe")

// exportMail writes a person's mail, or everybody's, for other programs.
func exportMail(ctx context.Context, t *task) error {
	var only mail.Address
	if len(t.args) > 0 {
		var err error
		if only, err = t.address(); err != nil {
			return err
		}
	}
	format := transfer.Format(t.flags.format)
	switch {
	case t.flags.to == "":
		return fmt.Errorf("%w: --to is missing: where the mail is to be written", errUsage)
	case format != transfer.Maildir && format != transfer.Mbox:
		return fmt.Errorf("%w: --format is maildir or mbox", errUsage)
	case format == transfer.Mbox && isTar(t.flags.to):
		return fmt.Errorf("%w: mbox goes into a directory or a .zip: a .tar has to know a file's size before its content", errUsage)
	}
	if _, err := os.Stat(filepath.Dir(t.flags.to)); err != nil {
		return fmt.Errorf("there is no directory %s to write into: make it first, or see that the disk is there", filepath.Dir(t.flags.to))
	}
	if only.IsZero() && (isTar(t.flags.to) || strings.HasSuffix(t.flags.to, ".zip")) {
		return fmt.Errorf("%w: everybody's mail goes into a directory, with one for each person; for an archive give an address", errUsage)
	}
	return t.at(ctx, func(p place) error {
		if only.IsZero() {
			return t.exportOffice(ctx, p, format)
		}
		failed, err := t.exportPerson(ctx, p, only, t.flags.to, format)
		if err == nil && failed > 0 {
			return errLeftOut
		}
		return err
	})
}

// exportPerson writes one person's mail, and says how many messages could not be read.
func (t *task) exportPerson(ctx context.Context, p place, address mail.Address, to string, format transfer.Format) (failed int, err error) {
	show := newProgress(t.Err, "written")
	done, err := p.exportMail(ctx, address, to, format, show)
	show.end()
	if errors.Is(err, transfer.ErrTaken) || isNotBegun(err) {
		return 0, err
	}
	if err == nil {
		err = syncTo(to)
	}
	if err != nil {
		return 0, fmt.Errorf("%w. What is at %s is not complete: remove it and try again", err, to)
	}
	fmt.Fprintf(t.Out, "%s of %s, %s, written to %s\n", messages(done.Messages), counted(done.Folders, "folder", "folders"), size(done.Bytes), to)
	t.problems(done.Problems, done.Omitted)
	if done.Failed > 0 {
		fmt.Fprintf(t.Out, "%s could not be read from the box's disk: boxctl check says more\n", messages(done.Failed))
	}
	return done.Failed, nil
}

// exportOffice writes everybody's mail, each into a directory of the address's name.
func (t *task) exportOffice(ctx context.Context, p place, format transfer.Format) error {
	people, err := p.people(ctx)
	if err != nil {
		return err
	}
	err = os.Mkdir(t.flags.to, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s %w", t.flags.to, transfer.ErrTaken)
	}
	if err != nil {
		return err
	}
	failed := 0
	for n, person := range people {
		lost, err := t.exportPerson(ctx, p, person.Address, filepath.Join(t.flags.to, transfer.FileName(person.Address.String())), format)
		if err != nil {
			return fmt.Errorf("%s: %w. %s of %d were written before", person.Address, err, counted(n, "person", "people"), len(people))
		}
		failed += lost
	}
	fmt.Fprintf(t.Out, "The mail of %s is in %s. Who was removed is not among them\n", counted(len(people), "person", "people"), t.flags.to)
	if failed > 0 {
		return errLeftOut
	}
	return nil
}

func isTar(name string) bool {
	return strings.HasSuffix(name, ".tar") || strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}

// notBegun is why work has not begun: there is nothing half done.
type notBegun struct{ error }

func (e *notBegun) Unwrap() error { return e.error }

func isNotBegun(err error) bool {
	_, is := errors.AsType[*notBegun](err)
	return is
}

// syncTo makes what was exported durable: a stick is pulled out at once.
func syncTo(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// importMail reads mail of other programs in: for one person, or without an address
// what an export of the office has written, for each their own.
func importMail(ctx context.Context, t *task) error {
	path := t.args[len(t.args)-1]
	people, err := exported(path)
	if err != nil {
		return err
	}
	if len(t.args) == 1 {
		if len(people) == 0 {
			return fmt.Errorf("%w: whose mail is it? Only what boxctl export writes of the whole office, a directory with one for each person, needs no ADDRESS", errUsage)
		}
		return t.at(ctx, func(p place) error { return t.importOffice(ctx, p, path, people) })
	}
	address, err := t.address()
	if err != nil {
		return err
	}
	if len(people) > 0 && t.flags.into == "" {
		return fmt.Errorf("%s has the mail of %s. boxctl import %s WHERE gives each their own, boxctl import %s %s WHERE one person's; should %s have everybody's, say in which folder (--into)",
			path, counted(len(people), "person", "people"), path, address, filepath.Join(path, people[0]), address)
	}
	return t.at(ctx, func(p place) error { return t.importPerson(ctx, p, address, path, "") })
}

// exported gives the people's directories in an export of the office; none if the path
// is anything else, or nothing.
func exported(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || !strings.Contains(e.Name(), "@") {
			return nil, nil
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// importPerson reads one person's mail in, and says behind label what that has come to.
func (t *task) importPerson(ctx context.Context, p place, address mail.Address, path, label string) error {
	archive, err := transfer.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file or directory %s", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s can't be read by whoever runs this command: run it as its owner, or as root", path)
	case err != nil:
		return err
	}
	defer func() { _ = archive.Close() }() // only read from
	show := newProgress(t.Err, "read")
	done, err := p.importMail(ctx, address, archive, filepath.Base(path), t.flags.into, show)
	show.end()
	return t.imported(label, done, err)
}

// importOffice reads an export of the office in, for everybody who is here. Who is not
// is named at the end, and the others' mail comes in all the same.
func (t *task) importOffice(ctx context.Context, p place, path string, names []string) error {
	people, err := p.people(ctx)
	if err != nil {
		return err
	}
	here := map[string]mail.Address{}
	for _, person := range people {
		here[transfer.FileName(person.Address.String())] = person.Address
	}
	var strangers []string
	leftOut := false
	for _, name := range names {
		address, known := here[name]
		if !known {
			strangers = append(strangers, name)
			continue
		}
		switch err := t.importPerson(ctx, p, address, filepath.Join(path, name), address.String()+": "); {
		case errors.Is(err, errLeftOut):
			leftOut = true
		case err != nil:
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	switch {
	case len(strangers) > 0:
		return fmt.Errorf("nobody here has the address %s, so that mail is not in. Add them (boxctl user add) and run the same command again: what is in does not come twice", strings.Join(strangers, ", "))
	case leftOut:
		return errLeftOut
	}
	return nil
}

func (d *data) exportMail(ctx context.Context, address mail.Address, to string, format transfer.Format, show *progress) (transfer.Exported, error) {
	account, err := d.account(ctx, address)
	if err != nil {
		return transfer.Exported{}, &notBegun{err}
	}
	return transfer.Export(ctx, account, to, transfer.ExportOptions{
		Format:   format,
		Progress: func(e transfer.Exported) { show.say(e.Messages, e.Total, e.Bytes) },
	})
}

func (d *data) importMail(ctx context.Context, address mail.Address, archive *transfer.Archive, _, into string, show *progress) (transfer.Summary, error) {
	account, err := d.account(ctx, address)
	if err != nil {
		return transfer.Summary{}, &notBegun{err}
	}
	return transfer.Import(ctx, account, archive, transfer.ImportOptions{
		Draft: d.spool.New, Limit: mail.MaxMessage, Into: into,
		Progress: func(s transfer.Summary) {
			show.share(archive.Read())
			show.say(s.Imported+s.Present, 0, s.Bytes)
		},
	})
}

// imported says what an import has done, however it ended.
func (t *task) imported(label string, done transfer.Summary, err error) error {
	if isNotBegun(err) || errors.Is(err, mail.ErrNoAccount) || errors.Is(err, errHalfway) {
		return err
	}
	text := label + messages(done.Imported) + " came in"
	if done.Imported > 0 {
		text += " (" + size(done.Bytes) + ")"
	}
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{done.Present, "was there already", "were there already"}, {done.TooLarge, "is too large", "are too large"},
		{done.Failed, "can't be read", "can't be read"},
		{done.Gone, "was deleted in the program it comes from", "were deleted in the program they come from"},
	} {
		if p.n > 0 {
			text += ", " + counted(p.n, p.one, p.many)
		}
	}
	fmt.Fprintln(t.Out, text)
	t.problems(done.Problems, done.Omitted)
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped. What is said to be in stays; run the same command again to go on")
	case err != nil:
		text = explain(err).Error()
		if strings.Contains(text, "again") {
			return errors.New(text) // the box has said it
		}
		return errors.New(strings.TrimSuffix(text, ".") + ". What is said to be in stays; run the same command again to go on")
	case done.TooLarge+done.Failed > 0:
		return errLeftOut
	}
	return nil
}

// problems lists what is wrong with single messages.
func (t *task) problems(list []string, omitted int) {
	for _, p := range list {
		fmt.Fprintf(t.Out, "  %s\n", p)
	}
	if omitted > 0 {
		fmt.Fprintf(t.Out, "  and %s more\n", number(omitted))
	}
}

// account gives a person's mail.
func (d *data) account(ctx context.Context, address mail.Address) (*store.Account, error) {
	person, err := d.find(ctx, address)
	if err != nil {
		return nil, err
	}
	return d.store.Account(ctx, person.ID)
}

// progress shows how far long work is: on a terminal one line that changes, else
// a line now and then.
type progress struct {
	w     io.Writer
	what  string // "read"
	every time.Duration
	began time.Time
	last  time.Time
	part  string
	line  bool // there is one to be ended
}

// How often progress is shown.
const (
	showEvery = 500 * time.Millisecond
	noteEvery = 30 * time.Second
)

func newProgress(w io.Writer, what string) *progress {
	now := time.Now()
	p := &progress{w: w, what: what, every: noteEvery, began: now, last: now}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		p.every, p.line = showEvery, true
	}
	return p
}

// share says how much of the whole has been gone through, if that is known.
func (p *progress) share(done, total int64) {
	p.part = ""
	if total > 0 {
		p.part = strconv.FormatInt(min(100, done*100/total), 10) + " % "
	}
}

// say shows counts; total 0 is not known.
func (p *progress) say(messages, total int, bytes int64) {
	now := time.Now()
	if now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	if total > 0 {
		p.share(int64(messages), int64(total))
	}
	rate := float64(messages) / now.Sub(p.began).Seconds()
	p.write(fmt.Sprintf("%s%s messages %s, %s, %s a second", p.part, number(messages), p.what, size(bytes), number(int(rate))))
}

func (p *progress) write(text string) {
	if p.line {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

func (p *progress) end() {
	if p.line {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// counted is a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// number writes a number with commas between thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes as a person reads it.
func size(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " bytes"
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	case n < 1_000_000_000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + " GB"
}
