package smtpd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Guards are what port 25 does about strangers before a message of theirs is
// taken. None of them looks at a message, and none refuses for good a server that
// keeps to RFC 5321. The zero value has none; StandardGuards are an office's.
type Guards struct {
	// Exempt addresses are no strangers; nil: all are. Who has logged in never is.
	Exempt func(netip.Addr) bool
	// Spare addresses are the office's own spare servers (backup MX): they are no
	// strangers, but what they bring is judged, since strangers brought it to them; nil:
	// there are none.
	Spare func(netip.Addr) bool
	// Banner is how long the greeting is kept back. Who talks before it does not
	// listen to replies, and is hung up on.
	Banner time.Duration
	// Turns hangs up on who goes on without waiting for the reply to EHLO or DATA,
	// which RFC 2920 §3.1 forbids: it would send its message whatever we answer.
	Turns bool
	// Tarpit is the delay of the answer to the third recipient that is refused; it
	// doubles with each further one up to maxTarpit.
	Tarpit time.Duration
	Rates  Rates
	// Screener looks at addresses when they connect; nil: nobody does.
	Screener Screener
}

// Screener knows addresses that are known for spam, such as block lists do.
type Screener interface {
	// Screen returns a *mail.Refusal for an address from which no mail is wanted:
	// its recipients hear that, all but the postmaster. Other errors are logged
	// and the address is let in.
	Screen(ctx context.Context, addr netip.Addr) error
}

// StandardGuards are those of an office: far above what any server of another
// office needs, and still far below what a machine of a botnet tries.
func StandardGuards() Guards {
	return Guards{
		Banner: 2 * time.Second, // long for a program that doesn't listen, short for one that has five minutes (RFC 5321 §4.5.3.2.1)
		Turns:  true,
		Tarpit: time.Second,
		Rates: Rates{
			Connections: Rate{Burst: 120, Every: time.Second / 2},
			Messages:    Rate{Burst: 1000, Every: 2 * time.Second},
			Recipients:  Rate{Burst: 5000, Every: time.Second / 2},
			Refused:     Rate{Burst: 200, Every: 10 * time.Second},
		},
	}
}

// guarded says whether the guards look at this session.
func (c *conn) guarded() bool {
	return c.judged() && !c.spare()
}

// judged says whether what this session brings is judged.
func (c *conn) judged() bool {
	exempt := c.server.options.Guards.Exempt
	return !c.mode.Submission && c.peer.Login.Account == 0 && (exempt == nil || !exempt(c.peer.Addr))
}

func (c *conn) spare() bool {
	spare := c.server.options.Guards.Spare
	return spare != nil && spare(c.peer.Addr)
}

// admit is everything between the connection and its greeting.
func (c *conn) admit() error {
	if !c.guarded() {
		return nil
	}
	connected := time.Now()
	g := c.server.options.Guards
	meters := c.server.meters
	if !meters.connections.take(c.peer.Addr, connected, 1) || meters.refused.spent(c.peer.Addr, connected) {
		return &Error{Code: 421, Status: mail.Status4_7_0TryLater, Text: "Too much comes from your network, try again later"}
	}
	if g.Screener != nil {
		ctx, cancel := context.WithTimeout(c.ctx, screenTimeout)
		defer cancel()
		c.screen(ctx, g.Screener)
	}
	if g.Banner > 0 {
		return c.silence(connected.Add(g.Banner))
	}
	return nil
}

// screen notes what is known of the address. It is told at RCPT and not in the
// greeting, so that the log has the names and the postmaster can be reached.
func (c *conn) screen(ctx context.Context, s Screener) {
	err := s.Screen(ctx, c.peer.Addr)
	if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
		c.unwelcome = refusal
	}
	if err != nil {
		c.log.Info("address screened", "verb", "accept", "refused", c.unwelcome != nil, "err", err)
	}
}

// silence waits until the greeting may go, and ends a session whose client talks
// before.
func (c *conn) silence(until time.Time) error {
	if soon := time.Now().Add(leastSilence); until.Before(soon) {
		until = soon // screening took long; what has come by now must still be seen
	}
	if err := c.raw.SetReadDeadline(until); err != nil {
		return lost(err)
	}
	c.enter(waiting)
	defer c.enter(working)
	if c.desk.Closing() {
		return errShutdown
	}
	_, err := c.wire.in.Peek(1)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && c.desk.Closing():
		return errShutdown
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		return err
	}
	return c.outOfTurn("You spoke before you were greeted")
}

// inTurn is called by commands that must be the last of a group, before they are
// answered (RFC 2920 §3.1). What the client has sent behind them was sent blindly.
func (c *conn) inTurn() error {
	if c.server.options.Guards.Turns && c.guarded() && c.wire.in.Buffered() > 0 {
		return c.outOfTurn("You did not wait for the answer")
	}
	return nil
}

func (c *conn) outOfTurn(text string) error {
	err := &Error{Code: 554, Status: mail.Status5_5_1BadSequence, Text: text}
	return fmt.Errorf("%w: %w", err, c.hangUp(err))
}

// welcome says whether recipients may be named at all from this address.
func (c *conn) welcome(to mail.Address) error {
	if c.unwelcome == nil || strings.EqualFold(to.Local, "postmaster") {
		return nil
	}
	return c.unwelcome
}

// withinRates says whether the peer's address may have one more of what m counts.
func (c *conn) withinRates(m *meter, what string) error {
	if !c.guarded() || m.take(c.peer.Addr, time.Now(), 1) {
		return nil
	}
	return &Error{Code: 451, Status: mail.Status4_7_0TryLater, Text: "Too many " + what + " from your network, try again later"}
}

// tarpit makes trying names out slow. Two wrong ones are a mistake that people
// make, and cost nothing.
func (c *conn) tarpit() {
	if !c.guarded() {
		return
	}
	c.server.meters.refused.take(c.peer.Addr, time.Now(), 1)
	if first := c.server.options.Guards.Tarpit; first > 0 && c.badRcpts > 2 {
		c.pause(min(first<<min(c.badRcpts-3, 20), maxTarpit))
	}
}

// pause does nothing for a while. Shutdown and Cut end it.
func (c *conn) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wake:
	case <-c.ctx.Done():
	}
}
