package office

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/fetched"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/sharing"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/trace"
)

const (
	// readsEvery is how often a line says what each program has fetched for the first
	// time since: a program that takes all mail there is makes a line each time.
	readsEvery = 3 * time.Second
	// maxReads wait for that, 5 MB: what is beyond is not noted.
	maxReads = 1 << 18
	// maxLeft are commands whose messages wait to be looked up, and maxLeftMessages those of one
	// of which it is looked up which they were.
	maxLeft         = 256
	maxLeftMessages = 100_000
	// inLine is how many messages one line is about: the log says only how many, the trace
	// which.
	inLine = 4096
	// firstEvery is how much of who fetched what a power cut takes.
	firstEvery = 5 * time.Minute
)

// trail notes for the trace what people's programs do with mail: who has fetched a message
// for the first time, who took it out of a mailbox. No session waits for it. It is an
// imapd.Trail and a pop3d.Trail.
type trail struct {
	o     *Office
	first *fetched.First
	left  chan leftMail

	mu    sync.Mutex
	reads map[readMail][]mail.Traced // since the last line
	waits int                        // in reads
	lost  int
}

// readMail is who fetches whose mail.
type readMail struct {
	visit mail.Visit
	owner mail.AccountID
}

// leftMail is what went out of a mailbox.
type leftMail struct {
	visit mail.Visit
	from  mail.MailboxID
	gone  mail.UIDSet
	into  string
	at    time.Time
}

func newTrail(o *Office) *trail {
	return &trail{o: o, first: fetched.OpenFirst(o.keeping(o.files), fetchedDir), left: make(chan leftMail, maxLeft), reads: map[readMail][]mail.Traced{}}
}

// Read hears that a client has been sent a message, of its own mail or of what others have
// opened to it. Mail that is older than the trace is passed over.
func (t *trail) Read(v *mail.Visit, row *mail.Row) {
	owner, email := sharing.EmailOwner(v.Login.Account, row.Email)
	if row.ID.IsZero() || time.Since(row.ID.Time()) > trace.DefaultKeep || !t.first.Is(v.Login.Account, owner, email) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waits >= maxReads {
		t.lost++
		return
	}
	t.waits++
	read := readMail{*v, owner}
	t.reads[read] = append(t.reads[read], mail.Traced{ID: row.ID})
}

// Left hears that messages have gone from a mailbox.
func (t *trail) Left(v *mail.Visit, from mail.MailboxID, gone mail.UIDSet, into string) {
	select {
	case t.left <- leftMail{*v, from, gone, into, time.Now()}:
	default:
		t.mu.Lock()
		t.lost += gone.Len()
		t.mu.Unlock()
	}
}

// run notes what was heard, until ctx ends; rest does it once more when the last session
// has ended.
func (t *trail) run(ctx context.Context) {
	lines, saves := time.NewTicker(readsEvery), time.NewTicker(firstEvery)
	defer lines.Stop()
	defer saves.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-t.left:
			t.noteLeft(ctx, l)
		case <-lines.C:
			t.noteReads(ctx)
		case <-saves.C:
			t.save()
		}
	}
}

// rest notes what is left to be noted.
func (t *trail) rest(ctx context.Context) {
	for {
		select {
		case l := <-t.left:
			t.noteLeft(ctx, l)
			continue
		default:
		}
		t.noteReads(ctx)
		t.save()
		return
	}
}

func (t *trail) save() {
	if err := t.first.Save(); err != nil {
		t.o.log.Warn("it could not be noted what people have fetched", "err", err)
	}
}

// noteReads writes a line for each program that has fetched something, and whose mail that is.
func (t *trail) noteReads(ctx context.Context) {
	t.mu.Lock()
	reads, lost := t.reads, t.lost
	t.reads, t.waits, t.lost = map[readMail][]mail.Traced{}, 0, 0
	t.mu.Unlock()
	if lost > 0 {
		t.o.log.Warn("too much was fetched or deleted at once for the trace to have it all", "messages", lost)
	}
	for read, of := range reads {
		t.line("messages fetched", "fetch", read.visit, of, t.of(ctx, read.visit, read.owner)...)
	}
}

// noteLeft looks up which messages have gone, and writes a line for them.
func (t *trail) noteLeft(ctx context.Context, l leftMail) {
	owner, own := sharing.Owner(l.visit.Login.Account, l.from)
	account, err := t.o.store.Account(ctx, owner)
	if err != nil {
		return // it is being removed
	}
	attrs := []any{"mailbox", own.String(), "folder", folderOf(ctx, account, own)}
	what := "messages deleted"
	if l.into != "" {
		what, attrs = "messages moved", append(attrs, "into", l.into)
	}
	attrs = append(attrs, t.of(ctx, l.visit, owner)...)
	places := make([]mail.Place, 0, min(l.gone.Len(), maxLeftMessages))
	for uid := range l.gone.All() {
		if len(places) == maxLeftMessages {
			break
		}
		places = append(places, mail.Place{Mailbox: own, UID: uid})
	}
	for piece := range slices.Chunk(places, inLine) {
		of, err := account.Traced(ctx, piece)
		if err != nil {
			t.o.log.Warn("it is not known which messages have gone from a mailbox", "account", owner.String(), "err", err)
			return
		}
		t.line(what, "expunge", l.visit, of, attrs...)
	}
}

// of says whose mail it is, where it is not that of who has logged in.
func (t *trail) of(ctx context.Context, v mail.Visit, owner mail.AccountID) []any {
	if owner == v.Login.Account {
		return nil
	}
	return []any{"owner", t.o.nameOf(ctx, owner)}
}

// folderOf is what a mailbox is called, or was when it was deleted.
func folderOf(ctx context.Context, account *store.Account, id mail.MailboxID) string {
	if box, err := account.MailboxByID(ctx, id); err == nil {
		return box.Name
	}
	deleted, err := account.DeletedMailboxes(ctx)
	if i := slices.IndexFunc(deleted, func(m mail.DeletedMailbox) bool { return m.ID == id }); err == nil && i >= 0 {
		return deleted[i].Name
	}
	return ""
}

// line writes what happened to messages. Those of before the trace are not named.
func (t *trail) line(what, verb string, v mail.Visit, of []mail.Traced, attrs ...any) {
	for piece := range slices.Chunk(of, inLine) {
		named := slices.DeleteFunc(slices.Clone(piece), func(m mail.Traced) bool { return time.Since(m.ID.Time()) > trace.DefaultKeep })
		line := []any{"verb", verb, "protocol", v.Protocol, "account", v.Login.Address.String(), "program", v.Program, "count", len(piece), slog.Group(trace.Private, "messages", named)}
		if v.Peer.IsValid() {
			line = append(line, "peer", v.Peer.String())
		}
		t.o.log.Info(what, append(line, attrs...)...)
	}
}

// nameOf is an account's address, or its number while it is being removed.
func (o *Office) nameOf(ctx context.Context, id mail.AccountID) string {
	if who, err := o.directory.Account(ctx, id); err == nil {
		return who.Address.String()
	}
	return id.String()
}
