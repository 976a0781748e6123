package clienttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// TestSetUpInBrowser takes a box as it was flashed, sets it up in Chromium with the code from its screen, and sends and
// reads mail as the people who were added there. Then every page of it is looked at, and two messages are followed to
// their end: one that a rule holds, and one that another server refuses.
func TestSetUpInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED with -short: starts a virtual machine")
	}
	if onHost() {
		t.Skip("SKIPPED on the host: it is about the box's screen and first start")
	}
	pages, err := filepath.Abs(filepath.Join(root, "services/web/ui"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(pages, "node_modules/vitest")); err != nil {
		missing(t, "the pages' test tools are not installed (make web)")
	}
	for _, name := range []string{"npm", "chromium"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, "%s is not installed", name)
		}
	}
	m := newMachine(t, vm.Options{})
	o := open(t, m)
	code := m.say(t, `(?m)^sanduk: setup code (\S+)\r?\n`)[1]

	// The first passwords are those that the other tests log in with.
	persons, err := json.Marshal([][3]string{{"Alice Kola", "alice", password}, {"Šaban Đorđević", "second", password}})
	if err != nil {
		t.Fatal(err)
	}
	inBrowser := func(tests string, env ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), browserTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, "npm", "run", "--silent", "e2e", "--", "--reporter=verbose", "e2e/"+tests+".e2e.ts")
		cmd.Dir = pages
		cmd.Env = append(os.Environ(), "BOX_URL=https://"+o.addrs["https"], "BOX_PLAIN_URL=http://"+o.addrs["http"], "CLAIM_CODE="+code,
			"BOX_DOMAIN="+domain, "BOX_PASSWORD="+password, "BOX_PEOPLE="+string(persons))
		cmd.Env = append(cmd.Env, env...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.WaitDelay = 10 * time.Second
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s in the browser: %v\n%s", tests, err, out.String())
		}
		t.Logf("the browser says:\n%s", shorten(out.String()))
	}
	inBrowser("setup")

	o.deliver(t, "alice", note("welcome"))
	find(t, o.letters(t, "alice", "INBOX"), []byte(note("welcome")))
	p, letter := o.newProgram(t), noteFrom(at("alice"), "from Alice")
	p.must(t, "", "curl", "-sS", "--url", "smtps://"+mailName(t, o)+":"+o.port("submissions")+"/", "--cacert", o.caFile,
		"--user", at("alice")+":"+password, "--mail-from", at("alice"), "--mail-rcpt", at("second"), "--upload-file", p.file(t, "note.eml", letter))
	find(t, o.letters(t, "second", "INBOX"), []byte(letter))
	o.imap(t, "admin", password).Close()

	o.decide(t)
	o.bounce(t)
	inBrowser("booted", "BOX_AT_WORK=1")
	find(t, o.letters(t, "alice", "INBOX"), []byte(note("hold this")))
	o.off(t)
}

// decide has a message held by a rule on contents.
func (o *office) decide(t *testing.T) {
	t.Helper()
	admin := o.signIn(t, "admin")
	type rule struct {
		Name   string   `json:"name"`
		In     bool     `json:"in"`
		Header bool     `json:"header"`
		Words  []string `json:"words"`
		Action string   `json:"action"`
	}
	rules := map[string][]rule{"rules": {{"Plans", true, true, []string{"hold this"}, "hold"}}}
	o.ask(t, "PUT", "https://"+o.addrs["https"]+"/api/domains/"+domain+"/content", admin, rules).want(t, http.StatusNoContent)
	o.deliver(t, "alice", note("hold this"))
}

// signIn is what the box's pages take from whoever signed in.
func (o *office) signIn(t *testing.T, local string) string {
	t.Helper()
	who := map[string]string{"address": at(local), "password": password}
	signed := o.ask(t, "POST", "https://"+o.addrs["https"]+"/api/session", "", who).want(t, http.StatusOK)
	cookie, _, _ := strings.Cut(signed.header.Get("Set-Cookie"), ";")
	return "Cookie: " + cookie
}

// outside is this machine, as a box in QEMU's user network sees it.
const outside = "10.0.2.2"

// bounce has a message of alice's come back: the server of the other domain, which runs here, knows nobody of that name.
func (o *office) bounce(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go refuseAll(l)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	admin := o.signIn(t, "admin")
	way := map[string]any{"way": "smarthost", "host": outside, "port": json.Number(port), "tls": "none"}
	o.ask(t, "PUT", "https://"+o.addrs["https"]+"/api/routes/partner.test", admin, way).want(t, http.StatusNoContent)
	p := o.newProgram(t)
	p.must(t, "", "curl", "-sS", "--url", "smtps://"+mailName(t, o)+":"+o.port("submissions")+"/", "--cacert", o.caFile,
		"--user", at("alice")+":"+password, "--mail-from", at("alice"), "--mail-rcpt", "gone@partner.test",
		"--upload-file", p.file(t, "gone.eml", noteFrom(at("alice"), "to nobody there")))
}

// refuseAll is a mail server that takes no recipient, until l closes.
func refuseAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			lines := bufio.NewScanner(c)
			for reply := "220 mx.partner.test"; ; {
				if _, err := io.WriteString(c, reply+"\r\n"); err != nil || !lines.Scan() {
					return
				}
				switch verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); verb {
				case "RCPT":
					reply = "550 5.1.1 There is nobody of that name"
				case "DATA":
					reply = "503 5.5.1 There is nobody to write to"
				case "QUIT":
					reply = "221 mx.partner.test"
				default:
					reply = "250 mx.partner.test"
				}
			}
		}()
	}
}

// browserTime bounds one walk in a browser, beside other machines.
const browserTime = 5 * time.Minute

// mailName is the host name that the set-up page chose.
func mailName(t *testing.T, o *office) string {
	t.Helper()
	var connect struct {
		Server string `json:"server"`
	}
	a := o.ask(t, "GET", "https://"+o.addrs["https"]+"/api/connect", "", nil).want(t, 200)
	if err := json.Unmarshal([]byte(a.body), &connect); err != nil || connect.Server != hostname {
		t.Fatalf("the box calls itself %q (%v); want %q", connect.Server, err, hostname)
	}
	return connect.Server
}
