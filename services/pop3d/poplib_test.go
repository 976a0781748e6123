package pop3d

import (
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// poplibScript is a session of Python's own POP3 client, over STLS.
const poplibScript = `
import poplib, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False  # the name is in the certificate, not in DNS
p = poplib.POP3('127.0.0.1', port, timeout=10)
caps = p.capa()
assert 'STLS' in caps and caps['EXPIRE'] == ['NEVER'], caps
p.stls(context)
p.user('alice@example.test')
p.pass_('secret with spaces ')
assert p.stat() == (3, 119), p.stat()
assert p.list()[1] == [b'1 55', b'2 29', b'3 35'], p.list()
ids = p.uidl()[1]
assert len(set(ids)) == 3, ids
assert p.retr(1)[1] == [b'Subject: one', b'', b'first line', b'.second line', b'..', b'.', b'last'], p.retr(1)
assert p.top(1, 1)[1] == [b'Subject: one', b'', b'first line'], p.top(1, 1)
p.noop()
p.dele(2)
try:
    p.retr(2)
except poplib.error_proto as e:
    assert b'deleted' in e.args[0], e
else:
    raise AssertionError('a deleted message was sent')
p.quit()
print('well')
`

// TestPoplib lets another implementation be the witness.
func TestPoplib(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to be the witness")
	}
	b := newBox(t, func(o *Options) { o.Auth.(*mailtest.Logins).InClear = false })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = b.server.Serve(l, Mode{}) }() // Shutdown ends it
	ca := filepath.Join(t.TempDir(), "ca.pem")
	der := b.server.options.TLS.Certificates[0].Certificate[0]
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", poplibScript, port, ca).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "well" {
		t.Errorf("poplib: %v\n%s", err, out)
	}
	if got := b.count(alice); got != 2 {
		t.Errorf("%d messages are left; want 2", got)
	}
}
