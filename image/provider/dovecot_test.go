package provider

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/image/dovecot"
)

const root = "../.." // of the module

// skip says why a test can't be run here.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SANDUK_SYSTEM") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

// provider is the running server.
type provider struct {
	root      string
	imap, pop uint16 // TLS from the first byte
	ca        []byte // PEM
	roots     *x509.CertPool
}

// startDovecot starts the server, with empty mailboxes.
func startDovecot(t *testing.T) *provider {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: it takes long")
	}
	config, err := os.ReadFile("testdata/dovecot.conf")
	if err != nil {
		t.Fatal(err)
	}
	p := new(provider)
	text := string(config)
	for name, port := range map[string]*uint16{"IMAPS": &p.imap, "POP3S": &p.pop} {
		if *port, err = dovecot.FreePort(); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "port = "+name, fmt.Sprintf("port = %d", *port))
	}
	d, err := dovecot.Start(t.Context(), dovecot.Options{Module: root, Root: "provider", Config: text, Answers: fmt.Sprintf("127.0.0.1:%d", p.imap)})
	if err != nil {
		skip(t, "%v", err)
	}
	t.Cleanup(func() {
		d.Stop()
		if t.Failed() {
			t.Logf("Dovecot said %s", d.Log())
		}
	})
	p.root, p.ca, p.roots = d.Root, d.CA, d.Roots
	return p
}

// put lays a message into somebody's INBOX, as a delivery does.
func (d *provider) put(t *testing.T, user, name, text string) {
	t.Helper()
	box := filepath.Join(d.root, "var/vmail", user, "Maildir")
	for _, dir := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(box, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{filepath.Dir(box), box, filepath.Join(box, "tmp"), filepath.Join(box, "new"), filepath.Join(box, "cur")} {
		if err := os.Chown(dir, dovecot.Owner, dovecot.Owner); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(box, "tmp", name)
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(tmp, dovecot.Owner, dovecot.Owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(box, "new", name)); err != nil {
		t.Fatal(err)
	}
}

// left counts what is in somebody's INBOX.
func (d *provider) left(t *testing.T, user string) (n int) {
	t.Helper()
	for _, dir := range []string{"new", "cur"} {
		list, err := os.ReadDir(filepath.Join(d.root, "var/vmail", user, "Maildir", dir))
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	return n
}
