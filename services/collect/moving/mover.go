package moving

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

const (
	// atOnce is how many moves run at a time: lines of offices are thin, and each
	// has a batch in memory.
	atOnce = 2
	// maxMoves are kept in memory, those that have ended too.
	maxMoves = 2000
	// maxProblems of a move are listed; the rest is counted.
	maxProblems = 50
)

// Account is whose mail comes.
type Account interface {
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	CreateMailbox(ctx context.Context, name string, role mail.Role) (mail.Mailbox, error)
	Subscribe(ctx context.Context, name string, on bool) error
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error)
	Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error)
	SetFlags(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, op mail.FlagOp, flags mail.Flags, unchangedSince *mail.ModSeq) (mail.UIDSet, error)
	Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error)
}

// Options are what a Mover needs; all but Dial, Roots and Pause are required.
type Options struct {
	Index   *Index
	Account func(ctx context.Context, id mail.AccountID) (Account, error)
	Draft   func(limit int64) *draft.Draft
	MaxSize int64 // bytes of the largest message that is taken
	Dial    collect.Dial
	Roots   *x509.CertPool // who is believed about providers' names; nil: the system's
	// Pause is called after each batch with the time that its commit took; nil: no
	// pause. An error ends the move.
	Pause func(ctx context.Context, took time.Duration) error
	// Left hears which messages have been removed here because they are gone at the
	// provider, whose name is the visit's Program; nil: nobody does.
	Left func(v *mail.Visit, from mail.MailboxID, gone mail.UIDSet)
	Log  *slog.Logger
}

// Move is one mailbox to be copied. Its source's password is in clear: don't log it.
// Of the source there are Host, Port, TLS, User and Password.
type Move struct {
	Account mail.AccountID
	Address mail.Address // the account's
	Source  collect.Source
	Leave   []string // folders that stay there, by name at the provider
}

// State is where a move is.
type State string

// The states.
const (
	Waiting State = "waiting" // others come first
	Running State = "running"
	Done    State = "done"
	Stopped State = "stopped" // somebody wanted that, or the box was shut down
	Failed  State = "failed"  // Problem says why
)

// Status is how far a move is.
type Status struct {
	Account    mail.AccountID
	Address    mail.Address
	Host, User string
	State      State
	Began      time.Time
	Ended      time.Time // zero while it goes on
	Folder     string    // at the provider, while it runs
	Folders    int       // that are done
	OfFolders  int
	Messages   int // in them at the provider, as far as they have been looked into
	Copied     int // on disk now
	Bytes      int64
	Present    int // were here already
	Flagged    int // whose flags have changed
	Deleted    int // here, because they are gone there
	TooLarge   int
	Failed     int      // can't be read at the provider
	Problem    string   // why it has ended before its time, in plain words
	Problems   []string // of single folders and messages
}

// Errors.
var (
	ErrRunning = errors.New("this person's mail is being moved already")
	ErrNoMove  = errors.New("there is no such move")
	ErrTooMany = errors.New("too many moves are waiting")
)

// Mover copies mailboxes.
type Mover struct {
	o      Options
	places chan struct{}

	mu      sync.Mutex
	moves   map[mail.AccountID]*task // guarded by mu
	closed  bool                     // guarded by mu
	running sync.WaitGroup
}

// task is a move that was asked for.
type task struct {
	move   Move
	cancel context.CancelFunc

	mu     sync.Mutex
	status Status // guarded by mu
}

// New makes a Mover. Close it before the accounts.
func New(o Options) *Mover {
	if o.Pause == nil {
		o.Pause = func(context.Context, time.Duration) error { return nil }
	}
	if o.Left == nil {
		o.Left = func(*mail.Visit, mail.MailboxID, mail.UIDSet) {}
	}
	m := &Mover{o: o, places: make(chan struct{}, atOnce), moves: map[mail.AccountID]*task{}}
	m.remember()
	return m
}

// Start begins to copy a mailbox, or goes on with it, in the background. Errors:
// ErrRunning, ErrTooMany.
func (m *Mover) Start(move Move) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.moves[move.Account]; old != nil && old.snapshot().Ended.IsZero() {
		return ErrRunning
	} else if old == nil && len(m.moves) >= maxMoves || m.closed {
		return ErrTooMany
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &task{move: move, cancel: cancel, status: Status{
		Account: move.Account, Address: move.Address, Host: move.Source.Host, User: move.Source.User, State: Waiting, Began: time.Now(),
	}}
	m.moves[move.Account] = t
	m.keep(t)
	m.running.Go(func() {
		defer cancel()
		m.run(ctx, t)
	})
	return nil
}

// Stop ends a move; what has come stays, and Start goes on there. ErrNoMove.
func (m *Mover) Stop(account mail.AccountID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.moves[account]
	if t == nil {
		return ErrNoMove
	}
	t.cancel()
	return nil
}

// List gives each account's last move, also of before this start, by when they began.
func (m *Mover) List() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Status, 0, len(m.moves))
	for _, t := range m.moves {
		list = append(list, t.snapshot())
	}
	slices.SortFunc(list, func(a, b Status) int { return a.Began.Compare(b.Began) })
	return list
}

// Close stops all and waits for them.
func (m *Mover) Close() error {
	m.mu.Lock()
	m.closed = true
	for _, t := range m.moves {
		t.cancel()
	}
	m.mu.Unlock()
	m.running.Wait()
	return nil
}

func (t *task) snapshot() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	s.Problems = slices.Clone(s.Problems)
	return s
}

func (t *task) note(change func(*Status)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.status)
}

// problem notes what is wrong with one folder or message.
func (t *task) problem(format string, args ...any) {
	t.note(func(s *Status) {
		if len(s.Problems) < maxProblems {
			s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
		}
	})
}

// run waits for its turn and copies.
func (m *Mover) run(ctx context.Context, t *task) {
	err := context.Canceled
	select {
	case m.places <- struct{}{}:
		t.note(func(s *Status) { s.State = Running })
		err = m.guarded(ctx, t)
		<-m.places
	case <-ctx.Done():
	}
	t.note(func(s *Status) {
		s.Ended, s.State, s.Folder = time.Now(), Done, ""
		switch {
		case ctx.Err() != nil:
			s.State = Stopped
		case err != nil:
			s.State, s.Problem = Failed, words(&t.move.Source, err)
		}
	})
	m.keep(t)
	s := t.snapshot()
	m.o.Log.Info("mailbox moved in", "verb", "move", "account", s.Address.String(), "from", s.Host, "state", s.State, "copied", s.Copied, "bytes", s.Bytes,
		"present", s.Present, "flags", s.Flagged, "deleted", s.Deleted, "failed", s.Failed+s.TooLarge, "took", s.Ended.Sub(s.Began).Round(time.Second), "err", err)
}

// guarded runs a move; a programmer's error in it ends the move, not the box.
func (m *Mover) guarded(ctx context.Context, t *task) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	account, err := m.o.Account(ctx, t.move.Account)
	if err != nil {
		return err
	}
	source := &t.move.Source
	line, err := collect.OpenLine(ctx, source, m.o.Dial, m.o.Roots, nil)
	if err != nil {
		return err
	}
	defer line.Close()
	stop := context.AfterFunc(ctx, line.Close)
	defer stop()
	key := hashOf(fmt.Sprintf("%d\x00%s\x00%s", t.move.Account, source.Host, source.User))
	c := &copier{m: m, t: t, account: account, line: line, notes: &notes{m.o.Index, key}}
	return c.run(ctx)
}

// words says why a move ended.
func words(s *collect.Source, err error) string {
	switch {
	case errors.Is(err, mail.ErrOverQuota):
		return "The mailbox here is full. Allow more space for it, then begin again: it goes on from here"
	case errors.Is(err, mail.ErrNoSpace):
		return "The box's disk is full. Make room, then begin again: it goes on from here"
	}
	return collect.Explain(s, err) + ". Begin again then: it goes on from here"
}
