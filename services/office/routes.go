package office

import (
	"cmp"
	"context"
	"hash/maphash"
	"net"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/relay"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// leaves says whether mail leaves the office: not where the set-up says so, until
// somebody gives all mail a way.
func (o *Office) leaves() bool {
	box, ok := o.directory.Box()
	return ok && (box.Outbound.Mode != setup.OutboundNone || o.directory.Route("").Way != mail.WayUsual)
}

// usual is the way of the set-up.
func (o *Office) usual() mail.Route {
	box, _ := o.directory.Box()
	out := box.Outbound
	if out.Mode != setup.OutboundSmartHost {
		return mail.Route{Way: mail.WayDirect}
	}
	return mail.Route{Way: mail.WaySmartHost, Host: out.Host, Port: out.Port, TLS: mail.RouteTLS(out.TLS), User: out.User, Password: out.Password}
}

// route is the way to a Hop: its own servers, or a provider's.
func (o *Office) route(hop mail.Hop) relay.Route {
	if spare, _ := o.directory.Spare(mail.Address{Local: "postmaster", Domain: string(hop)}); spare {
		return relay.Route{} // to the domain's own server, whatever the way to others is
	}
	r := o.directory.Route(string(hop))
	if r.Way == mail.WayUsual {
		r = o.usual()
	}
	return relayRoute(r)
}

// relayRoute is a route as the relay takes it.
func relayRoute(r mail.Route) relay.Route {
	if r.Way != mail.WaySmartHost {
		return relay.Route{}
	}
	transports := map[mail.RouteTLS]relay.Transport{mail.RouteImplicit: relay.TransportTLS, mail.RouteClear: relay.TransportClear} // else STARTTLS, the safe one
	return relay.Route{Host: r.Host, Port: r.Port, Transport: transports[r.TLS], Pin: relay.Pin(r.Pin), User: r.User, Password: r.Password, Direct: r.FallBack}
}

// ways says where mail waits together. What goes to a smart host or, while that can't be
// reached, to the Hop's own servers waits for each Hop alone: that a Hop's servers are
// dead says nothing of the others'.
func (o *Office) ways() func(mail.Hop) queue.Way {
	seed := maphash.MakeSeed()
	return func(hop mail.Hop) queue.Way {
		r := o.route(hop)
		if r.Host == "" || r.Direct {
			return queue.Way{}
		}
		return queue.Way{Host: net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port))), Settings: maphash.Comparable(seed, r)}
	}
}

// schedule is when mail to a Hop is tried.
func (o *Office) schedule(hop mail.Hop) queue.Schedule {
	s := queue.DefaultSchedule()
	r := o.directory.Route(string(hop)).Retries
	if len(r.Pauses) > 0 {
		s.Pauses = r.Pauses
	}
	s.Then, s.Delay, s.GiveUp = cmp.Or(r.Then, s.Then), cmp.Or(r.Delay, s.Delay), cmp.Or(r.GiveUp, s.GiveUp)
	return s
}

// window is when mail leaves, by the clocks of the office.
func (o *Office) window(at time.Time) (open bool, until time.Time) {
	return o.directory.Window().At(at.In(o.zone()))
}

// routeBook is what people may change of all this. What waits goes by the new rules.
type routeBook struct{ o *Office }

// Usual is the way of the set-up.
func (b routeBook) Usual() mail.Route {
	r := b.o.usual()
	r.Password = ""
	return r
}

// Routes lists all.
func (b routeBook) Routes(ctx context.Context) ([]mail.Route, error) {
	return b.o.directory.Routes(ctx)
}

// SetRoute says which way mail to a domain goes.
func (b routeBook) SetRoute(ctx context.Context, r mail.Route) error {
	if err := b.o.directory.SetRoute(ctx, r); err != nil {
		return err
	}
	b.o.queue.Replan()
	return nil
}

// RemoveRoute ends that.
func (b routeBook) RemoveRoute(ctx context.Context, domain string) error {
	if err := b.o.directory.RemoveRoute(ctx, domain); err != nil {
		return err
	}
	b.o.queue.Replan()
	return nil
}

// Window is when mail leaves.
func (b routeBook) Window() mail.Window { return b.o.directory.Window() }

// SetWindow changes that.
func (b routeBook) SetWindow(ctx context.Context, w mail.Window) error {
	if err := b.o.directory.SetWindow(ctx, w); err != nil {
		return err
	}
	b.o.queue.Replan()
	return nil
}

// TryRoute tries a route without sending anything.
func (b routeBook) TryRoute(ctx context.Context, r mail.Route) (mail.RouteTrial, error) {
	route := b.o.route(mail.Hop(r.Domain))
	if r.Way != mail.WayUsual {
		full, err := b.o.directory.FillRoute(r)
		if err != nil {
			return mail.RouteTrial{}, err
		}
		route = relayRoute(full)
	}
	if route.Host == "" && r.Domain == "" {
		return mail.RouteTrial{Well: true, Text: "Mail goes to the recipients' own servers: name a domain to try those of that"}, nil
	}
	found := b.o.relay.Try(ctx, mail.Hop(r.Domain), route)
	text, advice := found.Words(route)
	return mail.RouteTrial{Well: found.Err == nil, Server: found.Server, TLS: found.TLS, Pin: mail.KeyPin(found.Pin), Text: text, Advice: advice}, nil
}
