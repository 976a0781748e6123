package syslog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
)

const (
	// lookEvery is how often the log is asked for more.
	lookEvery = 2 * time.Second
	// KeepEvery is how often the place is kept for the next start.
	KeepEvery = 30 * time.Second
	// firstPause is doubled up to longestPause while the collector can't be reached.
	firstPause   = time.Second
	longestPause = 2 * time.Minute
	// firstBack is how many bytes of the past a collector gets that had none before.
	firstBack = 64 << 10
)

// Page is some lines of the log.
type Page struct {
	Lines []json.RawMessage // none: there are no more yet
	Next  logbook.Position  // behind them
	Lost  bool              // lines behind the asked place are gone
}

// Source reads the log behind a place. With back > 0 it begins about so many bytes
// before the end instead.
type Source func(ctx context.Context, after logbook.Position, back int64) (Page, error)

// Options are what an Exporter needs; all are required.
type Options struct {
	Source   Source
	Hostname func() string
	// Place is where the last run ended; Keep keeps that now and then.
	Place func() logbook.Position
	Keep  func(logbook.Position) error
	// Ready waits until servers' certificates may be judged; false: ctx has ended.
	Ready func(ctx context.Context) bool
	Log   *slog.Logger
}

// Exporter passes the log on.
type Exporter struct {
	o    Options
	wake chan struct{} // capacity 1: the target is another

	mu     sync.Mutex
	target *Target // guarded by mu; nil: nobody gets it
	state  State   // guarded by mu
}

// State is how the passing on goes.
type State struct {
	Sent    int       // messages since the start
	Last    time.Time // when the last one was; zero: none yet
	Problem string    // why nothing gets there now; "" if nothing is wrong
}

// New makes an Exporter with a target, or nil.
func New(target *Target, o Options) *Exporter {
	return &Exporter{o: o, target: target, wake: make(chan struct{}, 1)}
}

// Set changes the target; nil: nobody gets the log any more.
func (e *Exporter) Set(target *Target) {
	e.mu.Lock()
	e.target, e.state = target, State{}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// State says how it goes.
func (e *Exporter) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *Exporter) current() *Target {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.target
}

// Run passes the log on until ctx ends.
func (e *Exporter) Run(ctx context.Context) {
	for ctx.Err() == nil {
		target := e.current()
		if target == nil {
			select {
			case <-ctx.Done():
			case <-e.wake:
			}
			continue
		}
		e.serve(ctx, target)
	}
}

// serve passes it on to one target, until there is another.
func (e *Exporter) serve(ctx context.Context, target *Target) {
	if target.Transport == TLS && !e.o.Ready(ctx) {
		return
	}
	s := &stream{e: e, target: target, at: e.o.Place()}
	s.kept = s.at
	defer s.close()
	pause := firstPause
	for e.current() == target {
		more, err := s.step(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := lookEvery
		if err != nil {
			wait = pause
			pause = min(2*pause, longestPause)
		} else {
			pause = firstPause
		}
		e.note(target, err)
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-time.After(wait):
		}
	}
}

// note keeps what went wrong, and logs it once.
func (e *Exporter) note(target *Target, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.target != target {
		return
	}
	was := e.state.Problem
	e.state.Problem = ""
	if err != nil {
		e.state.Problem = err.Error()
	}
	if (was == "") != (err == nil) {
		e.o.Log.Log(context.Background(), level(err), "the log's collector", "at", target.Address(), "by", target.Transport, "err", err)
	}
}

func level(err error) slog.Level {
	if err == nil {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// stream is a connection and how far it has come.
type stream struct {
	e      *Exporter
	target *Target
	conn   net.Conn // nil: none yet
	at     logbook.Position
	kept   logbook.Position
	keptAt time.Time
	lost   bool // has to be said
}

// step sends a page; more says that there may be another.
func (s *stream) step(ctx context.Context) (more bool, err error) {
	var back int64
	if s.at == (logbook.Position{}) {
		back = firstBack
	}
	page, err := s.e.o.Source(ctx, s.at, back)
	if err != nil {
		return false, fmt.Errorf("the log can't be read: %w", err)
	}
	s.lost = s.lost || page.Lost
	messages := s.messages(page.Lines)
	if len(messages) == 0 {
		s.at = page.Next
		return len(page.Lines) > 0, nil
	}
	if s.conn == nil {
		if s.conn, err = s.target.connect(ctx); err != nil {
			return false, err
		}
		if s.target.Transport != UDP {
			go drain(s.conn) // so that its end is noticed before much is written to nobody
		}
	}
	if err := s.target.send(s.conn, messages); err != nil {
		s.drop()
		return false, err
	}
	s.at, s.lost = page.Next, false
	s.e.mu.Lock()
	if s.e.target == s.target {
		s.e.state.Sent += len(messages)
		s.e.state.Last = time.Now()
	}
	s.e.mu.Unlock()
	if time.Since(s.keptAt) >= KeepEvery {
		s.keep()
	}
	return true, nil
}

func (s *stream) messages(lines []json.RawMessage) [][]byte {
	most := maxStream
	if s.target.Transport == UDP {
		most = maxDatagram
	}
	host := s.e.o.Hostname()
	var list [][]byte
	if s.lost {
		list = append(list, format([]byte(`{"level":"WARN","unit":"maild.service","msg":"lines of the log are gone that no collector has got"}`), host, most))
	}
	for _, l := range lines {
		if m := format(l, host, most); m != nil {
			list = append(list, m)
		}
	}
	return list
}

// drain reads what a collector says, which is nothing, until the connection ends.
func drain(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn) // that it ended is all there is to know
	_ = conn.Close()
}

func (s *stream) drop() {
	if s.conn != nil {
		_ = s.conn.Close() // it is of no use any more
		s.conn = nil
	}
}

func (s *stream) keep() {
	s.keptAt = time.Now()
	if s.at == s.kept {
		return
	}
	if err := s.e.o.Keep(s.at); err != nil {
		s.e.o.Log.Warn("how far the log was passed on could not be kept", "err", err)
		return
	}
	s.kept = s.at
}

func (s *stream) close() {
	s.drop()
	s.keep()
}
