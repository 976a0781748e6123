package relay

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// delivery is one Send.
type delivery struct {
	c            *Client
	job          *mail.Job
	hop          mail.Hop
	body         *body
	began        time.Time
	attempts     []mail.Attempt
	done         []bool           // the attempt stands
	temporary    []bool           // some server might take it later
	transactions int              // servers that were given the envelope
	heard        []netip.AddrPort // servers that have said all they have to say of it
}

// run tries whatever serves the hop until every recipient's fate is known or there
// is nothing left to try.
func (d *delivery) run(ctx context.Context) {
	var err error
	if d.body, err = openBody(d.job); err != nil {
		d.unreadable(err)
		return
	}
	defer d.body.close()
	var route Route
	if d.c.options.Route != nil {
		route = d.c.options.Route(d.job.Hop)
	}
	if route.Host == "" {
		d.direct(ctx)
		return
	}
	if route.Direct && d.c.passedOver.has(route) {
		d.direct(ctx)
		return
	}
	d.smartHost(ctx, route)
	if route.Direct && d.transactions == 0 && ctx.Err() == nil {
		d.c.passedOver.add(route)
		d.direct(ctx)
	}
}

// unreadable: the trouble is ours, and all wait until it is mended.
func (d *delivery) unreadable(err error) {
	d.c.options.Log.Error("a message could not be read to be sent", "verb", "relay", "id", d.job.ID, "err", err)
	d.noteAll(said(status4_3_0Local, err, "the box could not read the message from its own disk"), nil)
}

// left is the recipients whose fate is open.
func (d *delivery) left() []int {
	var list []int
	for i, done := range d.done {
		if !done {
			list = append(list, i)
		}
	}
	return list
}

// place is where something happened; nil is nowhere.
type place struct {
	server string
	addr   netip.AddrPort
	tls    string
}

func (s *session) place() *place { return &place{s.server, s.addr, s.tls} }

// note remembers why a recipient was not reached this time; another server may do
// better. What a server said is not overwritten by our own words.
func (d *delivery) note(i int, p *problem, at *place) {
	if d.done[i] {
		return
	}
	d.temporary[i] = d.temporary[i] || !p.permanent()
	if d.attempts[i].Reply.Code != 0 && p.reply.Code == 0 {
		return
	}
	d.record(i, mail.FateDeferred, p.reply, p.status, at)
}

// noteAll notes a problem of all that are left.
func (d *delivery) noteAll(p *problem, at *place) {
	for _, i := range d.left() {
		d.note(i, p, at)
	}
}

// settle is the last word about a recipient in this Send.
func (d *delivery) settle(i int, fate mail.Fate, r mail.Reply, status mail.Status, at *place) {
	d.done[i] = true
	d.record(i, fate, r, status, at)
}

func (d *delivery) record(i int, fate mail.Fate, r mail.Reply, status mail.Status, at *place) {
	a := mail.Attempt{To: i, Fate: fate, Reply: r, Status: status, At: time.Now(), Took: time.Since(d.began)}
	if at != nil {
		a.Server, a.Addr, a.TLS = at.server, at.addr, at.tls
	}
	d.attempts[i] = a
}

// conclude gives what is still open its fate: failed if every server that was asked
// refused for good, deferred otherwise.
func (d *delivery) conclude() []mail.Attempt {
	for _, i := range d.left() {
		a := &d.attempts[i]
		switch {
		case a.Fate == mail.FateUnknown:
			p := said(status4_3_0Local, nil, "no server was tried")
			d.record(i, mail.FateDeferred, p.reply, p.status, nil)
		case !d.temporary[i]:
			a.Fate = mail.FateFailed
		case a.Status.Class() == 5: // of a server that is not the only one
			a.Status = 4<<16 | a.Status&0xffff
		}
	}
	return d.attempts
}

// smartHost sends all over the route's host.
func (d *delivery) smartHost(ctx context.Context, route Route) {
	key := poolKey{route: route}
	if d.reuse(ctx, key); len(d.left()) == 0 {
		return
	}
	t := &target{name: route.Host, provenName: true}
	if addr, err := netip.ParseAddr(route.Host); err == nil {
		t.addrs = []netip.AddrPort{netip.AddrPortFrom(addr, route.port())}
	} else if _, p := d.c.locate(ctx, t, route.port()); p != nil {
		p.status = 4<<16 | p.status&0xffff // a mistake of our own administrator ends no mail
		d.noteAll(p, &place{server: t.name})
		return
	}
	if len(t.addrs) == 0 {
		p := said(4<<16|status5_4_6Loop&0xffff, nil, "the smart host %s is this box itself", t.name)
		d.noteAll(p, &place{server: t.name})
		return
	}
	d.try(ctx, t, route.security(d.c), key)
}

// direct sends to the hop's own servers, best first.
func (d *delivery) direct(ctx context.Context) {
	if d.reuse(ctx, poolKey{hop: d.hop}); len(d.left()) == 0 {
		return
	}
	if ctx.Err() != nil {
		d.noteAll(lost(context.Cause(ctx), "looking for a server"), nil)
		return
	}
	if addr, ok := literal(d.job.Hop); ok {
		d.toLiteral(ctx, addr)
		return
	}
	list, p := d.c.exchangers(ctx, d.hop)
	if p != nil {
		d.noteAll(p, nil)
		return
	}
	policy := d.c.policy(ctx, d.hop)
	for len(list) > 0 && len(d.left()) > 0 && d.goesOn(ctx) {
		group := 1
		for group < len(list) && list[group].preference == list[0].preference {
			group++
		}
		if d.tryGroup(ctx, list[:group], policy) {
			return
		}
		list = list[group:]
	}
}

// tryGroup tries servers of one preference. If one of them is us it is the end of
// the list, and nothing of the group is tried (RFC 5321 §5.1).
func (d *delivery) tryGroup(ctx context.Context, group []*target, policy *stsPolicy) (us bool) {
	problems := make([]*problem, len(group))
	for i, t := range group {
		us, problems[i] = d.c.locate(ctx, t, d.c.options.Port)
		if us {
			d.noteAll(loop(d.hop), &place{server: t.name})
			return true
		}
	}
	for i, t := range group {
		if len(d.left()) == 0 || i > 0 && !d.goesOn(ctx) {
			return false
		}
		if problems[i] != nil {
			d.noteAll(problems[i], &place{server: t.name})
			continue
		}
		security, p := d.c.secure(ctx, d.hop, t, policy)
		if p != nil {
			d.noteAll(p, &place{server: t.name})
			continue
		}
		d.try(ctx, t, security, poolKey{hop: d.hop})
	}
	return false
}

// goesOn reports whether there is time and reason to try another server. If not,
// what the others would say is open.
func (d *delivery) goesOn(ctx context.Context) bool {
	if d.transactions < maxTransactions && time.Since(d.began) < searchBudget && ctx.Err() == nil {
		return true
	}
	for _, i := range d.left() {
		d.temporary[i] = true
	}
	return false
}

func (d *delivery) toLiteral(ctx context.Context, addr netip.Addr) {
	if d.c.isUs(addr) {
		d.noteAll(loop(d.hop), nil)
		return
	}
	t := &target{name: addr.String(), addrs: []netip.AddrPort{netip.AddrPortFrom(addr, d.c.options.Port)}}
	d.try(ctx, t, d.c.opportunistic(d.hop, t), poolKey{hop: d.hop})
}

// reuse sends over idle connections, if there are any.
func (d *delivery) reuse(ctx context.Context, key poolKey) {
	for len(d.left()) > 0 && ctx.Err() == nil {
		s := d.c.pool.take(key, func(s *session) bool {
			return !d.job.Wishes.RequireTLS || s.proven && s.ext.requireTLS
		})
		if s == nil {
			return
		}
		if d.transact(ctx, s) == talked {
			return
		}
	}
}

// try calls a server at its addresses until one talks.
func (d *delivery) try(ctx context.Context, t *target, security *security, key poolKey) {
	for n := 0; n < len(t.addrs) && len(d.left()) > 0; {
		if n > 0 && !d.goesOn(ctx) {
			return
		}
		addr := t.addrs[n]
		if slices.Contains(d.heard, addr) {
			return // over a connection that was kept: asked again at once, who says "later" would be right to be annoyed
		}
		s, p := d.c.open(ctx, t, addr, security, key)
		if p != nil {
			d.c.options.Log.LogAttrs(ctx, slog.LevelDebug, "a server was not reached", slog.String("server", t.name), slog.Any("addr", addr), slog.Any("err", p))
			d.noteAll(p, &place{server: t.name, addr: addr})
			n++
			continue
		}
		switch d.transact(ctx, s) {
		case talked:
			return
		case worn: // the rest of the recipients goes over a new connection to it
		}
	}
}
