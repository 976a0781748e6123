package peertest

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// outgoing is mail from the box to the peer.
func (r *trial) outgoing(t *testing.T) {
	at := "@" + r.p.domain()
	r.try(t, "to peer: in the clear", func(t *testing.T) {
		l := newLetter(alice, "bob@plain."+r.p.domain())
		l.submit(t)
		if got := received(r.arrives(t, l, 1)); strings.Contains(got, "TLS") || strings.Contains(strings.ToLower(got), "esmtps") {
			t.Errorf("it came with TLS: %s", got)
		}
	})
	r.try(t, "to peer: STARTTLS", func(t *testing.T) {
		l := newLetter(alice, "bob"+at)
		l.submit(t)
		if got := received(r.arrives(t, l, 1)); strings.Contains(strings.ToLower(got), "esmtps") != r.p.can("TLS") {
			t.Errorf("it came like this: %s", got)
		}
		if !r.p.can("TLS") {
			r.m.note("to peer: STARTTLS", r.p.name, "fails: in clear")
		}
	})
	r.try(t, "to peer: 8BITMIME", func(t *testing.T) {
		l := newLetter(alice, "bob"+at)
		l.options.Body, l.body = smtp.Body8BitMIME, "Përshëndetje nga Tirana — поздрав\r\n"
		l.submit(t)
		r.arrives(t, l, 1)
	})
	r.try(t, "to peer: SMTPUTF8", func(t *testing.T) {
		l := newLetter(alice, "жана"+at)
		l.options.UTF8, l.subject = true, "Përshëndetje "
		l.submit(t)
		if !r.p.can("SMTPUTF8") {
			r.told(t, l, "5.6.7")
			r.m.note("to peer: SMTPUTF8", r.p.name, "returned: 5.6.7")
			return
		}
		r.arrives(t, l, 1)
	})
	for _, size := range sizes() {
		r.try(t, fmt.Sprintf("to peer: %d MiB", size), func(t *testing.T) {
			l := newLetter(alice, "bob"+at)
			l.body = strings.Repeat(strings.Repeat("0123456789", 7)+"abcdefgh\r\n", size<<20/80)
			l.submit(t)
			r.arrives(t, l, 1)
		})
	}
	r.try(t, "to peer: 200 recipients", func(t *testing.T) {
		var to []string
		for i := range 200 {
			to = append(to, fmt.Sprintf("many%03d%s", i, at))
		}
		// Each peer has a writer of its own, as there is a bound on how many people somebody writes to for the first time.
		writer := slices.IndexFunc(peers(), func(p *peer) bool { return p.name == r.p.name })
		l := newLetter(fmt.Sprintf("person%02d@box.test", writer), to...)
		l.submit(t)
		r.arrives(t, l, len(to))
	})
	r.try(t, "to peer: refused, sender is told", func(t *testing.T) {
		l := newLetter(alice, "nobody"+at)
		l.submit(t)
		words := []string{"Action: failed", "nobody" + at, "Reporting-MTA: dns; mail.box.test", "Remote-MTA: dns; mx." + r.p.domain(), "Diagnostic-Code: smtp; 550"}
		if r.p.name == "exim" { // the only one that can be made to say more than one line
			words = append(words, "Ask the office for the address", "These are three lines")
		}
		r.told(t, l, words...)
	})
	r.try(t, "to peer: greylisted", func(t *testing.T) {
		l := newLetter(alice, "grey-"+r.p.name+at)
		l.submit(t)
		r.arrives(t, l, 1)
		if got := r.b.said("message tried", "to=grey-"+r.p.name+at); len(got) != 2 || !strings.Contains(got[0], "Greylisted") {
			t.Errorf("it was tried like this:\n%s\nwant one refusal and one success", strings.Join(got, ""))
		}
	})
	r.try(t, "to peer: DKIM verified", func(t *testing.T) {
		l := newLetter(alice, "bob"+at)
		l.submit(t)
		got := r.arrives(t, l, 1)
		if n := strings.Count(got, "\nDKIM-Signature: "); n != 2 {
			t.Errorf("there are %d signatures; want one of each kind of key in\n%s", n, got)
		}
		for n := range 2 {
			cmd := exec.CommandContext(t.Context(), "dkimverify", "--index", fmt.Sprint(n))
			cmd.Stdin = strings.NewReader(atSender(got))
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "signature ok") {
				t.Errorf("dkimverify says of signature %d: %v, %s", n, err, out)
			}
		}
		if r.p.name == "exim" && (!strings.Contains(got, "dkim=pass") || strings.Contains(got, "dkim=fail")) {
			t.Errorf("Exim did not find it signed:\n%s", got)
		}
	})
	r.try(t, "to peer: NOTIFY=SUCCESS, peer reports", func(t *testing.T) {
		l := newLetter(alice, "bob"+at)
		l.notify, l.options.Return, l.options.EnvelopeID = success(), smtp.DSNReturnHeaders, "id-1"
		if !r.offered(t, "DSN") {
			t.Skip("the box does not offer DSN on submission")
		}
		l.submit(t)
		r.arrives(t, l, 1)
		r.told(t, l, "Action: deliver")
	})
}

// promised is mail to domains that promise a protected way.
func (r *trial) promised(t *testing.T) {
	kept := func(name, domain string) {
		r.try(t, "to peer: "+name, func(t *testing.T) {
			l := newLetter(alice, "bob@"+domain+"."+r.p.domain())
			l.submit(t)
			if !r.p.can("TLS") {
				r.keeps(t, l, "tls: ")
				r.m.note("to peer: "+name, r.p.name, "fails: kept")
				return
			}
			if got := received(r.arrives(t, l, 1)); !strings.Contains(strings.ToLower(got), "esmtps") {
				t.Errorf("it came without TLS: %s", got)
			}
		})
	}
	broken := func(name, domain, why string) {
		r.try(t, "to peer: "+name, func(t *testing.T) {
			l := newLetter(alice, "bob@"+domain+"."+r.p.domain())
			l.submit(t)
			r.keeps(t, l, why)
		})
	}
	kept("DANE", "dane")
	broken("DANE, wrong TLSA: not delivered", "danebad", "not the one that DNS names")
	kept("MTA-STS", "sts")
	broken("MTA-STS, wrong name: not delivered", "stsbad", "certificate")
}

// keeps waits until the letter was tried and refused for a reason, and holds that no try delivered it. A try can fail for
// something else first: a server with too many connections, a question to DNS that was lost.
func (r *trial) keeps(t *testing.T, l *letter, why string) {
	t.Helper()
	tried := func() []string { return r.b.said("message tried", "to="+l.to[0]) }
	eventually(t, "a try that finds what is wrong", func() bool {
		got := tried()
		for _, line := range got {
			if !strings.Contains(line, "state=queued") {
				t.Fatalf("it was not kept: %s", line)
			}
		}
		return slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, why) })
	})
	for i, line := range tried() {
		t.Logf("try %d: %s", i+1, line)
	}
	if list := r.p.found(t, l.token); len(list) > 0 {
		t.Errorf("it was delivered:\n%s", list[0])
	}
}

// offered says whether the box has a word in its answer to EHLO on submission.
func (r *trial) offered(t *testing.T, word string) bool {
	t.Helper()
	c, err := smtp.DialTLS(boxAddr+":465", insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ok, _ := c.Extension(word)
	return ok
}

// atSender is a message as it was sent, of what is in a mailbox: with CRLF, which is what is signed.
func atSender(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}
