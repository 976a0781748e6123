package office

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// TestRoutes: mail that waits for a smart host which is not there goes straight to the
// recipients' own servers when the administrator says so, and a domain can have a way of
// its own.
func TestRoutes(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.21:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	smart, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.22"), port)))
	if err != nil {
		t.Fatal(err)
	}
	defer smart.Close()
	var far, provider mx
	go far.serve(t, l)
	go provider.serve(t, smart)
	world := resolvertest.New(t, map[string]string{"far.test": "@ MX 10 mx\nmx A 127.0.0.21", "near.test": "@ MX 10 mx.far.test."})
	o := startOffice(t, t.TempDir(), func(options *Options) { options.Outgoing = Outgoing{DNS: world.Client(), Port: port} })
	o.setUpNow(t, 0)
	api := o.api(t, "admin")
	got := func(m *mx, what string) func() bool {
		return func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return strings.Contains(strings.Join(m.got, "\n"), what)
		}
	}
	dead := map[string]any{"way": "smarthost", "host": "127.0.0.23", "port": port, "tls": "none"}
	api.do("PUT", "/api/routes/*", dead, nil)
	var trial struct {
		Well bool
		Text string
	}
	api.do("POST", "/api/routes/test", map[string]any{"domain": "far.test"}, &trial)
	if trial.Well || !strings.Contains(trial.Text, "does not answer") {
		t.Errorf("the test of a dead smart host says %+v", trial)
	}
	if err := o.submit(t, "bob@far.test", "Subject: by nobody\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it was tried", func() bool {
		items, _, err := o.queue.List(t.Context(), queue.Filter{}, queue.Page{})
		return err == nil && len(items) == 1 && items[0].To[0].Tries == 1
	})
	if h := o.queue.Stats().Hops; len(h) != 1 || !strings.HasPrefix(h[0].Via, "127.0.0.23:") {
		t.Errorf("it waits for %+v; want the smart host", h)
	}
	api.do("PUT", "/api/routes/near.test", map[string]any{"way": "smarthost", "host": "127.0.0.22", "port": port, "tls": "none"}, nil)
	api.do("DELETE", "/api/routes/*", nil, nil)
	eventually(t, "the domain's own server has it", got(&far, "Subject: by nobody"))
	if err := o.submit(t, "bob@near.test", "Subject: by the provider\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the provider has what is for near.test", got(&provider, "Subject: by the provider"))
	if got(&far, "Subject: by the provider")() {
		t.Error("near.test's own server has it too")
	}
	api.do("POST", "/api/routes/test", map[string]any{"domain": "near.test"}, &trial)
	if !trial.Well {
		t.Errorf("the test of the provider says %+v", trial)
	}
	if s := o.schedule("far.test"); s.GiveUp != 5*24*time.Hour {
		t.Errorf("the usual schedule is %+v", s)
	}
	api.do("PUT", "/api/routes/far.test", map[string]any{"give_up": "24h", "pauses": []string{"10m"}}, nil)
	if s := o.schedule("far.test"); s.GiveUp != 24*time.Hour || len(s.Pauses) != 1 || s.Then != 2*time.Hour {
		t.Errorf("far.test's schedule is %+v", s)
	}
}

// TestRoutesOutlive: a start with mail that waits knows the routes before it plans.
func TestRoutesOutlive(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	world := resolvertest.New(t, map[string]string{"far.test": "@ MX 10 mx\nmx A 127.0.0.21"})
	out := func(options *Options) { options.Outgoing = Outgoing{DNS: world.Client(), Port: 9} }
	o := startOffice(t, data, out)
	o.setUpNow(t, 0)
	api := o.api(t, "admin")
	api.do("PUT", "/api/routes/far.test", map[string]any{"way": "smarthost", "host": "127.0.0.24", "port": 9, "tls": "none"}, nil)
	day := strings.ToLower(time.Now().UTC().AddDate(0, 0, 3).Weekday().String()[:3])
	api.do("PUT", "/api/send-window", map[string]any{"window": []string{day + " 12:00-12:30"}}, nil)
	if err := o.submit(t, "bob@far.test", "Subject: waits\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := o.submit(t, "bob@"+testDomain, "Subject: does not wait\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := o.fetch(t, "bob"); len(got) != 1 {
		t.Errorf("bob has %d messages; want the one from inside", len(got))
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, data, out)
	s := o.queue.Stats()
	if s.Opens.IsZero() || len(s.Hops) != 1 || s.Hops[0].Via != "127.0.0.24:9" || s.Hops[0].Waiting != 1 {
		t.Errorf("after a start the queue stands at %+v", s)
	}
	items, _, err := o.queue.List(t.Context(), queue.Filter{}, queue.Page{})
	if err != nil || len(items) != 1 || items[0].To[0].Tries != 0 {
		t.Fatalf("the queue has %+v, %v; want one that was not tried", items, err)
	}
	if n, err := (turner{o.Office}).Turn(t.Context(), &mail.Peer{Addr: netip.MustParseAddr("127.0.0.1")}, "far.test", false); err != nil || n != 1 {
		t.Errorf("ETRN = %d, %v; want 1", n, err)
	}
	eventually(t, "ETRN has it tried", func() bool {
		it, err := o.queue.Show(t.Context(), items[0].ID)
		return err == nil && it.To[0].Tries == 1
	})
}
