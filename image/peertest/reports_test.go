package peertest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// reported is what the box says to a peer's people about their mail, and mail that goes a second time.
func (r *trial) reported(t *testing.T) {
	author := "reports@" + r.p.domain()
	r.try(t, "to peer: our report, null sender", func(t *testing.T) {
		forward, nobody := "forward-"+r.p.name+"@box.test", "nobody@"+r.p.domain()
		r.b.api(t, "PATCH", "/api/accounts/"+forward+"/rules", fmt.Sprintf(`{"forward":[%q],"keep":false}`, nobody))
		l := newLetter(author, forward)
		l.inject(t, r.p)
		r.reports(t, l, "Action: failed", nobody, "Reporting-MTA: dns; mail.box.test")
	})
	r.try(t, "from peer: NOTIFY=SUCCESS, we report", func(t *testing.T) {
		l := newLetter(author, alice)
		l.notify, l.options.EnvelopeID = success(), "id-2"
		l.inject(t, r.p)
		r.comes(t, alice, l.token)
		r.reports(t, l, "Action: delivered", "Reporting-MTA: dns; mail.box.test", "Original-Envelope-Id: id-2", alice)
	})
	r.try(t, "from peer: mailbox full, peer tries again", func(t *testing.T) {
		full := "full-" + r.p.name + "@box.test"
		r.b.api(t, "PATCH", "/api/accounts/"+full, `{"quota_messages":1}`)
		first := newLetter(author, full)
		first.inject(t, r.p)
		r.comes(t, full, first.token)
		l := newLetter(author, full)
		l.inject(t, r.p)
		eventually(t, "the box refuses it for now", func() bool { return r.p.refused(t, full, "452 4.2.2") })
		r.b.api(t, "PATCH", "/api/accounts/"+full, `{"quota_messages":0}`)
		r.p.again(t)
		if got := r.comes(t, full, l.token); !l.same(got) {
			t.Errorf("it came as\n%s", got)
		}
	})
	r.try(t, "to peer: down and back, all goes at once", r.back)
	r.try(t, "to peer: SPF verified", func(t *testing.T) {
		l := newLetter(alice, "bob@"+r.p.domain())
		l.submit(t)
		if from := received(r.arrives(t, l, 1)); !strings.Contains(from, boxAddr) || !strings.Contains(from, "mail.box.test") {
			t.Errorf("it came like this: %s", from)
		}
		// What the peer saw of us, as python3-spf judges it.
		out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import spf, sys; print(spf.check2(*sys.argv[1:]))", boxAddr, alice, "mail.box.test").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "('pass',") {
			t.Errorf("python3-spf says: %v, %s", err, out)
		}
	})
}

// reports waits for the box's report of a letter at the peer: once, and with the null sender.
func (r *trial) reports(t *testing.T, l *letter, words ...string) {
	t.Helper()
	var list []string
	eventually(t, "the box's report at "+r.p.name, func() bool { list = r.p.found(t, l.token); return len(list) > 0 })
	if len(list) != 1 {
		t.Errorf("%d reports came; want 1", len(list))
	}
	// Every peer writes down who the sender was, if it was somebody.
	if path, found := field(list[0], "Return-Path"); found && path != "<>" {
		t.Errorf("the report came from %s", path)
	}
	for _, word := range words {
		if !strings.Contains(list[0], word) {
			t.Errorf("the report has not %q in it:\n%s", word, list[0])
		}
	}
}

// field is the value of a message's first field of that name, if it is in one line.
func field(text, name string) (value string, found bool) {
	header, _, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	for line := range strings.Lines(header) {
		if value, found = strings.CutPrefix(strings.TrimSpace(line), name+": "); found {
			return value, true
		}
	}
	return "", false
}

// backTime is enough for mail that goes at once, and less than the minute after which it would go by itself.
const backTime = 30 * time.Second

// back sends to an address of the peer that is not there, and then is: when one message gets through the others follow,
// long before their own time.
func (r *trial) back(t *testing.T) {
	bob := "bob@down." + r.p.domain()
	letters := []*letter{newLetter(alice, bob), newLetter(alice, bob), newLetter(alice, bob)}
	for _, l := range letters {
		l.submit(t)
	}
	eventually(t, "all are tried", func() bool { return len(r.b.said("message tried", "to="+bob, "state=queued")) >= len(letters) })
	command(t, "ip", "-n", r.p.name, "addr", "add", r.p.down+"/32", "dev", "eth0")
	var waiting struct{ Messages []struct{ ID string } }
	if err := json.Unmarshal(r.b.api(t, "GET", "/api/queue?address="+bob, ""), &waiting); err != nil || len(waiting.Messages) != len(letters) {
		t.Fatalf("in the queue are %v, %v; want %d messages", waiting, err, len(letters))
	}
	began := time.Now()
	eventually(t, "the first is tried again, once its last try is recorded", func() bool {
		code, _ := r.b.ask(t, "POST", "/api/queue/"+waiting.Messages[0].ID+"/retry", "")
		return code < 300
	})
	for _, l := range letters {
		r.arrives(t, l, 1)
	}
	if took := time.Since(began); took > backTime {
		t.Errorf("all were there %v after the first was tried again; want less than %v", took, backTime)
	}
}

// refused says whether the peer wrote down that somebody was refused with this code.
func (p *peer) refused(t *testing.T, address, code string) bool {
	t.Helper()
	for line := range strings.Lines(p.log(t)) {
		if strings.Contains(line, address) && strings.Contains(line, code) {
			return true
		}
	}
	return false
}

// again has the peer try now what waits in its queue: OpenSMTPD would do so after minutes only, the others do anyway.
func (p *peer) again(t *testing.T) {
	t.Helper()
	if p.name == "opensmtpd" {
		command(t, "chroot", p.root, "/usr/sbin/smtpctl", "schedule", "all")
	}
}
