package office

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestSizes: whatever a message looks like, the size that is announced is the
// number of octets that are sent. IMAP sends what is stored; POP3 sends lines
// that end in CRLF.
func TestSizes(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: sent\r\n\r\n.\r\n..\r\nno line end"); err != nil {
		t.Fatal(err)
	}
	bob, err := o.directory.Resolve(t.Context(), mail.Address{Local: "bob", Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	account, err := o.store.Account(t.Context(), bob)
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := account.Mailbox(t.Context(), mail.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	var messages []draft.Append
	for _, text := range storetest.Ugly() {
		messages = append(messages, draft.Append{Draft: storetest.NewDraft(t, storetest.NewSpool(t), text), Internal: time.Now()})
	}
	if _, err := account.Append(t.Context(), inbox.ID, messages); err != nil {
		t.Fatal(err)
	}
	o.imapSizes(t, "bob", storetest.Ugly())
	o.pop3Sizes(t, "bob", 1+len(messages))
}

// imapSizes checks RFC822.SIZE against BODY[]; the messages behind the first are
// these.
func (o *testOffice) imapSizes(t *testing.T, name string, texts []string) {
	c := o.imap(t, name, nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	fetched, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: uint32(1 + len(texts))}}, &imap.FetchOptions{RFC822Size: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	if len(fetched) != 1+len(texts) {
		t.Fatalf("fetched %d messages; want %d", len(fetched), 1+len(texts))
	}
	for i, m := range fetched {
		body := string(m.FindBodySection(section))
		if m.RFC822Size != int64(len(body)) {
			t.Errorf("IMAP: RFC822.SIZE %d; BODY[] has %d octets: %.60q", m.RFC822Size, len(body), body)
		}
		if i > 0 && body != texts[i-1] {
			t.Errorf("IMAP: BODY[] is %.60q; stored is %.60q", body, texts[i-1])
		}
	}
}

// pop3Sizes checks STAT, LIST and what RETR announces against what it sends.
func (o *testOffice) pop3Sizes(t *testing.T, name string, count int) {
	raw, err := tls.Dial("tcp", o.addrs["pop3s"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	in := bufio.NewReader(raw)
	ask := func(command, format string, values ...any) {
		t.Helper()
		if command != "" {
			fmt.Fprintf(raw, "%s\r\n", command)
		}
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(line, "+OK"+format, values...); err != nil {
			t.Fatalf("%s: got %q; want +OK%s", command, line, format)
		}
	}
	ask("", "")
	ask("USER "+name+"@"+testDomain, "")
	ask("PASS "+testPassword, "")
	var n int
	var total, sum int64
	ask("STAT", " %d %d", &n, &total)
	if n != count {
		t.Fatalf("STAT counts %d messages; want %d", n, count)
	}
	for i := 1; i <= n; i++ {
		var number int
		var listed, announced int64
		ask(fmt.Sprintf("LIST %d", i), " %d %d", &number, &listed)
		ask(fmt.Sprintf("RETR %d", i), " %d", &announced)
		sent := int64(0)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line == ".\r\n" {
				break
			}
			if !strings.HasSuffix(line, "\r\n") {
				t.Errorf("POP3: message %d has a line without CRLF: %.60q", i, line)
			}
			sent += int64(len(strings.TrimPrefix(line, ".")))
		}
		if listed != sent || announced != sent {
			t.Errorf("POP3: message %d: LIST says %d, RETR %d; %d octets are sent", i, listed, announced, sent)
		}
		sum += listed
	}
	if total != sum {
		t.Errorf("POP3: STAT says %d octets; they come to %d", total, sum)
	}
	ask("QUIT", "")
}
