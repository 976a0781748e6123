package relay

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// everything is what a modern server offers.
func everything() []string {
	return []string{"PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "DELIVERBY 60", "MT-PRIORITY", "ENHANCEDSTATUSCODES"}
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, ehlo := range map[string][]string{
		"bare": nil, "pipelining": {"PIPELINING"}, "chunking": {"CHUNKING"}, "everything": everything(),
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := &server{ehlo: ehlo, on: map[string]string{
				"RCPT TO:<never@": "550 5.1.1 nobody", "RCPT TO:<later@": "451-4.7.1 come\r\n451 4.7.1 again",
			}}
			w.hosts["192.0.2.1:25"] = s.serve
			got := w.client(t).Send(t.Context(), job("peer.test", testMessage, "one", "never", "later", "two"))
			if got, want := fates(got), "relayed 250 2.0.0, failed 550 5.1.1, deferred 451 4.7.1, relayed 250 2.0.0"; got != want {
				t.Errorf("%s: got  %s\nwant %s", name, got, want)
			}
			if got := got[2]; got.Reply.Text != "come again" || got.Server != "mx.peer.test" || got.Addr.String() != "192.0.2.1:25" || got.To != 2 {
				t.Errorf("%s: got %+v", name, got)
			}
			if got := s.took(); !slices.Equal(got, []string{testMessage}) {
				t.Errorf("%s: the server has %q", name, got)
			}
		})
	}
}

// TestDialogue drops the connection at, is silent at, and gets a refusal of each kind
// at each step of the dialogue.
func TestDialogue(t *testing.T) {
	t.Parallel()
	steps := []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "."}
	for _, ehlo := range [][]string{nil, {"PIPELINING"}} {
		for _, step := range steps {
			for reply, want := range map[string]string{
				"":                       "deferred 0 4.4.2",
				"SILENT":                 "deferred 0 4.4.2",
				"421 4.3.2 closing":      "deferred 421 4.3.2",
				"450 not now":            "deferred 450 4.0.0",
				"550 5.7.1 no":           "failed 550 5.7.1",
				"hello":                  "deferred 0 4.5.0",
				"999 what":               "deferred 0 4.5.0",
				"250-a\r\n550 b":         "deferred 0 4.5.0",
				strings.Repeat("2", 9e3): "deferred 0 4.5.0",
				"354 4.0.0 odd":          "",
			} {
				if reply == "550 5.7.1 no" && step == "EHLO" {
					want = "relayed 250 2.0.0" // HELO is tried
				}
				if reply == "354 4.0.0 odd" {
					want = map[string]string{"greeting": "deferred 354 4.5.0", "EHLO": "deferred 354 4.5.0", "DATA": "relayed 250 2.0.0", ".": "deferred 0 4.5.0"}[step]
					if want == "" {
						want = "deferred 354 4.5.0"
					}
				}
				if reply == "SILENT" && step == "." {
					continue // the scripted server has no such state: TestLostAfterTheEnd
				}
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					s := &server{ehlo: ehlo, on: map[string]string{step: reply}}
					w.hosts["192.0.2.1:25"] = s.serve
					got := w.client(t).Send(t.Context(), job("peer.test", testMessage, "one"))
					if fates(got) != want {
						t.Errorf("%q at %s with %v: got %s (%s), want %s", reply, step, ehlo, fates(got), got[0].Reply.Text, want)
					}
					if got[0].At.IsZero() || got[0].Reply.Text == "" || got[0].Server != "mx.peer.test" {
						t.Errorf("%q at %s: got %+v", reply, step, got[0])
					}
				})
			}
		}
	}
}

func TestLostAfterTheEnd(t *testing.T) {
	t.Parallel()
	for _, ehlo := range [][]string{nil, {"CHUNKING"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := &server{ehlo: ehlo, on: map[string]string{".": "", "BDAT": ""}}
			if ehlo != nil {
				s.on["BDAT"] = "SILENT"
			}
			w.hosts["192.0.2.1:25"] = s.serve
			second := &server{}
			w.hosts["192.0.2.2:25"] = second.serve
			got := w.client(t).Send(t.Context(), job("two.test", testMessage, "one"))
			if fates(got) != "deferred 0 4.4.2" || !strings.Contains(got[0].Reply.Text, "may arrive twice") {
				t.Errorf("%v: got %s %q", ehlo, fates(got), got[0].Reply.Text)
			}
			if second.met() != 0 {
				t.Errorf("%v: the second server was asked at once", ehlo)
			}
		})
	}
}

func TestNextServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first *server // nil: does not answer
		want  string
		calls int
	}{
		"dead":      {nil, "relayed 250 2.0.0", 2},
		"refusing":  {&server{on: map[string]string{"greeting": "554 5.7.1 go away"}}, "relayed 250 2.0.0", 2},
		"greylists": {&server{on: map[string]string{"RCPT": "450 4.7.1 later"}}, "relayed 250 2.0.0", 2},
		"full":      {&server{on: map[string]string{"RCPT": "550 5.1.1 nobody"}}, "failed 550 5.1.1", 1},
		"hangs":     {&server{on: map[string]string{"greeting": "SILENT"}}, "relayed 250 2.0.0", 2},
		"too small": {&server{ehlo: []string{"SIZE 10"}}, "relayed 250 2.0.0", 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			if test.first != nil {
				w.hosts["192.0.2.1:25"] = test.first.serve
			}
			second := &server{}
			w.hosts["192.0.2.2:25"] = second.serve
			got := w.client(t).Send(t.Context(), job("two.test", testMessage, "one"))
			if fates(got) != test.want || len(w.called()) != test.calls {
				t.Errorf("%s: got %s after %v; want %s", name, fates(got), w.called(), test.want)
			}
		})
	}
}

// TestEqualServers: of servers of one preference any is asked first, and none before
// those of a better one (RFC 5321 §5.1).
func TestEqualServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Add(t, "equal.test", "@ MX 20 last\n@ MX 10 one\n@ MX 10 two\nlast A 192.0.2.53\none A 192.0.2.51\ntwo A 192.0.2.52")
		first := map[string]int{}
		for range 60 {
			before := len(w.called())
			w.client(t).Send(t.Context(), job("equal.test", testMessage, "one"))
			calls := w.called()[before:]
			if len(calls) != 3 || calls[2] != "192.0.2.53:25" {
				t.Fatalf("called %v; want all, the one of preference 20 last", calls)
			}
			first[calls[0]]++
		}
		if len(first) != 2 { // one in 2^59 by chance
			t.Errorf("called first: %v; want both of preference 10 by turns", first)
		}
	})
}

// TestAliases: a domain that is another name for one is reached where that one's mail goes,
// and a server may be given by an alias, which RFC 5321 §5.1 forbids and many do. What
// leads in a circle, or to nothing, is told apart.
func TestAliases(t *testing.T) {
	t.Parallel()
	for hop, test := range map[string]struct {
		want  string
		calls []string
	}{
		"www.aliases.test":    {"deferred 0 4.4.1", []string{"192.0.2.61:25"}},
		"bare.aliases.test":   {"deferred 0 4.4.1", []string{"192.0.2.62:25"}},
		"server.aliases.test": {"deferred 0 4.4.1", []string{"192.0.2.62:25"}},
		"lost.aliases.test":   {"failed 0 5.1.2", nil},
		"round.aliases.test":  {"deferred 0 4.4.3", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Add(t, "aliases.test", "www CNAME real\nreal MX 10 mx\nmx A 192.0.2.61\nbare CNAME host\nhost A 192.0.2.62\n"+
				"server MX 10 name\nname CNAME host\nlost CNAME nothing\nround CNAME circle\ncircle CNAME round")
			got := w.client(t).Send(t.Context(), job(hop, testMessage, "one"))
			if fates(got) != test.want || !slices.Equal(w.called(), test.calls) {
				t.Errorf("%s: got %s (%s), calls %v; want %s, %v", hop, fates(got), got[0].Reply.Text, w.called(), test.want, test.calls)
			}
		})
	}
}

// TestTwoServersAtMost holds that a message is not offered to every server of a
// domain that says "later".
func TestTwoServersAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, addr := range []string{"192.0.2.1:25", "192.0.2.2:25", "192.0.2.3:25"} {
			w.hosts[addr] = (&server{on: map[string]string{"RCPT": "450 4.7.1 later"}}).serve
		}
		got := w.client(t).Send(t.Context(), job("three.test", testMessage, "one"))
		if fates(got) != "deferred 450 4.7.1" || len(w.called()) != maxTransactions {
			t.Errorf("got %s after %v", fates(got), w.called())
		}
	})
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for hop, test := range map[string]struct {
		want  string
		calls []string
	}{
		"alone.test":         {"deferred 0 4.4.1", []string{"[2001:db8::1]:25", "192.0.2.1:25"}},
		"null.test":          {"failed 0 5.1.10", nil},
		"missing.test":       {"failed 0 5.1.2", nil},
		"loop.test":          {"failed 0 5.4.6", nil},
		"self.test":          {"failed 0 5.4.6", nil},
		"spare.test":         {"deferred 0 4.4.1", []string{"192.0.2.1:25"}},
		"gone.test":          {"failed 0 5.4.4", nil},
		"[192.0.2.7]":        {"deferred 0 4.4.1", []string{"192.0.2.7:25"}},
		"[IPv6:2001:db8::7]": {"deferred 0 4.4.1", []string{"[2001:db8::7]:25"}},
		"[127.0.0.1]":        {"failed 0 5.4.6", nil},
		"servfail.test":      {"deferred 0 4.4.3", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Fail("servfail.test", "*", resolvertest.Fault{Rcode: 2})
			got := w.client(t).Send(t.Context(), job(hop, testMessage, "one"))
			if fates(got) != test.want || !slices.Equal(w.called(), test.calls) {
				t.Errorf("%s: got %s (%s), calls %v; want %s, %v", hop, fates(got), got[0].Reply.Text, w.called(), test.want, test.calls)
			}
		})
	}
}

// TestReuse holds that a connection serves the next message, ends politely when
// nothing comes, and costs nothing when the server has closed it meanwhile.
func TestReuse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := &server{ehlo: everything()}
		w.hosts["192.0.2.1:25"] = s.serve
		c := w.client(t)
		send := func(want string, sessions int) {
			t.Helper()
			got := c.Send(t.Context(), job("peer.test", testMessage, "one"))
			if fates(got) != want || s.met() != sessions {
				t.Errorf("got %s in %d sessions; want %s in %d", fates(got), s.met(), want, sessions)
			}
		}
		send("relayed 250 2.0.0", 1)
		send("relayed 250 2.0.0", 1)
		s.on = map[string]string{"RCPT": "550 5.1.1 nobody"}
		send("failed 550 5.1.1", 1)
		s.on = map[string]string{"RCPT": "450 4.7.1 come again"}
		send("deferred 450 4.7.1", 1) // and is not asked a second time at once
		s.on = nil
		send("relayed 250 2.0.0", 1)
		if !slices.Contains(s.said(), "RSET") {
			t.Error("a transaction was begun on the rest of another")
		}
		s.on = map[string]string{"MAIL": "421 4.3.2 too old"} // as if it had closed before
		go func() { time.Sleep(time.Second) }()
		w.hosts["192.0.2.1:25"] = (&server{}).serve
		got := c.Send(t.Context(), job("peer.test", testMessage, "one"))
		if fates(got) != "relayed 250 2.0.0" {
			t.Errorf("behind a stale connection: got %s %s", fates(got), got[0].Reply.Text)
		}
		time.Sleep(idleTime + time.Second)
		synctest.Wait()
		if n := c.pool.count; n != 0 {
			t.Errorf("%d connections are idle after %s", n, idleTime)
		}
	})
}

func TestManyRecipients(t *testing.T) {
	t.Parallel()
	var locals []string
	for range 250 {
		locals = append(locals, "x")
	}
	for name, test := range map[string]struct {
		ehlo                   []string
		transactions, sessions int
	}{
		"unsaid":    {[]string{"PIPELINING"}, 3, 1},
		"rcptmax":   {[]string{"PIPELINING", "LIMITS RCPTMAX=1000"}, 1, 1},
		"mailmax":   {[]string{"PIPELINING", "LIMITS MAILMAX=1 RCPTMAX=200"}, 2, 2},
		"of chunks": {[]string{"CHUNKING"}, 3, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := &server{ehlo: test.ehlo}
			w.hosts["192.0.2.1:25"] = s.serve
			got := w.client(t).Send(t.Context(), job("peer.test", testMessage, locals...))
			for i, a := range got {
				if a.Fate != mail.FateRelayed || a.To != i {
					t.Fatalf("%s: recipient %d: got %+v", name, i, a)
				}
			}
			if len(s.took()) != test.transactions || s.met() != test.sessions {
				t.Errorf("%s: got %d transactions in %d sessions, want %d in %d", name, len(s.took()), s.met(), test.transactions, test.sessions)
			}
		})
	}
}

// TestContextEnds holds that Send ends when it is told to, wherever it is.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hosts["192.0.2.1:25"] = (&server{on: map[string]string{step: "SILENT"}}).serve
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			got := w.client(t).Send(ctx, job("peer.test", testMessage, "one"))
			if took := time.Since(began); fates(got) != "deferred 0 4.4.2" || took != time.Second {
				t.Errorf("at %s: got %s %q after %s", step, fates(got), got[0].Reply.Text, took)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := &server{ehlo: everything()}
		w.hosts["192.0.2.1:25"] = s.serve
		c := w.client(t)
		j := job("peer.test", testMessage, "one")
		j.Open = func() (mail.Content, error) { return nil, errors.New("broken disk") }
		if got := c.Send(t.Context(), j); fates(got) != "deferred 0 4.3.0" || len(w.called()) != 0 {
			t.Errorf("got %s after calls %v", fates(got), w.called())
		}
		long := strings.Repeat("x\r\n", blockSize)
		for _, ehlo := range [][]string{nil, {"CHUNKING"}} {
			s.ehlo = ehlo
			j = job("peer.test", long, "one")
			j.Size++ // a file that was cut off
			if got := c.Send(t.Context(), j); fates(got) != "deferred 0 4.3.0" || len(s.took()) != 0 {
				t.Errorf("a message cut off on our disk: got %s, and the server has %d", fates(got), len(s.took()))
			}
		}
	})
}

// TestTLS goes through what servers get wrong with STARTTLS.
func TestTLS(t *testing.T) {
	t.Parallel()
	good, _ := mailtest.TLS(t)
	broken := good.Clone()
	broken.Certificates = nil
	for name, test := range map[string]struct {
		server *server
		tls    string // how Attempt.TLS begins
		told   string
	}{
		"self-signed": {&server{tls: good}, "TLS 1.3 TLS_AES_128_GCM_SHA256, certificate not verified", `peer.test no-policy-found ""`},
		"refused":     {&server{tls: good, on: map[string]string{"STARTTLS": "454 4.7.0 not now"}}, "", `peer.test no-policy-found "starttls-not-supported"`},
		"broken":      {&server{tls: broken}, "", `peer.test no-policy-found "validation-failure"`},
		"injected":    {&server{tls: good, inject: "250 injected\r\n250 injected\r\n"}, "TLS 1.3", `peer.test no-policy-found ""`},
		"none":        {&server{}, "", `peer.test no-policy-found "starttls-not-supported"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hosts["192.0.2.1:25"] = test.server.serve
			got := w.client(t).Send(t.Context(), job("peer.test", testMessage, "one"))
			if fates(got) != "relayed 250 2.0.0" || !strings.HasPrefix(got[0].TLS, test.tls) || (test.tls == "") != (got[0].TLS == "") {
				t.Errorf("%s: got %s %q with TLS %q", name, fates(got), got[0].Reply.Text, got[0].TLS)
			}
			if told := w.results(); len(told) == 0 || told[0] != test.told {
				t.Errorf("%s: evidence %v, want %s", name, told, test.told)
			}
		})
	}
}

func TestTarpit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hosts["192.0.2.1:25"] = func(c net.Conn) {
			for { // a greeting that never ends, a byte a minute
				if _, err := c.Write([]byte("2")); err != nil {
					return
				}
				time.Sleep(time.Minute)
			}
		}
		began := time.Now()
		got := w.client(t).Send(t.Context(), job("peer.test", testMessage, "one"))
		if took := time.Since(began); fates(got) != "deferred 0 4.4.2" || took > greetTimeout+time.Second {
			t.Errorf("got %s after %s", fates(got), took)
		}
	})
}
