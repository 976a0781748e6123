package witness

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/image/dovecot"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

const root = "../.." // of the module

// known is one entry of the list.
type known struct {
	line int
	text string
	re   *regexp.Regexp
	used bool
}

// readKnown reads the list: a line "= why", and below it, each in a line, what it explains, as difference.String has it.
// "*" stands for anything.
func readKnown(t *testing.T) (all []*known) {
	t.Helper()
	text, err := os.ReadFile("testdata/differences")
	if err != nil {
		t.Fatal(err)
	}
	n, why := 0, ""
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		reason, ok := strings.CutPrefix(line, "= ")
		switch {
		case ok:
			why = reason
		case line == "":
			why = ""
		case strings.HasPrefix(line, "#"):
		case why == "" || strings.Count(line, " | ") != 2:
			t.Fatalf("testdata/differences:%d: want dialogue | command | what differs, below a line that says why", n)
		default:
			pattern := strings.ReplaceAll(regexp.QuoteMeta(line), `\*`, `.*`)
			all = append(all, &known{line: n, text: line, re: regexp.MustCompile(`^` + pattern + `$`)})
		}
	}
	return all
}

// TestWitness plays every dialogue against Dovecot.
func TestWitness(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it starts Dovecot")
	}
	files, err := filepath.Glob(filepath.Join(root, "services/imapd/testdata/*.dialogue"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	addr, d := start(t)
	list := readKnown(t)
	var all []difference
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".dialogue")
		parsed, err := mailtest.Parse(name, string(script))
		if err != nil {
			t.Fatal(err)
		}
		fixture(t, addr, d)
		p := &play{t: t, addr: addr, name: name, tls: &tls.Config{RootCAs: d.Roots, ServerName: "127.0.0.1"}}
		all = append(all, p.dialogue(parsed)...)
	}
	explained := 0
	for _, found := range all {
		text := found.String()
		i := slices.IndexFunc(list, func(k *known) bool { return k.re.MatchString(text) })
		if i < 0 {
			t.Errorf("not in testdata/differences: %s", text)
			continue
		}
		explained++
		list[i].used = true
	}
	for _, k := range list {
		if !k.used {
			t.Errorf("testdata/differences:%d: no dialogue shows this any more, or an entry above has it: %s", k.line, k.text)
		}
	}
	t.Logf("%d dialogues, %d differences, which %d entries explain", len(files), explained, len(list))
}

// start starts Dovecot, and gives the address of IMAP in the clear, which dialogues speak.
func start(t *testing.T) (string, *dovecot.Server) {
	t.Helper()
	config, err := os.ReadFile("testdata/local.conf")
	if err != nil {
		t.Fatal(err)
	}
	text, addrs := string(config), make(map[string]string)
	for _, name := range []string{"IMAPS", "IMAP"} {
		port, err := dovecot.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		addrs[name] = fmt.Sprintf("127.0.0.1:%d", port)
		text = strings.ReplaceAll(text, "port = "+name+"\n", fmt.Sprintf("port = %d\n", port))
	}
	d, err := dovecot.Start(t.Context(), dovecot.Options{Module: root, Root: "witness", Config: text, Packaged: true, Answers: addrs["IMAPS"]})
	if err != nil {
		if os.Getenv("SANDUK_SYSTEM") != "" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	t.Cleanup(func() {
		d.Stop()
		if t.Failed() && testing.Verbose() {
			t.Logf("Dovecot said %s", d.Log())
		}
	})
	return addrs["IMAP"], d
}

// fixture gives alice the mailboxes and messages that dialogues begin with, and nothing else.
func fixture(t *testing.T, addr string, d *dovecot.Server) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.Empty())
	must(os.MkdirAll(filepath.Join(d.Root, "var/vmail"), 0o755))
	must(os.Chown(filepath.Join(d.Root, "var/vmail"), dovecot.Owner, dovecot.Owner))
	c, err := imapclient.DialInsecure(addr, nil)
	must(err)
	defer c.Close()
	must(c.Login("alice@example.test", "secret").Wait())
	for _, m := range mailtest.Letters() {
		text := strings.ReplaceAll(m.Text, "\n", "\r\n")
		var names []imap.Flag
		for _, f := range m.Flags {
			names = append(names, imap.Flag(f))
		}
		cmd := c.Append("INBOX", int64(len(text)), &imap.AppendOptions{Flags: names, Time: time.Date(2026, time.February, 1, 10, 0, 0, 0, time.FixedZone("", 3600))})
		_, err := cmd.Write([]byte(text))
		must(err)
		must(cmd.Close())
		_, err = cmd.Wait()
		must(err)
	}
	must(c.Logout().Wait())
}
