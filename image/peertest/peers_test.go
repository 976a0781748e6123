package peertest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// TestPeers exchanges mail with each peer, both ways, all at once.
func TestPeers(t *testing.T) {
	list := peers()
	if !enter(t, list) {
		return
	}
	w := newWorld(t)
	dkim, record := newKey(t)
	policies, zones := make(map[string]string), []string{}
	ids := make(map[string]identity)
	for _, p := range list {
		ids[p.name] = w.issue(t, p.names()...)
		w.Add(t, p.domain(), p.zone(ids[p.name], record))
		w.Add(t, "arpa", reverse(p.addr)+" PTR mx."+p.domain()+".")
		policies["sts."+p.domain()], policies["stsbad."+p.domain()] = "mx-sts."+p.domain(), "mx-other."+p.domain()
		zones = append(zones, p.domain())
	}
	w.policies(t, policies)
	anchor := w.sign(t, zones...)
	b := newBox(t, w, anchor)
	var starting sync.WaitGroup
	for _, p := range list {
		p.place(t)
	}
	for _, p := range list {
		starting.Go(func() { p.start(t, ids[p.name], map[string]string{"dkim.pem": dkim}) })
	}
	starting.Wait()
	eventually(t, "the box answers", func() bool {
		conn, err := net.DialTimeout("tcp", boxAddr+":993", time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	w.Add(t, "box.test", b.keys(t))
	m := &matrix{notes: make(map[[2]string]string)}
	var trials []*trial
	for _, p := range list {
		trials = append(trials, &trial{w: w, b: b, p: p, m: m})
	}
	t.Run("mail", func(t *testing.T) {
		for _, trial := range trials {
			trial.outgoing(t)
			trial.promised(t)
			trial.incoming(t)
			trial.reported(t)
		}
	})
	if long() {
		t.Run("kills", func(t *testing.T) { killed(t, trials) })
	}
	t.Logf("mail of the box and with it:\n%s", m)
}

// newKey is a key for DKIM, PEM, and its record below a domain.
func newKey(t *testing.T) (private, record string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
	return toPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), fmt.Sprintf("peer._domainkey TXT %q %q", text[:200], text[200:])
}

// trial is the box and one peer.
type trial struct {
	w *world
	b *box
	p *peer
	m *matrix
}

func (r *trial) try(t *testing.T, name string, f func(t *testing.T)) { r.m.try(t, name, r.p, f) }

// arrives waits for the letter at the peer, so many times, and gives one of them.
func (r *trial) arrives(t *testing.T, l *letter, copies int) string {
	t.Helper()
	var list []string
	eventually(t, "the letter at "+r.p.name, func() bool { list = r.p.found(t, "Subject: "+l.subject+l.token); return len(list) >= copies })
	if len(list) != copies || !l.same(list[0]) {
		t.Errorf("%d letters have come, with body %.300q; want %d, with %.300q", len(list), list[0], copies, l.body)
	}
	return list[0]
}

// comes waits for a message to somebody at the box.
func (r *trial) comes(t *testing.T, address, token string) string {
	t.Helper()
	var list []string
	eventually(t, "the message to "+address, func() bool { list = r.b.found(t, address, token); return len(list) > 0 })
	if len(list) != 1 {
		t.Errorf("%d messages came; want 1", len(list))
	}
	return list[0]
}

// told waits for the report of a letter in alice's mailbox, with these words in it.
func (r *trial) told(t *testing.T, l *letter, words ...string) {
	t.Helper()
	text := r.comes(t, alice, l.token)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("the report has not %q in it:\n%s", word, text)
		}
	}
}

// received is the newest of the header fields that say how a message came, in one line.
func received(text string) string {
	_, text, found := strings.Cut("\n"+strings.ReplaceAll(text, "\r\n", "\n"), "\nReceived: ")
	if !found {
		return ""
	}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			break
		}
		b.WriteString(strings.TrimSpace(line) + " ")
	}
	return b.String()
}

// success asks for a report of delivery.
func success() []smtp.DSNNotify { return []smtp.DSNNotify{smtp.DSNNotifySuccess} }
