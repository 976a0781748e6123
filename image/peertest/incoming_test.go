package peertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// incoming is mail from the peer to the box.
func (r *trial) incoming(t *testing.T) {
	bob := "bob@" + r.p.domain()
	r.try(t, "from peer: in the clear", func(t *testing.T) {
		l := newLetter(bob, clear)
		l.inject(t, r.p)
		got := r.comes(t, clear, l.token)
		if way := received(got); !strings.Contains(way, "with ESMTP ") || !l.same(got) {
			t.Errorf("it came like this: %s\n%s", way, got)
		}
	})
	r.try(t, "from peer: STARTTLS, SPF", func(t *testing.T) {
		l := newLetter(bob, alice)
		l.inject(t, r.p)
		got := r.comes(t, alice, l.token)
		if way := received(got); !strings.Contains(way, "with ESMTPS ") || !l.same(got) {
			t.Errorf("it came like this: %s\n%s", way, got)
		}
		for _, want := range []string{"spf=pass", "iprev=pass"} {
			if !strings.Contains(got, want) {
				t.Errorf("there is no %s in\n%s", want, got)
			}
		}
	})
	r.try(t, "from peer: 8BITMIME", func(t *testing.T) {
		l := newLetter(bob, alice)
		l.options.Body, l.body = smtp.Body8BitMIME, "Përshëndetje nga Tirana — поздрав\r\n"
		l.inject(t, r.p)
		if got := r.comes(t, alice, l.token); !l.same(got) {
			t.Errorf("it came as\n%s", got)
		}
	})
	r.try(t, "from peer: SMTPUTF8", func(t *testing.T) {
		if !r.p.can("SMTPUTF8") {
			t.Skip("the peer takes no such mail")
		}
		l := newLetter(bob, "šaban@box.test")
		l.options.UTF8, l.subject = true, "Përshëndetje "
		l.inject(t, r.p)
		if got := r.comes(t, "šaban@box.test", l.token); !l.same(got) {
			t.Errorf("it came as\n%s", got)
		}
	})
	for _, size := range sizes() {
		r.try(t, fmt.Sprintf("from peer: %d MiB", size), func(t *testing.T) {
			l := newLetter(bob, alice)
			l.body = strings.Repeat(strings.Repeat("0123456789", 7)+"abcdefgh\r\n", size<<20/80)
			l.inject(t, r.p)
			if got := r.comes(t, alice, l.token); !l.same(got) {
				t.Errorf("it came as %d bytes", len(got))
			}
		})
	}
	r.try(t, "from peer: 200 recipients", func(t *testing.T) {
		var to []string
		for i := range 200 {
			to = append(to, fmt.Sprintf("person%02d+%d@box.test", i%20, i/20))
		}
		l := newLetter(bob, to...)
		l.inject(t, r.p)
		for i := range 20 {
			local := fmt.Sprintf("person%02d@box.test", i)
			eventually(t, "the message to "+local, func() bool { return len(r.b.found(t, local, l.token)) > 0 })
		}
	})
	r.try(t, "from peer: refused, peer reports", func(t *testing.T) {
		l := newLetter("reports@"+r.p.domain(), "nobody@box.test")
		l.inject(t, r.p)
		var list []string
		eventually(t, "the peer's report", func() bool { list = r.p.found(t, l.token); return len(list) > 0 })
		for _, want := range []string{"nobody@box.test", "550", "5.1.1"} {
			if !strings.Contains(list[0], want) {
				t.Errorf("the report has not %q in it:\n%s", want, list[0])
			}
		}
	})
	r.try(t, "from peer: null sender", func(t *testing.T) {
		l := newLetter("", alice)
		l.author = "postmaster@" + r.p.domain()
		l.inject(t, r.p)
		if got := r.comes(t, alice, l.token); !strings.Contains(got, "Return-Path: <>") || !l.same(got) {
			t.Errorf("it came as\n%s", got)
		}
	})
	r.try(t, "from peer: DKIM and DMARC judged", func(t *testing.T) {
		if r.p.name != "exim" {
			t.Skip("it does not sign by itself")
		}
		l := newLetter(bob, alice)
		l.inject(t, r.p)
		got := r.comes(t, alice, l.token)
		for _, want := range []string{"dkim=pass", "dmarc=pass"} {
			if !strings.Contains(got, want) {
				t.Errorf("there is no %s in\n%s", want, got)
			}
		}
	})
}
