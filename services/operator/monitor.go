package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// collector is who gets the box's log, as the API has it.
type collector struct {
	Transport string `json:"transport"`
	Host      string `json:"host"`
	Port      uint16 `json:"port"`
	CA        string `json:"ca,omitempty"`
}

// monitorShow says who watches over the box.
func monitorShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var m struct {
			Syslog   *collector `json:"syslog"`
			Sent     int        `json:"sent"`
			LastSent time.Time  `json:"last_sent"`
			Problem  string     `json:"problem"`
			Metrics  bool       `json:"metrics"`
			Letters  bool       `json:"letters"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/monitor", nil, &m); err != nil {
			return err
		}
		switch {
		case m.Syslog == nil:
			t.say("The box's log goes to nobody else")
		case m.Problem != "":
			t.say("The box's log goes to %s by %s, but does not get there: %s", m.Syslog.Host, m.Syslog.Transport, m.Problem)
		default:
			t.say("The box's log goes to %s by %s: %s messages since the start", m.Syslog.Host, m.Syslog.Transport, number(m.Sent))
		}
		if m.Metrics {
			t.say("Figures are given at %s/metrics, for their token", b.base)
		} else {
			t.say("No figures are given")
		}
		if m.Letters {
			t.say("Administrators get letters about trouble")
		} else {
			t.say("Nobody gets letters about trouble")
		}
		return nil
	})
}

// monitorSyslog says who gets the log.
func monitorSyslog(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if t.args[0] == "none" {
			return b.do(ctx, http.MethodDelete, "/api/monitor/syslog", nil, nil)
		}
		c, err := parseCollector(t.args[0])
		if err != nil {
			return err
		}
		if len(t.args) > 1 {
			text, err := readFile(t.args[1])
			if err != nil {
				return err
			}
			c.CA = string(text)
		}
		if err := b.do(ctx, http.MethodPut, "/api/monitor/syslog", c, nil); err != nil {
			return err
		}
		t.say("The box's log goes to %s from now on. boxctl monitor show says whether it gets there", c.Host)
		return nil
	})
}

// parseCollector reads udp:HOST, tcp:HOST:PORT, tls:[ADDRESS]:PORT.
func parseCollector(text string) (c collector, err error) {
	transport, rest, found := strings.Cut(text, ":")
	if !found || rest == "" {
		return c, fmt.Errorf("%w: a collector is written like tls:logs.example.com, udp:192.168.1.9 or tcp:logs.example.com:1514", errUsage)
	}
	c = collector{Transport: transport, Host: rest}
	if host, port, err := net.SplitHostPort(rest); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return c, fmt.Errorf("%w: %q is no port", errUsage, port)
		}
		c.Host, c.Port = host, uint16(n)
	}
	return c, nil
}

// onOrOff reads the command's argument.
func (t *task) onOrOff() (bool, error) {
	switch t.args[0] {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, fmt.Errorf("%w: say on or off", errUsage)
}

// monitorMetrics has figures given, or not.
func monitorMetrics(ctx context.Context, t *task) error {
	on, err := t.onOrOff()
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		if !on {
			return b.do(ctx, http.MethodDelete, "/api/monitor/metrics", nil, nil)
		}
		var answer struct {
			Token string `json:"token"`
		}
		if err := b.do(ctx, http.MethodPost, "/api/monitor/metrics", nil, &answer); err != nil {
			return err
		}
		t.say("%s", answer.Token)
		fmt.Fprintf(t.Err, "This token is shown this once, and the one of before is worth nothing any more. Prometheus gets the figures with it at %s/metrics (authorization: credentials).\n", b.base)
		return nil
	})
}

// monitorLetters has letters written, or not.
func monitorLetters(ctx context.Context, t *task) error {
	on, err := t.onOrOff()
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		return b.do(ctx, http.MethodPut, "/api/monitor/letters", map[string]bool{"on": on}, nil)
	})
}

// supportList says what a bundle would have.
func supportList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Files []struct {
				Name  string `json:"name"`
				About string `json:"about"`
			} `json:"files"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/support", nil, &answer); err != nil {
			return err
		}
		for _, f := range answer.Files {
			t.say("%s: %s", f.Name, f.About)
		}
		t.say("There is no mail, no password and no key in a bundle; what stands before the @ of addresses is veiled.")
		return nil
	})
}

// supportBundle writes a bundle.
func supportBundle(ctx context.Context, t *task) error {
	if t.flags.to == "" {
		return fmt.Errorf("%w: --to is missing: the file to write the bundle to", errUsage)
	}
	return t.onBox(func(b *box) error {
		f, err := os.OpenFile(t.flags.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already, and nothing is written over: name a file that is new", t.flags.to)
		}
		if err != nil {
			return err
		}
		err = b.fetch(ctx, "/api/support/bundle.zip", f)
		if err := errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(f.Name()) // half a bundle is none
			return err
		}
		t.say("The bundle is in %s. Look into it before you pass it on; boxctl support list says what is in it", t.flags.to)
		return nil
	})
}
