package clienttest

import (
	"bytes"
	"strings"
	"testing"
)

// testBytes holds that what is accepted comes out byte for byte, over IMAP and over POP3.
func testBytes(t *testing.T, o *office, m *matrix) {
	const owner = "bytes"
	c := o.smtp(t)
	all := samples()
	for _, s := range all {
		m.try(t, "byte for byte", s.name, func(t *testing.T) {
			from, to, parameters := s.from, s.to, " BODY=8BITMIME"
			if from == "" {
				from = "sender@example.net"
			}
			if to == "" {
				to = owner
			}
			if s.utf8 {
				parameters += " SMTPUTF8"
			}
			c.envelope(t, from, at(to), parameters)
			var reply string
			if s.bdat > 0 {
				reply = c.bdat(t, s.body, s.bdat)
			} else {
				reply = c.data(t, s.body)
			}
			if !strings.HasPrefix(reply, "250 ") {
				t.Fatalf("the message was not taken: %s", reply)
			}
			find(t, o.newest(t, to), s.body)
		})
	}
	big := attachment(attachmentSize)
	m.try(t, "byte for byte", "an attachment of 50 MB", func(t *testing.T) {
		p := o.newProgram(t)
		// Without TLS, which an emulated machine takes half a minute for.
		p.must(t, "", "curl", "-sS", "--url", "smtp://"+hostname+":"+o.port("smtp")+"/sender.example.net", "--mail-from", "sender@example.net", "--mail-rcpt", at(owner),
			"--upload-file", p.file(t, "big.eml", string(big)))
		find(t, o.newest(t, owner), big)
	})
	m.try(t, "byte for byte", "all of them over POP3", func(t *testing.T) {
		got := o.popped(t, owner)
		for _, s := range append(all, sample{name: "an attachment of 50 MB", body: big}) {
			if s.to != "" {
				continue
			}
			// POP3 has lines only: one that is not ended gets its end.
			want := s.body
			if len(want) > 0 && !bytes.HasSuffix(want, []byte("\r\n")) {
				want = append(bytes.Clone(want), "\r\n"...)
			}
			found := false
			for _, body := range got {
				prefix, ok := bytes.CutSuffix(body, want)
				found = found || ok && isPrefix(prefix)
			}
			if !found {
				t.Errorf("%s: not among the %d messages of the maildrop", s.name, len(got))
			}
		}
	})
	m.try(t, "byte for byte", "SMTPUTF8 over POP3", func(t *testing.T) {
		if got := o.popped(t, "šaban"); len(got) != 1 {
			t.Errorf("%d messages; want 1", len(got))
		}
	})
}
