package clienttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// getmail collects into files, one for each message.
type getmail struct {
	*program
	owner, got, deliver string
}

func newGetmail(t *testing.T, o *office, owner string) *getmail {
	t.Helper()
	p := o.inRoot(t, "clients")
	g := &getmail{program: p, owner: owner, got: filepath.Join(p.home, "got")}
	if err := os.Mkdir(g.got, 0o700); err != nil {
		t.Fatal(err)
	}
	// For root it does not write a Maildir itself. A file has its name when it is whole.
	g.deliver = p.file(t, "deliver", "#!/bin/sh\nset -e\nf=$(mktemp "+p.home+"/part.XXXXXXXX)\ncat >$f\nmv $f "+g.got+"/\n")
	if err := os.Chmod(g.deliver, 0o700); err != nil {
		t.Fatal(err)
	}
	return g
}

// way is by which protocol it collects: the name of its class, and ours of the port.
type way struct{ retriever, service string }

// config writes the settings; more are for the retriever, and del says whether messages are taken away.
func (g *getmail) config(t *testing.T, w way, more string, del bool) []string {
	t.Helper()
	g.file(t, "getmailrc", fmt.Sprintf("[retriever]\ntype = %s\nserver = %s\nport = %s\nusername = %s\npassword = %s\nca_certs = %s\n%s\n[destination]\ntype = MDA_external\npath = %s\nallow_root_commands = true\n[options]\ndelete = %v\nread_all = false\n",
		w.retriever, hostname, g.o.port(w.service), at(g.owner), password, g.o.caFile, more, g.deliver, del))
	return []string{"--getmaildir", g.home, "--rcfile", "getmailrc"}
}

// brought empties the directory of what came and returns how often each subject did, and the texts.
func (g *getmail) brought(t *testing.T) (times map[string]int, texts []string) {
	t.Helper()
	entries, err := os.ReadDir(g.got)
	if err != nil {
		t.Fatal(err)
	}
	times = make(map[string]int)
	for _, e := range entries {
		name := filepath.Join(g.got, e.Name())
		text := read(t, name)
		times[subject(text)]++
		texts = append(texts, text)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	return times, texts
}

// testGetmail collects by POP3 and IMAP, leaving mail on the box and taking it away.
func testGetmail(t *testing.T, o *office, m *matrix) {
	const owner, drawer = "getmail", "Fioka čaj"
	g := newGetmail(t, o, owner)
	large := attachment(largeSize)
	for _, w := range []way{{"SimplePOP3SSLRetriever", "pop3s"}, {"SimpleIMAPSSLRetriever", "imaps"}} {
		m.try(t, owner, w.service+": collect and keep, only what is new, a large message", func(t *testing.T) {
			o.deliver(t, owner, note("getmail "+w.service), string(large))
			args := g.config(t, w, "", false)
			g.must(t, "", "getmail", args...)
			times, texts := g.brought(t)
			if times["getmail "+w.service] != 1 || times["holiday pictures"] != 1 || len(texts) != 2 {
				t.Errorf("it brought %v; want both messages once", times)
			}
			want, whole := strings.ReplaceAll(string(large), "\r\n", "\n"), false
			for _, text := range texts {
				text = strings.Replace(text, "X-getmail-retrieved-from-mailbox: INBOX\n", "", 1) // its own
				whole = whole || strings.HasSuffix(text, want)
			}
			if !whole {
				t.Error("the large message is not as it was sent")
			}
			o.deliver(t, owner, note("later"))
			g.must(t, "", "getmail", args...)
			if times, _ := g.brought(t); len(times) != 1 || times["later"] != 1 {
				t.Errorf("it brought %v; want what came later only", times)
			}
			o.count(t, owner, "INBOX", 3)
		})
		m.try(t, owner, w.service+": take away", func(t *testing.T) {
			g.must(t, "", "getmail", append(g.config(t, w, "", true), "--all")...)
			if times, _ := g.brought(t); len(times) != 3 {
				t.Errorf("it brought %v; want all three", times)
			}
			o.count(t, owner, "INBOX", 0)
		})
		m.try(t, owner, w.service+": killed in the middle, and again", func(t *testing.T) { g.killed(t, w) })
	}
	m.try(t, owner, "imaps: a folder with a UTF-8 name", func(t *testing.T) {
		c := o.imap(t, owner, password)
		defer c.Close()
		if err := c.Create(drawer, nil).Wait(); err != nil {
			t.Fatal(err)
		}
		o.deliver(t, owner, note("in the drawer"))
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Move(uids(t, c, "in the drawer"), drawer).Wait(); err != nil {
			t.Fatal(err)
		}
		g.must(t, "", "getmail", g.config(t, way{"SimpleIMAPSSLRetriever", "imaps"}, `mailboxes = ("`+drawer+`",)`, true)...)
		if times, _ := g.brought(t); times["in the drawer"] != 1 {
			t.Errorf("it brought %v", times)
		}
		o.count(t, owner, drawer, 0)
	})
}

// killed kills it while it collects and takes away, then lets it end: nothing is lost, and the box is empty. What it had
// brought when it was killed it may bring again.
func (g *getmail) killed(t *testing.T, w way) {
	var bodies []string
	for i := range killedNotes {
		bodies = append(bodies, note(fmt.Sprintf("killed %03d", i)))
	}
	g.o.deliver(t, g.owner, bodies...)
	args := g.config(t, w, "", true)
	all := make(map[string]int)
	collect := func() {
		times, _ := g.brought(t)
		for subject, n := range times {
			all[subject] += n
		}
	}
	for round := range kills {
		g.killWhen(t, "getmail has begun", func() bool {
			entries, err := os.ReadDir(g.got)
			return err != nil || len(entries) > round
		}, "getmail", args...)
		collect()
	}
	g.must(t, "", "getmail", args...)
	collect()
	for i := range killedNotes {
		if n := all[fmt.Sprintf("killed %03d", i)]; n < 1 || n > 1+kills {
			t.Errorf("message %d was brought %d times; want once, and once more at most for each time it was killed", i, n)
		}
	}
	g.o.count(t, g.owner, "INBOX", 0)
}
