package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// trialBudget is how long a person waits for what came of a trial.
const trialBudget = time.Minute

// Trial is what came of trying a route.
type Trial struct {
	Server string // that was tried last
	Addr   netip.AddrPort
	TLS    string // as in mail.Attempt
	Pin    Pin    // of the key that the server showed last; zero: it showed none
	Err    error  // nil: all was well
	Fault  Fault  // what Err is about
}

// Fault is what a trial failed by.
type Fault uint8

// The faults.
const (
	FaultNone       Fault = iota
	FaultName             // the server's name, or DNS
	FaultConnection       // nobody answers, or nothing that makes sense
	FaultTLS              // no encryption that is good enough
	FaultLogin            // user or password
)

// Try goes as far as a message for the hop would go on the route, up to where it would
// be handed over, and ends the connection. Nothing is sent, and no connection that is
// kept is used. It takes a minute at most.
func (c *Client) Try(ctx context.Context, hop mail.Hop, route Route) Trial {
	ctx, cancel := context.WithTimeout(ctx, trialBudget)
	defer cancel()
	targets, p := c.trialTargets(ctx, fold(hop), route)
	trial := Trial{Server: route.Host}
	if p != nil {
		trial.Err, trial.Fault = p, FaultName
		return trial
	}
	for _, t := range targets {
		var security *security
		if route.Host != "" {
			security = route.security(c)
		} else if security, p = c.secure(ctx, fold(hop), t, c.policy(ctx, fold(hop))); p != nil {
			trial = Trial{Server: t.name, Err: p, Fault: FaultTLS}
			continue
		}
		for _, addr := range t.addrs {
			if trial = c.tryAt(ctx, t, addr, security, route); trial.Err == nil || ctx.Err() != nil {
				return trial
			}
		}
	}
	return trial
}

// trialTargets finds the servers that a message would be brought to, with addresses.
func (c *Client) trialTargets(ctx context.Context, hop mail.Hop, route Route) ([]*target, *problem) {
	if route.Host != "" {
		t := &target{name: route.Host, provenName: true}
		if addr, err := netip.ParseAddr(route.Host); err == nil {
			t.addrs = []netip.AddrPort{netip.AddrPortFrom(addr, route.port())}
			return []*target{t}, nil
		}
		if us, p := c.locate(ctx, t, route.port()); p != nil {
			return nil, p
		} else if us && len(t.addrs) == 0 {
			return nil, said(status5_4_6Loop, nil, "the server %s is this box itself", route.Host)
		}
		return []*target{t}, nil
	}
	list, p := c.exchangers(ctx, hop)
	if p != nil {
		return nil, p
	}
	var found []*target
	for _, t := range list {
		us, problem := c.locate(ctx, t, c.options.Port)
		if us {
			p = loop(hop)
			break
		}
		if problem != nil {
			p = problem
			continue
		}
		found = append(found, t)
	}
	if len(found) == 0 {
		return nil, p
	}
	return found, nil
}

// tryAt is Try at one address.
func (c *Client) tryAt(ctx context.Context, t *target, addr netip.AddrPort, policy *security, route Route) Trial {
	trial := Trial{Server: t.name, Addr: addr}
	watched := *policy
	watched.tell = untold // a trial is no evidence of how mail fares
	watched.check = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) > 0 {
			trial.Pin = PinOf(state.PeerCertificates[0])
		}
		if policy.check == nil {
			return nil
		}
		return policy.check(state)
	}
	if policy.check == nil {
		watched.words = "certificate not verified"
	}
	s, p := c.open(ctx, t, addr, &watched, poolKey{route: route})
	if p == nil {
		leave := s.attend(ctx)
		trial.TLS = s.tls
		s.quit()
		leave()
		return trial
	}
	trial.Err = p
	switch {
	case p.status == status4_7_8Login:
		trial.Fault = FaultLogin
	case errors.Is(p, errHandshake), p.status == status4_7_4TLSMissing, p.status == status4_7_5TLSUnverified:
		trial.Fault = FaultTLS
	default:
		trial.Fault = FaultConnection
	}
	return trial
}

// Words says what came of it, and what to do about that.
func (t *Trial) Words(route Route) (text, advice string) {
	at := t.Server
	if t.Addr.IsValid() {
		at = fmt.Sprintf("%s (%s)", t.Server, t.Addr)
	}
	switch t.Fault {
	case FaultNone:
		text = at + " answers"
		if t.TLS == "" {
			text += ", without encryption"
		} else {
			text += ", encrypted (" + t.TLS + ")"
		}
		if route.User != "" {
			text += ", and takes the user name and the password"
		}
		return text, ""
	case FaultName:
		return "The server can't be found: " + t.Err.Error(), "Check how its name is spelled; if that is right, ask the provider, or try again in some minutes."
	case FaultLogin:
		return fmt.Sprintf("%s does not take the log-in: %v", at, t.Err), "Check user name and password with the provider. Some want the whole address as the user name, and some a password made for programs."
	case FaultTLS:
		advice = "Check the port with the provider: usually 465 goes with implicit and 587 with starttls."
		if t.Pin != (Pin{}) {
			advice = "Check that the name is the one that the provider gives. If its certificate is one that no authority vouches for, and it is surely its own, pin its key."
			if errors.Is(t.Err, errPin) {
				advice = "If the provider says that it has a new key, pin that; else somebody may be in between."
			}
		}
		return fmt.Sprintf("%s has no encryption that can be relied on: %v", at, t.Err), advice
	}
	return fmt.Sprintf("%s can't be used: %v", at, t.Err), "Check name and port. If they are right, the line or the provider may block it, or the server may be out of order: try again later."
}
