package peertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/image/run"
)

const password = "olive harbour 42 lamps"

const (
	alice = "alice@box.test"
	clear = "clear@plain.box.test" // to whom peers send without TLS
)

// people have an account each: those of the tests with 200 recipients, and one for each peer whose mail is sent on, or whose
// mailbox is full.
func people() []string {
	list := []string{"alice", "šaban"}
	for i := range 20 {
		list = append(list, fmt.Sprintf("person%02d", i))
	}
	for _, p := range peers() {
		list = append(list, "forward-"+p.name, "full-"+p.name)
	}
	return list
}

// box is maild in a place of its own.
type box struct {
	args  []string
	names []string   // of the sockets that it gets
	files []*os.File // they
	out   io.Writer
	cmd   *exec.Cmd

	mu  sync.Mutex
	log bytes.Buffer
}

// newBox starts maild, which knows the world by its DNS, the root's key and the peers' authority.
func newBox(t *testing.T, w *world, anchor string) *box {
	t.Helper()
	b := new(box)
	newPlace(t, "box", boxAddr)
	program := filepath.Join(w.dir, "maild")
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/maild")
	compile.Dir, compile.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	b.args = []string{program,
		"--dev", // there is no PID 1 that knows whether the clock is right, and the log is text
		"--data", filepath.Join(w.dir, "data"), "--setup", w.file(t, "setup.json", setUp(t)),
		"--dns", dnsAddr + ":53", "--dns-anchor", anchor, "--ca", w.file(t, "ca.pem", w.pem())}
	for _, p := range run.Ports() {
		file, err := listenIn(t, "box", fmt.Sprintf("%s:%d", boxAddr, p.Guest)).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		b.names, b.files = append(b.names, p.Name), append(b.files, file)
	}
	if err := os.MkdirAll(build, 0o755); err != nil {
		t.Fatal(err)
	}
	kept, err := os.Create(filepath.Join(build, "maild.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	b.out = io.MultiWriter(b, kept)
	b.start(t)
	t.Cleanup(b.kill)
	return b
}

// start starts maild with sockets as PID 1 hands them in; the sockets stay from one to the next.
func (b *box) start(t *testing.T) {
	t.Helper()
	b.cmd = in(context.Background(), "box", "sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`}, b.args...)...)
	b.cmd.ExtraFiles = b.files
	b.cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(b.names)), "LISTEN_FDNAMES="+strings.Join(b.names, ":"))
	b.cmd.Stdout, b.cmd.Stderr = b.out, b.out
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (b *box) kill() {
	_ = b.cmd.Process.Kill() // it may have ended by itself
	_ = b.cmd.Wait()         // with the signal
}

func setUp(t *testing.T) string {
	t.Helper()
	type person struct {
		Address  string `json:"address"`
		Password string `json:"password"`
	}
	var accounts []person
	for _, local := range people() {
		accounts = append(accounts, person{local + "@box.test", password})
	}
	accounts = append(accounts, person{clear, password})
	text, err := json.Marshal(map[string]any{
		"hostname": "mail.box.test", "domains": []string{"box.test", "plain.box.test"}, "accounts": accounts, "timezone": "Europe/Tirane",
		"admin": person{"admin@box.test", password}, "outbound": map[string]string{"mode": "direct"}, "trusted_networks": []string{worldAddr + "/32"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Write takes maild's log.
func (b *box) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

// said is the lines of the log in which all words are.
func (b *box) said(words ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
next:
	for line := range strings.Lines(b.log.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		list = append(list, line)
	}
	return list
}

// found are the messages of somebody's INBOX in which the token is.
func (b *box) found(t *testing.T, address, token string) []string {
	t.Helper()
	c, err := imapclient.DialTLS(net.JoinHostPort(boxAddr, "993"), &imapclient.Options{TLSConfig: insecure()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(address, password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	data, err := c.UIDSearch(&imap.SearchCriteria{Text: []string{token}}, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if len(data.AllUIDs()) == 0 {
		return nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	fetch := c.Fetch(imap.UIDSetNum(data.AllUIDs()...), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}})
	defer fetch.Close()
	var list []string
	for msg := fetch.Next(); msg != nil; msg = fetch.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			if body, ok := item.(imapclient.FetchItemDataBodySection); ok && body.Literal != nil {
				text, err := io.ReadAll(body.Literal)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, string(text))
			}
		}
	}
	return list
}

// waitTime bounds every wait: above the minute after which mail is tried a second time.
const waitTime = 100 * time.Second

// eventually asks until it is so.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(waitTime); !done(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within %v", what, waitTime)
		}
	}
}

// keys are the records of the box's keys for DKIM, as it proposes them to whoever keeps its zone.
func (b *box) keys(t *testing.T) string {
	t.Helper()
	var keys strings.Builder
	for line := range strings.Lines(string(b.api(t, "GET", "/api/dns/zone", ""))) {
		if strings.Contains(line, "._domainkey.") {
			keys.WriteString(line)
		}
	}
	return keys.String()
}

// api asks the box's interface as its administrator, and gives the answer.
func (b *box) api(t *testing.T, method, path, body string) []byte {
	t.Helper()
	code, text := b.ask(t, method, path, body)
	if code >= 300 {
		t.Fatalf("%s %s: %d, %s", method, path, code, text)
	}
	return text
}

// ask is api, whatever the answer is.
func (b *box) ask(t *testing.T, method, path, body string) (code int, text []byte) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: waitTime, Transport: &http.Transport{TLSClientConfig: insecure()}}
	defer c.CloseIdleConnections()
	login, err := json.Marshal(map[string]string{"address": "admin@box.test", "password": password})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range [][3]string{{"POST", "/api/session", string(login)}, {method, path, body}} {
		request, err := http.NewRequestWithContext(t.Context(), step[0], "https://"+boxAddr+step[1], strings.NewReader(step[2]))
		if err != nil {
			t.Fatal(err)
		}
		if step[2] != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		answer, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		code = answer.StatusCode
		if err != nil || step[1] != path && code >= 300 {
			t.Fatalf("%s %s: %s, %v, %s", step[0], step[1], answer.Status, err, text)
		}
	}
	return code, text
}
