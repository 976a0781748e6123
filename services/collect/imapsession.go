package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// allowance is what a server may send in reply to a command, beside what was
	// asked for: capabilities, flags, words. The client keeps a line in memory.
	allowance = 1 << 20
	// perMessage is what a line of a listing may take.
	perMessage = 256
)

// imapSession is one look into a mailbox.
type imapSession struct {
	c        *Collector
	s        *Source
	conn     *wire
	client   *imapclient.Client
	news     chan struct{} // capacity 1: the server says that there is something
	there    *listing      // of all folders
	folders  []*imapFolder
	selected *imapFolder
	more     bool
	count    count
	wait     error
}

// inbox is the folder that every mailbox has (RFC 9051 §5.1).
const inbox = "INBOX"

// imapFolder is what is to be done in one folder.
type imapFolder struct {
	name     string
	validity uint32
	fresh    []imapMessage
	old      []imap.UID
}

func (f *imapFolder) item(uid imap.UID) Item { return folderItem(f.name, f.validity, uint32(uid)) }

// imapMessage is a message that is new.
type imapMessage struct {
	uid  imap.UID
	size int64
}

// collectIMAP fetches what is new, and deletes what is due. Where the server can say
// when there is more in INBOX, the result has the session open.
func (c *Collector) collectIMAP(ctx context.Context, s *Source, w *worker) (_ result, err error) {
	t, err := c.openIMAP(ctx, s)
	if err != nil {
		return result{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = t.conn.Close() })
	kept := false
	defer func() {
		stop()
		if !kept {
			t.close()
		}
	}()
	if err := t.list(); err != nil {
		return result{}, err
	}
	for _, f := range slices.Backward(t.folders) { // INBOX last: that is listened to
		if err = t.work(ctx, f); err != nil {
			break
		}
	}
	if err == nil {
		err = w.forget(ctx, t.there)
	}
	r := result{count: t.count, more: t.more, wait: t.wait}
	if err == nil && !t.more && t.client.Caps().Has(imap.CapIdle) {
		kept, r.idle = true, t
	}
	return r, err
}

// work does what is to be done in one folder.
func (t *imapSession) work(ctx context.Context, f *imapFolder) error {
	if f != t.selected && len(f.fresh)+len(f.old) == 0 && f.name != inbox {
		return nil
	}
	if f != t.selected {
		if err := t.enter(f); err != nil {
			return err
		}
	}
	if err := t.fetch(ctx, f); err != nil {
		return err
	}
	return t.delete(ctx, f)
}

// openIMAP connects and logs in.
func (c *Collector) openIMAP(ctx context.Context, s *Source) (*imapSession, error) {
	t := &imapSession{c: c, s: s, there: &listing{}, news: make(chan struct{}, 1)}
	line, err := OpenLine(ctx, s, c.o.Dial, c.o.Roots, t.tell)
	if err != nil {
		return nil, err
	}
	t.conn, t.client = line.conn, line.Client
	return t, nil
}

func (t *imapSession) tell() {
	select {
	case t.news <- struct{}{}:
	default:
	}
}

func (t *imapSession) close() {
	_ = t.client.Close() // what was asked for is done, or is asked for again
	_ = t.conn.Close()
}

// enter opens a folder. One that the server has renumbered since it was listed is
// left for the next session.
func (t *imapSession) enter(f *imapFolder) error {
	t.selected = nil
	data, err := t.client.Select(f.name, nil).Wait()
	if err != nil {
		return refusal("SELECT "+f.name, err)
	}
	if data.NumMessages > maxListing {
		return errListing
	}
	if f.validity != 0 && f.validity != data.UIDValidity {
		return fmt.Errorf("SELECT %s: the provider gives its messages new numbers", f.name)
	}
	f.validity, t.selected = data.UIDValidity, f
	t.conn.allow(allowance + perMessage*int64(data.NumMessages))
	return nil
}

// list finds out what is new and what is due, in all folders.
func (t *imapSession) list() error {
	for _, name := range append([]string{inbox}, t.s.Folders...) {
		f := &imapFolder{name: name}
		if err := t.enter(f); err != nil {
			return err
		}
		t.folders = append(t.folders, f)
		if err := t.listFolder(f); err != nil {
			return err
		}
	}
	t.there.done()
	return nil
}

func (t *imapSession) listFolder(f *imapFolder) error {
	key := t.s.Key()
	all := imap.UIDSet{imap.UIDRange{Start: 1, Stop: 0}}
	cmd := t.client.Fetch(all, &imap.FetchOptions{UID: true, RFC822Size: true})
	var failed error
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		m := readListed(msg)
		if m.uid == 0 || failed != nil {
			continue
		}
		item := f.item(m.uid)
		t.there.add(item)
		known, ok, err := t.c.o.State.taken(key, item)
		switch {
		case err != nil:
			failed = err
		case ok && t.s.due(known) && len(f.old) < batch:
			f.old = append(f.old, m.uid)
		case ok:
		case len(f.fresh) < batch:
			f.fresh = append(f.fresh, m)
		default:
			t.more = true
		}
	}
	return errors.Join(failed, refusalOf("FETCH", cmd.Close()))
}

func readListed(msg *imapclient.FetchMessageData) (m imapMessage) {
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			m.uid = item.UID
		case imapclient.FetchItemDataRFC822Size:
			m.size = item.Size
		}
	}
	return m
}

// fetch collects what is new, a message at a time.
func (t *imapSession) fetch(ctx context.Context, f *imapFolder) error {
	for _, m := range f.fresh {
		if m.size > t.c.o.MaxSize {
			t.count.tooLarge++
			continue
		}
		err := t.one(ctx, f, m)
		if err != nil && waits(err) {
			t.count.waiting++
			t.wait = err
			continue
		}
		if err != nil {
			return err
		}
		if t.s.Leave == 0 {
			f.old = append(f.old, m.uid)
		}
	}
	return nil
}

// one fetches a message and takes it, without marking it as read.
func (t *imapSession) one(ctx context.Context, f *imapFolder, m imapMessage) error {
	t.conn.allow(allowance + 2*t.c.o.MaxSize)
	d := t.c.o.Draft(t.c.o.MaxSize)
	defer d.Discard()
	cmd := t.client.Fetch(imap.UIDSetNum(m.uid), &imap.FetchOptions{UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	received, found, failed := time.Time{}, false, error(nil)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataInternalDate:
				received = item.Time
			case imapclient.FetchItemDataBodySection:
				if item.Literal != nil && !found && failed == nil {
					found = true
					var err error
					if failed, err = copyLiteral(d, item.Literal); err != nil {
						return fmt.Errorf("FETCH: %w", err)
					}
				}
			}
		}
	}
	if err := refusalOf("FETCH", cmd.Close()); err != nil {
		return err
	}
	if failed == nil && !found {
		return nil // somebody else has deleted it meanwhile
	}
	if failed == nil {
		failed = d.Finish()
	}
	if failed != nil {
		return failed
	}
	if received.IsZero() || received.After(time.Now()) {
		received = time.Now()
	}
	done, err := t.c.take(ctx, t.s, f.item(m.uid), t.there, d, received)
	t.count.add(done)
	return err
}

// copyLiteral reads a literal to its end, also where w fails. After err nothing more
// may be read from the command: the client would read beside its own goroutine.
func copyLiteral(w io.Writer, l imap.LiteralReader) (failed, err error) {
	buffer := make([]byte, 32<<10)
	for left := l.Size(); ; {
		n, err := l.Read(buffer)
		if left -= int64(n); failed == nil {
			_, failed = w.Write(buffer[:n])
		}
		switch {
		case errors.Is(err, io.EOF) && left == 0:
			return failed, nil
		case err != nil:
			return failed, noEOF(err)
		}
	}
}

// delete deletes what is due. Without UID EXPUNGE (RFC 4315) messages are only
// marked as deleted: EXPUNGE would take along what others have marked.
func (t *imapSession) delete(ctx context.Context, f *imapFolder) error {
	if len(f.old) == 0 {
		return nil
	}
	t.conn.allow(allowance + perMessage*int64(len(f.old)))
	set := imap.UIDSetNum(f.old...)
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := refusalOf("STORE", t.client.Store(set, flags, nil).Close()); err != nil {
		return err
	}
	if caps := t.client.Caps(); !caps.Has(imap.CapUIDPlus) && !caps.Has(imap.CapIMAP4rev2) {
		return nil
	}
	if err := refusalOf("EXPUNGE", t.client.UIDExpunge(set).Close()); err != nil {
		return err
	}
	items := make([]Item, len(f.old))
	for i, uid := range f.old {
		items[i] = f.item(uid)
	}
	t.count.deleted += len(items)
	return t.c.o.State.finish(ctx, kindDeleted, t.s.Key(), items)
}

// idle waits until the server says that there is something, until it ends the
// connection, or until ctx ends.
func (t *imapSession) idle(ctx context.Context) {
	defer t.close()
	stop := context.AfterFunc(ctx, func() { _ = t.conn.Close() })
	defer stop()
	t.conn.allow(allowance)
	t.conn.patience.Store(int64(idleTime))
	select {
	case <-t.news: // it said so while we were at work
		return
	default:
	}
	cmd, err := t.client.Idle()
	if err != nil {
		<-ctx.Done() // it does not know it after all: the next time is as planned
		return
	}
	select {
	case <-t.news:
	case <-ctx.Done():
		return
	case <-t.client.Closed():
		<-ctx.Done()
		return
	}
	_ = cmd.Close()
}
