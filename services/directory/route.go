package directory

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxRoutes is how many domains can have a way or a schedule of their own.
	maxRoutes = 500
	// maxRouteWord bounds a user name or a password at a provider.
	maxRouteWord = 512
	// maxPauses, and how short and long they can be: a message that is tried more often
	// than once a minute is a nuisance to its server.
	maxPauses = 30
	minPause  = time.Minute
	maxPause  = 24 * time.Hour
	// minThen keeps a hundred thousand messages from being tried for ever at the pace of
	// the first minutes.
	minThen = 5 * time.Minute
	// minDelay, minGiveUp and maxGiveUp: RFC 5321 §4.5.4.1 wants four or five days; an
	// office may know better of one domain, within reason.
	minDelay  = 10 * time.Minute
	minGiveUp = time.Hour
	maxGiveUp = 30 * 24 * time.Hour
)

// SetRoute says which way mail to a domain goes and when it is tried, in place of what
// held before; with no domain, that of all mail which has no Route of its own. The password
// stays what it was where the route has a user without one, and host and user are those
// of before. Durable and visible on return. Errors: ErrNotSetUp, mail.ErrTooMany,
// *mail.RuleError.
func (d *Directory) SetRoute(ctx context.Context, r mail.Route) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	record, err := d.routeRecord(r)
	if err != nil {
		return err
	}
	s := d.current.Load().state
	if len(s.routes) >= maxRoutes && s.routes[record.key()] == nil {
		return fmt.Errorf("directory: %d routes: %w", maxRoutes, mail.ErrTooMany)
	}
	return d.commit(ctx, kindSetRoute, *record)
}

// FillRoute is r as SetRoute would make it hold: checked, with the port and the password
// that go with it. Nothing is changed. Errors as SetRoute.
func (d *Directory) FillRoute(r mail.Route) (mail.Route, error) {
	record, err := d.routeRecord(r)
	if err != nil {
		return mail.Route{}, err
	}
	return record.open(d.key)
}

// RemoveRoute ends that for a domain; with "" for all that have no Route of their own.
// The error is mail.ErrNoRoute if there is none.
func (d *Directory) RemoveRoute(ctx context.Context, name string) error {
	canonical, err := routeDomain(name)
	if err != nil {
		return fmt.Errorf("directory: route of %q: %w", name, mail.ErrNoRoute)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetRoute, routeRecord{Domain: canonical, Gone: true})
}

// Routes lists all, by domain, without their passwords.
func (d *Directory) Routes(context.Context) ([]mail.Route, error) {
	v := d.current.Load()
	list := make([]mail.Route, 0, len(v.ways))
	for _, r := range v.ways {
		shown := *r
		shown.Password = ""
		list = append(list, shown)
	}
	slices.SortFunc(list, func(a, b mail.Route) int { return cmp.Compare(a.Domain, b.Domain) })
	return list, nil
}

// Route is what holds for mail to a domain: its own Route, that of the nearest domain
// above which is for those below too, else that of all mail; what one leaves as usual,
// the last of these says. The zero Route where nothing was set. It waits for nothing.
// What is shared in it must not be changed.
func (d *Directory) Route(name string) mail.Route {
	ways := d.current.Load().ways
	if len(ways) == 0 {
		return mail.Route{}
	}
	all := ways[""]
	found := ways.of(name)
	switch {
	case all == nil && found == nil:
		return mail.Route{}
	case found == nil:
		return *all
	case all == nil:
		return *found
	}
	r := *found
	if r.Way == mail.WayUsual {
		r = *all
		r.Domain, r.Below, r.Retries = found.Domain, found.Below, found.Retries
	}
	if r.Retries.IsZero() {
		r.Retries = all.Retries
	}
	return r
}

// routes are those of a view, with their passwords.
type routes map[domain.Name]*mail.Route

func (all routes) of(name string) *mail.Route {
	canonical, err := domain.Canonical(name)
	if err != nil || canonical == "" {
		return nil
	}
	if r := all[canonical]; r != nil {
		return r
	}
	for rest := string(canonical); ; {
		_, above, found := strings.Cut(rest, ".")
		if !found {
			return nil
		}
		if r := all[domain.Name(above)]; r != nil && r.Below {
			return r
		}
		rest = above
	}
}

// SetWindow says when mail leaves the office; no periods: at any time. Durable and
// visible on return. Errors: ErrNotSetUp, *mail.RuleError.
func (d *Directory) SetWindow(ctx context.Context, w mail.Window) error {
	if err := w.Check(); err != nil {
		return err
	}
	record := routeRecord{Window: true, Gone: len(w) == 0}
	for _, p := range w {
		record.Periods = append(record.Periods, periodRecord(p))
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetRoute, record)
}

// Window is when mail leaves, by the clocks of the office. It waits for nothing; the list
// is shared: don't change it.
func (d *Directory) Window() mail.Window { return d.current.Load().window }

func routeDomain(name string) (domain.Name, error) {
	if name == "" {
		return "", nil
	}
	return domain.Canonical(name)
}

// routeRecord checks a route and makes its record. The password is looked up in what
// holds now.
func (d *Directory) routeRecord(r mail.Route) (*routeRecord, error) {
	name, err := routeDomain(r.Domain)
	if err != nil {
		return nil, &mail.RuleError{Field: "domain", Text: "This is not a domain name: write it like example.com, without an @", Err: err}
	}
	record := &routeRecord{
		Domain: name, Below: r.Below && name != "", Way: string(r.Way),
		Pauses: r.Retries.Pauses, Then: r.Retries.Then, Delay: r.Retries.Delay, GiveUp: r.Retries.GiveUp,
	}
	if err := checkRetries(&r.Retries); err != nil {
		return nil, err
	}
	switch r.Way {
	case mail.WayUsual, mail.WayDirect:
		if r.Host != "" || r.User != "" || r.Password != "" || r.Port != 0 || r.FallBack || r.Pin != (mail.KeyPin{}) {
			return nil, &mail.RuleError{Field: "host", Text: "This goes with a smart host only"}
		}
		if r.Way == mail.WayUsual && r.Retries.IsZero() {
			return nil, &mail.RuleError{Field: "way", Text: "This says nothing that is not so already: give a way or a schedule, or remove it"}
		}
		return record, nil
	case mail.WaySmartHost:
		return record, d.smartHost(record, r)
	}
	return nil, &mail.RuleError{Field: "way", Text: "The way is direct or smarthost, or left out"}
}

func (d *Directory) smartHost(record *routeRecord, r mail.Route) error {
	host, err := domain.Canonical(r.Host)
	if addr, addrErr := netip.ParseAddr(r.Host); addrErr == nil && addr.Zone() == "" {
		host, err = domain.Name(addr.Unmap().String()), nil
	}
	if err != nil || host == "" {
		return &mail.RuleError{Field: "host", Text: "This is not the name of a server: write it like smtp.example.com"}
	}
	record.Host, record.Port, record.TLS, record.User, record.FallBack = string(host), r.Port, string(r.TLS), r.User, r.FallBack
	ports := map[mail.RouteTLS]uint16{mail.RouteSTARTTLS: 587, mail.RouteImplicit: 465, mail.RouteClear: 25}
	if r.TLS == "" {
		record.TLS = string(mail.RouteSTARTTLS)
		if r.Port == ports[mail.RouteImplicit] {
			record.TLS = string(mail.RouteImplicit)
		}
	}
	usual, known := ports[mail.RouteTLS(record.TLS)]
	if !known {
		return &mail.RuleError{Field: "tls", Text: "TLS is starttls, implicit or none"}
	}
	if r.Port == 0 {
		record.Port = usual
	}
	if r.Pin != (mail.KeyPin{}) {
		if record.TLS == string(mail.RouteClear) {
			return &mail.RuleError{Field: "pin", Text: "Without encryption the server shows no key that could be pinned"}
		}
		record.Pin = r.Pin[:]
	}
	password := r.Password
	if known := d.current.Load().ways[record.Domain]; password == "" && r.User != "" && known != nil && known.Host == record.Host && known.User == r.User {
		password = known.Password
	}
	for field, text := range map[string]string{"user": r.User, "password": password} {
		if len(text) > maxRouteWord || strings.ContainsFunc(text, unicode.IsControl) {
			return &mail.RuleError{Field: field, Text: "This is too long, or has characters in it that can't be typed"}
		}
	}
	switch {
	case r.User != "" && password == "":
		return &mail.RuleError{Field: "password", Text: "The password that goes with the user is missing"}
	case r.User == "" && password != "":
		return &mail.RuleError{Field: "user", Text: "The user that goes with the password is missing"}
	case r.User != "":
		record.Password = d.key.Seal(record.purpose(), password)
	}
	return nil
}

// checkRetries keeps a schedule within sane bounds, together with what it leaves as
// usual.
func checkRetries(r *mail.Retries) error {
	wrong := func(field, format string, args ...any) error {
		return &mail.RuleError{Field: field, Text: fmt.Sprintf(format, args...)}
	}
	if len(r.Pauses) > maxPauses {
		return wrong("pauses", "There can be %d pauses at most", maxPauses)
	}
	for _, p := range r.Pauses {
		if p < minPause || p > maxPause {
			return wrong("pauses", "A pause is from a minute to a day long")
		}
	}
	if r.Then != 0 && (r.Then < minThen || r.Then > maxPause) {
		return wrong("then", "The pause between later tries is from five minutes to a day long")
	}
	if r.GiveUp != 0 && (r.GiveUp < minGiveUp || r.GiveUp > maxGiveUp) {
		return wrong("give_up", "Mail is given up after an hour at the earliest and thirty days at the latest")
	}
	if r.Delay != 0 && (r.Delay < minDelay || r.Delay > maxGiveUp) {
		return wrong("delay", "The sender is told that it takes long after ten minutes at the earliest and thirty days at the latest")
	}
	return nil
}

// purpose binds the password to the server that it is for: a changed record can't send
// it to another.
func (r *routeRecord) purpose() string {
	return fmt.Sprintf("route of %s: %s at %s", r.Domain, r.User, r.Host)
}

// open is the route with the password in clear; with an error without it.
func (r *routeRecord) open(key *auth.Key) (mail.Route, error) {
	route := mail.Route{
		Domain: string(r.Domain), Below: r.Below, Way: mail.Way(r.Way), Host: r.Host, Port: r.Port, TLS: mail.RouteTLS(r.TLS), User: r.User, FallBack: r.FallBack,
		Retries: mail.Retries{Pauses: r.Pauses, Then: r.Then, Delay: r.Delay, GiveUp: r.GiveUp},
	}
	copy(route.Pin[:], r.Pin)
	if len(r.Password) == 0 {
		return route, nil
	}
	var err error
	if route.Password, err = key.Open(r.purpose(), r.Password); err != nil {
		return route, fmt.Errorf("directory: password of %s at %s: %w", r.User, r.Host, err)
	}
	return route, nil
}

// openRoutes is what readers get of the routes.
func (d *Directory) openRoutes(v *view) {
	v.ways = make(routes, len(v.routes))
	for _, r := range v.routes {
		if r.Window {
			for _, p := range r.Periods {
				v.window = append(v.window, mail.Period(p))
			}
			continue
		}
		route, err := r.open(d.key)
		if err != nil {
			d.log.Error("directory: a password at a smart host can't be opened", "err", err)
		}
		v.ways[r.Domain] = &route
	}
}

// key is that of the record in the state and in the index.
func (r *routeRecord) key() string {
	if r.Window {
		return "window"
	}
	return "." + string(r.Domain)
}

func (s *state) setRoute(r *routeRecord) ([]entry, error) {
	key := r.key()
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case len(r.Pin) != 0 && len(r.Pin) != len(mail.KeyPin{}):
		return nil, fmt.Errorf("directory: route of %q: a pin of %d bytes", r.Domain, len(r.Pin))
	case r.Gone && !r.Window && s.routes[key] == nil:
		return nil, fmt.Errorf("directory: route of %q: %w", r.Domain, mail.ErrNoRoute)
	case r.Gone:
		delete(s.routes, key)
	default:
		s.routes[key] = r
	}
	return []entry{{bucketRoutes, []byte(key)}}, nil
}
