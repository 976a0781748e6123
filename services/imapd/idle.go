package imapd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
)

// idle is RFC 2177 (RFC 9051 §6.3.13): whatever happens in the selected mailbox
// is told at once, until the client says DONE.
type idle struct{}

func parseIdle(*parser) request { return idle{} }

func (idle) run(ctx context.Context, s *session) error {
	s.w.Raw("+ idling\r\n")
	if !s.notifying() && (s.view == nil || s.muted()) {
		if err := s.w.Flush(); err != nil {
			return err
		}
		return s.readDone()
	}
	wake, stop := s.wake()
	defer stop()
	// After Watch, so that nothing falls between.
	if err := s.news(ctx, true); err != nil {
		return err
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	return s.push(ctx, wake, s.readDone, func(ctx context.Context) error { return s.pushed(ctx, true) })
}

// wake is woken after each change of the account until stop is called.
func (s *session) wake() (wake <-chan struct{}, stop func()) {
	if s.notifying() {
		return s.notify.watch.C, func() {}
	}
	watch := s.account.Watch()
	return watch.C, watch.Close
}

// push waits for the client to say something, which read reads, while a second
// goroutine owns the writer and the view, and tells what happens.
func (s *session) push(ctx context.Context, wake <-chan struct{}, read func() error, tell func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pusher sync.WaitGroup
	var pushErr error
	var pushPanic string
	pusher.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				pushPanic = fmt.Sprintf("%v\n%s", v, debug.Stack())
			}
			if pushPanic != "" || pushErr != nil {
				s.conn.interrupt() // the other one need not wait any longer
			}
		}()
		pushErr = s.pushChanges(ctx, wake, tell)
	})
	err := read()
	cancel()
	pusher.Wait()
	if pushPanic != "" {
		panic(pushPanic) // the session's own recovery counts and logs it
	}
	if pushErr != nil && !errors.Is(pushErr, errHangUp) && s.w.Err() == nil && replyTo(pushErr).Status != BYE {
		// The reading has been broken off, so the session can't go on.
		return &Error{BYE, "UNAVAILABLE", "The server can't follow the mailbox just now, please come back", pushErr}
	}
	if pushErr != nil {
		return pushErr
	}
	return err
}

// pushChanges tells what happens until ctx ends.
func (s *session) pushChanges(ctx context.Context, wake <-chan struct{}, tell func(context.Context) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := tell(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if err := s.w.Flush(); err != nil {
			return err
		}
	}
}

// readDone reads the line that ends IDLE, which is no command.
func (s *session) readDone() error {
	s.conn.wait(idleTime)
	if err := s.r.Wait(); err != nil {
		return err
	}
	s.conn.wait(readStall)
	s.r.Begin(strangerLimits())
	word := s.r.Keyword()
	s.r.CRLF()
	if err := s.r.Err(); err != nil {
		return err
	}
	if !strings.EqualFold(word, "DONE") {
		return bad("Expected DONE")
	}
	return nil
}
