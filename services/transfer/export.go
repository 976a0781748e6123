package transfer

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// ExportOptions say how to export.
type ExportOptions struct {
	Format Format
	// Progress is told of how far it is, now and then; may be nil.
	Progress func(Exported)
	Now      func() time.Time // nil: time.Now
}

// Exported is what an export has done.
type Exported struct {
	Folders, Messages int
	Bytes             int64
	Total             int // messages there were at the beginning
	Failed            int // could not be read: the box's own copy is damaged
	Problems          []string
	Omitted           int // problems beyond those listed
}

// progressEvery is after how many messages Progress is called.
const progressEvery = 256

// Export writes all mail of an account to a path that nothing is at yet: a
// directory, or a .tar, .tar.gz, .tgz (Maildir only) or .zip file. doc.go has
// the form. When it returns nil everything is written; on an error what is there
// is incomplete, but for ErrTaken, where nothing was written. A message that
// can't be read is in Exported, the rest goes on.
func Export(ctx context.Context, account Account, name string, o ExportOptions) (Exported, error) {
	to, err := newFileSink(name)
	if err != nil {
		return Exported{}, err
	}
	return export(ctx, account, to, o)
}

// ExportStream writes the same as one stream: Maildir as tar, mbox as zip, since
// a tar has to know a file's size before its content.
func ExportStream(ctx context.Context, account Account, w io.Writer, o ExportOptions) (Exported, error) {
	if o.Format == Mbox {
		return export(ctx, account, zipSink{zip.NewWriter(w)}, o)
	}
	return export(ctx, account, newTarSink(w, false), o)
}

func export(ctx context.Context, account Account, to sink, o ExportOptions) (Exported, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Exported) {}
	}
	e := &exporter{account: account, to: to, o: o, layout: layout{format: o.Format, used: map[string]bool{}}}
	err := e.run(ctx)
	err = errors.Join(err, to.close())
	if err != nil {
		return e.done, fmt.Errorf("write %s: %w", o.Format, err)
	}
	o.Progress(e.done)
	return e.done, nil
}

// exporter is one run of Export.
type exporter struct {
	account Account
	to      sink
	o       ExportOptions
	layout  layout
	done    Exported
}

func (e *exporter) run(ctx context.Context) error {
	boxes, err := e.account.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, b := range boxes {
		e.done.Total += int(b.Total)
	}
	for _, b := range boxes {
		if b.Kind != mail.KindMail {
			continue
		}
		err := e.folder(ctx, b)
		if errors.Is(err, mail.ErrNoMailbox) {
			continue // somebody deleted it meanwhile
		}
		if err != nil {
			return fmt.Errorf("folder %s: %w", b.Name, err)
		}
	}
	return nil
}

func (e *exporter) folder(ctx context.Context, box mail.Mailbox) error {
	w, err := e.layout.open(e.to, box, e.o.Now())
	if err != nil {
		return err
	}
	e.done.Folders++
	all := mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})
	for row, err := range e.account.Rows(ctx, box.ID, all) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = e.message(ctx, w, box, row.UID)
		}
		if err != nil {
			return errors.Join(err, w.close())
		}
	}
	return w.close()
}

// message writes one message. It is read twice: first to learn what the form
// needs to know, and that it can be read at all.
func (e *exporter) message(ctx context.Context, w folderWriter, box mail.Mailbox, uid mail.UID) error {
	m, err := e.account.Open(ctx, box.ID, uid)
	if errors.Is(err, mail.ErrNoMessage) {
		return nil // removed meanwhile
	}
	if errors.Is(err, mail.ErrClosed) {
		return err
	}
	var s survey
	if err == nil {
		defer func() { _ = m.Close() }() // only read from
		s, err = look(m.Reader())
	}
	if err != nil {
		e.done.Failed++
		if len(e.done.Problems) < maxProblems {
			e.done.Problems = append(e.done.Problems, fmt.Sprintf("message %d of %s can't be read: %v", uid, box.Name, err))
		} else {
			e.done.Omitted++
		}
		return nil
	}
	if err := w.message(m.Row, s, m.Reader()); err != nil {
		return fmt.Errorf("write message %d: %w", uid, err)
	}
	e.done.Messages++
	e.done.Bytes += s.size
	if e.done.Messages%progressEvery == 0 {
		e.o.Progress(e.done)
	}
	return nil
}
