package imapd

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// TestCrossing has everything on at once that changes what a session tells and how:
// COMPRESS, QRESYNC, UIDONLY, NOTIFY, IDLE, an order that is followed. What is watched
// is renamed and deleted meanwhile, the log-in is given up, and nothing of it is left
// to whoever comes next.
func TestCrossing(t *testing.T) {
	t.Parallel()
	for _, overTLS := range []bool{false, true} {
		b := newBox(t)
		b.fixture()
		runner := mailtest.Runner{Dial: func() (net.Conn, error) { return b.dialCompressed(overTLS) }}
		runner.Run(t, "crossing", `
1C: a ENABLE QRESYNC UIDONLY IMAP4rev2
1S: /\* ENABLED .*UIDONLY.*/
1S: a OK ENABLE completed
1C: a2 CREATE Watched
1S: /a2 OK .*/
1C: b SELECT Watched
1S: ...
1S: /b OK .*/
1C: c UID SORT RETURN (UPDATE ALL) (REVERSE ARRIVAL) UTF-8 ALL
1S: ...
1S: /c OK .*/
1C: d NOTIFY SET (SELECTED (MessageNew (PREVIEW) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange))
1S: d OK NOTIFY completed
1C: e IDLE
1S: + idling
2C8: "a APPEND Watched {9+}\r\nA: b\r\n\r\nx\r\n"
2S: /a OK .*/
1S: * 1 EXISTS
1S: ...
1S: /\* 1 UIDFETCH \(PREVIEW .*/
1C: DONE
1S: e OK IDLE completed
2C: b RENAME Watched Other
2S: /b OK .*/
1S: * LIST (\HasNoChildren) "/" Other ("OLDNAME" (Watched))
2C: c SELECT Other
2S: ...
2S: /c OK .*/
2C: d STORE 1 +FLAGS.SILENT (\Deleted)
2S: d OK STORE completed
1S: /\* 1 UIDFETCH \(FLAGS \(\\Deleted\) MODSEQ .*/
2C: e EXPUNGE
2S: * 1 EXPUNGE
2S: /e OK .*/
1S: /\* ESEARCH \(TAG "c"\) UID REMOVEFROM .*/
1S: * VANISHED 1
1C: f UID FETCH 1:* FLAGS
1S: f OK UID FETCH completed
1C: g IDLE
1S: + idling
2C: f UNSELECT
2S: f OK UNSELECT completed
2C: g DELETE Other
2S: g OK DELETE completed
1S: * BYE The mailbox has been deleted in another session
1S.
`)
	}
}

// TestCrossingUnauthenticate gives the log-in up with all of it on.
func TestCrossingUnauthenticate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	for range 3 {
		c, err := b.dialCompressed(true)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		say(t, c, "a ENABLE QRESYNC UIDONLY\r\n", "a OK")
		say(t, c, "b SELECT INBOX\r\n", "b OK")
		say(t, c, "c NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge MailboxName))\r\n", "c OK")
		say(t, c, "d UNAUTHENTICATE\r\n", "d OK")
		plain := c.(*compressedConn).Conn
		say(t, plain, "e LOGIN alice@example.test secret\r\n", "e OK")
		if _, err := b.account.CreateMailbox(t.Context(), fmt.Sprint("m", time.Now().UnixNano()), 0); err != nil {
			t.Fatal(err)
		}
		say(t, plain, "f SELECT INBOX\r\n", "f OK")
		say(t, plain, "g FETCH 1 UID\r\n", "* 1 FETCH")
		say(t, plain, "", "g OK")
	}
}

// TestCrossingGone: sessions that wait with all of it on leave no goroutine behind.
func TestCrossingGone(t *testing.T) {
	b := newBox(t)
	b.fixture()
	before := runtime.NumGoroutine()
	var conns []net.Conn
	for i := range 60 {
		c, err := b.dialCompressed(i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		say(t, c, "a SELECT INBOX\r\n", "a OK")
		say(t, c, "b NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))\r\n", "b OK")
		if i%3 == 0 {
			say(t, c, "c IDLE\r\n", "+ idling")
		}
	}
	for _, c := range conns {
		_ = c.(*compressedConn).Conn.Close()
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines, before %d:\n%.3000s", runtime.NumGoroutine(), before, strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])))
}
