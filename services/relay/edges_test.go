package relay

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xdg-go/scram"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestTooMany has a server that takes two recipients at a time, and says so in the
// two ways there are.
func TestTooMany(t *testing.T) {
	t.Parallel()
	for _, refusal := range []string{"452 4.5.3 too many", "552 too many"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			bodies := 0
			w.hosts["192.0.2.1:25"] = func(c net.Conn) {
				in := bufio.NewScanner(c)
				say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
				say("220 hi")
				for n := 0; in.Scan(); {
					switch line := in.Text(); {
					case strings.HasPrefix(line, "EHLO"):
						say("250-hi\r\n250 PIPELINING")
					case strings.HasPrefix(line, "MAIL"):
						n = 0
						say("250 ok")
					case strings.HasPrefix(line, "RCPT"):
						if n++; n > 2 {
							say(refusal)
						} else {
							say("250 ok")
						}
					case line == "DATA":
						say("354 go")
						for in.Scan() && in.Text() != "." {
						}
						bodies++
						say("250 taken")
					default:
						say("221 bye")
						return
					}
				}
			}
			got := w.client(t).Send(t.Context(), job("peer.test", testMessage, "a", "b", "c", "d", "e"))
			for _, a := range got {
				if a.Fate != mail.FateRelayed {
					t.Errorf("%s: got %s", refusal, fates(got))
					break
				}
			}
			if bodies != 3 {
				t.Errorf("%s: the message was sent %d times, want 3", refusal, bodies)
			}
		})
	}
}

// TestRefusedOnTheWay has a server that refuses a large message while it comes, and
// closes: its words are what is told.
func TestRefusedOnTheWay(t *testing.T) {
	t.Parallel()
	for _, ehlo := range []string{"250 8BITMIME", "250 CHUNKING", "250-CHUNKING\r\n250 PIPELINING"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hosts["192.0.2.1:25"] = func(c net.Conn) {
				in := bufio.NewReader(c)
				say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
				say("220 hi")
				for {
					line, err := in.ReadString('\n')
					switch {
					case err != nil:
						return
					case strings.HasPrefix(line, "EHLO"):
						say("250-hi\r\n" + ehlo)
					case strings.HasPrefix(line, "DATA"):
						say("354 go")
						_, _ = io.CopyN(io.Discard, in, 100_000)
						say("552 5.3.4 enough of that")
						return
					case strings.HasPrefix(line, "BDAT"):
						n, _ := strconv.ParseInt(strings.Fields(line)[1], 10, 64)
						_, _ = io.CopyN(io.Discard, in, n)
						say("552 5.3.4 enough of that")
					default:
						say("250 ok")
					}
				}
			}
			got := w.client(t).Send(t.Context(), job("peer.test", strings.Repeat("0123456789\r\n", 200_000), "one"))
			if fates(got) != "failed 552 5.3.4" {
				t.Errorf("%q: got %s %q", ehlo, fates(got), got[0].Reply.Text)
			}
		})
	}
}

// TestSlowReader holds that a server that reads a little now and then is left.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hosts["192.0.2.1:25"] = func(c net.Conn) {
			in := bufio.NewReaderSize(c, 16)
			_, _ = io.WriteString(c, "220 hi\r\n")
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if !strings.HasPrefix(line, "DATA") {
					_, _ = io.WriteString(c, "250 ok\r\n")
					continue
				}
				_, _ = io.WriteString(c, "354 go\r\n")
				for {
					time.Sleep(2 * time.Minute)
					if _, err := io.CopyN(io.Discard, in, 4000); err != nil {
						return
					}
				}
			}
		}
		began := time.Now()
		got := w.client(t).Send(t.Context(), job("peer.test", strings.Repeat("0123456789\r\n", 1_000_000), "one"))
		if took := time.Since(began); fates(got) != "deferred 0 4.4.2" || took > 3*time.Hour {
			t.Errorf("got %s %q after %s", fates(got), got[0].Reply.Text, took)
		}
	})
}

func TestDeliverBy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ehlo   []string
		left   time.Duration
		notify bool
		trace  bool
		want   string
		says   string
	}{
		{[]string{"DELIVERBY 60"}, time.Hour, false, false, "relayed 250 2.0.0", " BY=3600;R\n"},
		{[]string{"DELIVERBY 60"}, time.Hour, false, true, "relayed 250 2.0.0", " BY=3600;RT\n"},
		{[]string{"DELIVERBY 60"}, -time.Minute, true, false, "relayed 250 2.0.0", " BY=-60;N\n"},
		{[]string{"DELIVERBY 60"}, -time.Minute, true, true, "relayed 250 2.0.0", " BY=-60;NT\n"},
		{[]string{"DELIVERBY 7200"}, time.Hour, false, false, "failed 0 5.3.3", ""},
		{[]string{"DELIVERBY"}, time.Second / 2, false, false, "failed 0 5.3.3", ""}, // BY=0;R is no parameter
		{nil, time.Hour, false, true, "failed 0 5.3.3", ""},
		{nil, time.Hour, true, true, "relayed 250 2.0.0", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := &server{ehlo: test.ehlo}
			w.hosts["192.0.2.1:25"] = s.serve
			j := job("peer.test", testMessage, "one")
			j.Wishes = mail.Wishes{By: time.Now().Add(test.left), ByNotify: test.notify, ByTrace: test.trace}
			got := w.client(t).Send(t.Context(), j)
			if said := strings.Join(s.said(), "\n"); fates(got) != test.want || !strings.Contains(said, test.says) || test.says == "" && strings.Contains(said, " BY=") {
				t.Errorf("%+v: got %s, said %q", test, fates(got), said)
			}
		})
	}
}

// TestScram logs in at a server that proves that it knows the password, and at one
// that only says so.
func TestScram(t *testing.T) {
	t.Parallel()
	for _, honest := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Add(t, "peer.test", "smart A 192.0.2.5")
			w.hosts["192.0.2.5:25"] = func(c net.Conn) { serveScram(c, honest) }
			client := w.client(t, func(o *Options) {
				o.Route = func(mail.Hop) Route {
					return Route{Host: "smart.peer.test", Transport: TransportClear, User: "box", Password: "secret"}
				}
			})
			want := "deferred 0 4.7.8"
			if honest {
				want = "relayed 250 2.0.0"
			}
			if got := client.Send(t.Context(), job("peer.test", testMessage, "one")); fates(got) != want {
				t.Errorf("honest %t: got %s %q", honest, fates(got), got[0].Reply.Text)
			}
		})
	}
}

// serveScram is a session with SCRAM-SHA-256 by the library's server.
func serveScram(c net.Conn, honest bool) {
	var peer server
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 hi")
	line, _ := in.ReadString('\n')
	say("250-%s\r\n250 AUTH SCRAM-SHA-256 PLAIN", strings.Fields(line)[1])
	client, _ := scram.SHA256.NewClient("box", "secret", "")
	stored, _ := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
	server, _ := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	conversation := server.NewConversation()
	line, _ = in.ReadString('\n')
	step := strings.TrimSpace(strings.TrimPrefix(line, "AUTH SCRAM-SHA-256 "))
	for !conversation.Done() {
		text, _ := base64.StdEncoding.DecodeString(step)
		answer, err := conversation.Step(string(text))
		if err != nil {
			say("535 5.7.8 no")
			return
		}
		if conversation.Done() && !honest {
			break
		}
		say("334 %s", base64.StdEncoding.EncodeToString([]byte(answer)))
		if step, err = in.ReadString('\n'); err != nil {
			return
		}
		step = strings.TrimSpace(step)
	}
	say("235 2.7.0 welcome")
	peer.commands(c, in)
}
