package clienttest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// TestSetUpInBrowser takes a box as it was flashed, sets it up in Chromium with the code from its screen, and sends and
// reads mail as the people who were added there.
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
	ctx, cancel := context.WithTimeout(t.Context(), browserTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "run", "--silent", "e2e")
	cmd.Dir = pages
	cmd.Env = append(os.Environ(), "BOX_URL=https://"+o.addrs["https"], "BOX_PLAIN_URL=http://"+o.addrs["http"], "CLAIM_CODE="+code,
		"BOX_DOMAIN="+domain, "BOX_PASSWORD="+password, "BOX_PEOPLE="+string(persons))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("the set-up in the browser: %v\n%s", err, out.String())
	}
	t.Logf("the browser says:\n%s", shorten(out.String()))

	o.deliver(t, "alice", note("welcome"))
	find(t, o.letters(t, "alice", "INBOX"), []byte(note("welcome")))
	p, letter := o.newProgram(t), noteFrom(at("alice"), "from Alice")
	p.must(t, "", "curl", "-sS", "--url", "smtps://"+mailName(t, o)+":"+o.port("submissions")+"/", "--cacert", o.caFile,
		"--user", at("alice")+":"+password, "--mail-from", at("alice"), "--mail-rcpt", at("second"), "--upload-file", p.file(t, "note.eml", letter))
	find(t, o.letters(t, "second", "INBOX"), []byte(letter))
	o.imap(t, "admin", password).Close()
	o.off(t)
}

// browserTime bounds the walk through the set-up in a browser, beside other machines.
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
