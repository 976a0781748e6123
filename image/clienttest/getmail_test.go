package clienttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testGetmail collects by POP3 and IMAP into a Maildir.
func testGetmail(t *testing.T, o *office, m *matrix) {
	const owner = "getmail"
	p := o.inRoot(t)
	got := filepath.Join(p.home, "got")
	deliver := p.file(t, "deliver", "#!/bin/sh\nexec cat >>"+got+"\n") // for root it does not write a Maildir
	if err := os.Chmod(deliver, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ retriever, service string }{{"SimplePOP3SSLRetriever", "pop3s"}, {"SimpleIMAPSSLRetriever", "imaps"}} {
		m.try(t, owner, c.service+": collect and take away", func(t *testing.T) {
			o.deliver(t, owner, note("getmail "+c.service))
			p.file(t, "getmailrc", fmt.Sprintf("[retriever]\ntype = %s\nserver = %s\nport = %s\nusername = %s\npassword = %s\nca_certs = %s\n[destination]\ntype = MDA_external\npath = %s\nallow_root_commands = true\n[options]\ndelete = true\n",
				c.retriever, hostname, o.port(c.service), at(owner), password, o.caFile, deliver))
			p.must(t, "", "getmail", "--getmaildir", p.home, "--rcfile", "getmailrc")
			o.count(t, owner, "INBOX", 0)
			if text := read(t, got); !strings.Contains(text, "This is getmail "+c.service+".") {
				t.Errorf("what it brought is %q", text)
			}
		})
	}
}
