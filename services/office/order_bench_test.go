package office

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// BenchmarkOrder measures what IMAP clients ask of a mailbox of 100,000 messages:
// SORT and THREAD after a start and once more, the fields that a list shows, and a
// search in all texts.
func BenchmarkOrder(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	o := startOffice(b, dir)
	o.setUpNow(b, 0)
	o.fillOrder(b, n)
	if err := o.stop(); err != nil {
		b.Fatal(err)
	}
	o = startOffice(b, dir)
	c := dialOrder(b, o.addrs["imap"])
	c.ask(b, fmt.Sprintf("LOGIN alice@%s %q", testDomain, testPassword))
	c.ask(b, "SELECT INBOX")
	// The index follows a minute behind; it has everything when a search is quick. One
	// that is not takes its time itself: nothing spins.
	for began := time.Now(); c.ask(b, "SEARCH BODY word99999x") > time.Second && time.Since(began) < 5*time.Minute; {
	}
	for _, one := range []struct{ name, command string }{
		{"sort-cold", "SORT (SUBJECT) UTF-8 ALL"}, {"sort", "SORT (SUBJECT) UTF-8 ALL"}, {"sort-arrival", "SORT (ARRIVAL) UTF-8 ALL"},
		{"sort-part", "SORT RETURN (PARTIAL 1:50 COUNT) (REVERSE DATE) UTF-8 ALL"},
		{"thread-references", "THREAD REFERENCES UTF-8 ALL"}, {"thread-refs", "THREAD REFS UTF-8 ALL"}, {"thread-subject", "THREAD ORDEREDSUBJECT UTF-8 ALL"},
		{"fetch-flags", "FETCH 1:* (FLAGS UID)"}, {"fetch-envelope", "FETCH 1:* (ENVELOPE)"}, {"fetch-bodystructure", "FETCH 1:* (BODYSTRUCTURE)"},
		{"search-text", "SEARCH TEXT word77x"}, {"search-body", "SEARCH BODY word99999x"}, {"search-fuzzy", "SEARCH FUZZY BODY word99999x"},
	} {
		b.ReportMetric(c.ask(b, one.command).Seconds()*1000, "ms-"+one.name)
	}
}

// fillOrder fills alice's INBOX with threads of ten messages each.
func (o *testOffice) fillOrder(b *testing.B, n int) {
	b.Helper()
	alice := o.recipient(b, "alice")
	inbox, err := alice.account.Mailbox(b.Context(), mail.Inbox)
	if err != nil {
		b.Fatal(err)
	}
	for first := 0; first < n; first += 500 {
		var batch []draft.Append
		for i := first; i < first+500; i++ {
			references := ""
			for ancestor := i - i%10; ancestor < i; ancestor++ {
				references += fmt.Sprintf(" <%d@example.org>", ancestor)
			}
			text := fmt.Sprintf("From: Person %d <p%d@example.org>\r\nTo: Alice <alice@example.test>, b@example.test\r\nSubject: Re: matter %d of the office\r\nDate: %s\r\nMessage-ID: <%d@example.org>\r\nReferences:%s\r\n\r\nthe letter word%dx\r\n%s",
				i%977, i%977, i/10*7919%n, time.Unix(int64(1_600_000_000+i*7919%n*60), 0).UTC().Format(time.RFC1123Z), i, references, i, strings.Repeat("some words of a letter\r\n", 40))
			d := o.spool.New(int64(len(text)))
			if _, err := d.Write([]byte(text)); err != nil {
				b.Fatal(err)
			}
			if err := d.Finish(); err != nil {
				b.Fatal(err)
			}
			batch = append(batch, draft.Append{Draft: d, Internal: time.Unix(int64(1_600_000_000+i), 0)})
		}
		if _, err := alice.account.Append(b.Context(), inbox.ID, batch); err != nil {
			b.Fatal(err)
		}
		for _, a := range batch {
			a.Draft.Discard()
		}
	}
}

// orderClient reads answers without looking at them.
type orderClient struct {
	conn net.Conn
	in   *bufio.Reader
	n    int
}

func dialOrder(b *testing.B, addr string) *orderClient {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	c := &orderClient{conn: conn, in: bufio.NewReaderSize(conn, 1<<20)}
	if _, err := c.in.ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	return c
}

// ask gives a command and says how long its answer took to the end.
func (c *orderClient) ask(b *testing.B, command string) time.Duration {
	b.Helper()
	c.n++
	tag := fmt.Sprintf("t%d ", c.n)
	began := time.Now()
	if _, err := fmt.Fprintf(c.conn, "%s%s\r\n", tag, command); err != nil {
		b.Fatal(err)
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		if strings.HasPrefix(string(line[:min(len(line), len(tag))]), tag) {
			if !strings.HasPrefix(string(line), tag+"OK") {
				b.Fatalf("%s: %s", command, line)
			}
			return time.Since(began)
		}
	}
}
