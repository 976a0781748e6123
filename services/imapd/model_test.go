package imapd

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// modelClient keeps a mailbox as a careful mail program does: from nothing but
// untagged responses and the changes that it asked for silently.
type modelClient struct {
	t        *testing.T
	conn     net.Conn
	in       *bufio.Reader
	random   *rand.Rand
	messages []modelMessage
	log      []string // what was said, for a test that fails
	tags     int

	// Of a client with QRESYNC: what it takes along from one SELECT to the next.
	qresync     bool
	notified    bool // NOTIFY tells it things between commands too
	archived    int  // messages in Archive, as NOTIFY has told
	uidOnly     bool // knows its messages by UID alone: those it has not heard of stand last, in no order
	uidValidity string
	highest     mail.ModSeq // up to which it knows everything
	seen        mail.ModSeq // highest that this command has told
	announced   mail.ModSeq // by HIGHESTMODSEQ in this command; 0 if it hasn't
	resynced    bool        // SELECT has told how many there are
	exists      int         // that SELECT has told, until all that vanished is known; 0 otherwise
}

type modelMessage struct {
	uid   mail.UID // 0 until told
	flags mail.Flags
	known bool // flags have been told
}

func newModelClient(t *testing.T, b *box, seed uint64) *modelClient {
	t.Helper()
	conn, err := b.plain.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &modelClient{t: t, conn: conn, in: bufio.NewReader(conn), random: rand.New(rand.NewPCG(seed, 7))}
	c.line()
	c.do("LOGIN alice@example.test secret")
	if c.random.IntN(2) == 0 {
		c.do("ENABLE CONDSTORE")
	}
	if c.random.IntN(2) == 0 {
		c.do("ENABLE IMAP4rev2")
	}
	if c.qresync = c.random.IntN(2) == 0 || seed == 1; c.qresync {
		c.do("ENABLE QRESYNC")
	}
	if c.uidOnly = seed >= 4; c.uidOnly {
		c.do("ENABLE UIDONLY")
	}
	c.do("SELECT INBOX")
	switch c.notified = seed%3 == 2; {
	case c.notified && c.uidOnly:
		c.do("NOTIFY SET STATUS (SELECTED (MessageNew (FLAGS) MessageExpunge FlagChange)) (MAILBOXES (Archive) (MessageNew MessageExpunge))")
	case c.notified: // numbers stay what they are between commands
		c.do("NOTIFY SET STATUS (SELECTED-DELAYED (MessageNew (FLAGS) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))")
	}
	return c
}

func (c *modelClient) line() string {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute)) // the read fails if this does
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Errorf("read: %v; so far:\n%s", err, c.tail())
		panic(err)
	}
	line = strings.TrimRight(line, "\r\n")
	c.log = append(c.log, "S: "+line)
	return line
}

func (c *modelClient) tail() string { return strings.Join(c.log[max(0, len(c.log)-60):], "\n") }

// do gives a command and takes in all that comes until it is done; it returns
// the tagged response.
func (c *modelClient) do(command string) string {
	c.tags++
	tag := "t" + strconv.Itoa(c.tags)
	c.log = append(c.log, "C: "+tag+" "+command)
	if _, err := c.conn.Write([]byte(tag + " " + command + "\r\n")); err != nil {
		c.t.Errorf("write: %v", err)
		panic(err)
	}
	for {
		line := c.line()
		if rest, ok := strings.CutPrefix(line, tag+" "); ok {
			c.status(rest)
			c.settle()
			// RFC 7162 §3.2.5: what the server says counts, else what it has told.
			if c.highest = max(c.highest, c.seen); c.announced != 0 {
				c.highest = c.announced
			}
			c.seen, c.announced = 0, 0
			if !strings.HasPrefix(rest, "OK") && !strings.HasPrefix(rest, "NO [EXPUNGEISSUED]") {
				c.t.Errorf("%s: got %q; so far:\n%s", command, rest, c.tail())
			}
			return rest
		}
		c.untagged(command, line)
	}
}

var untaggedNumber = regexp.MustCompile(`^\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH|UIDFETCH)(?: \((.*)\))?$`)

// untagged takes one untagged response in.
func (c *modelClient) untagged(command, line string) {
	c.status(line)
	if m := vanishedLineOf.FindStringSubmatch(line); m != nil {
		c.vanished(command, m[1] != "", m[2])
		return
	}
	if m := archiveStatus.FindStringSubmatch(line); m != nil {
		c.archived, _ = strconv.Atoi(m[1])
	}
	m := untaggedNumber.FindStringSubmatch(line)
	if m == nil {
		return
	}
	n, _ := strconv.Atoi(m[1])
	switch m[2] {
	case "EXISTS":
		if c.qresync && strings.HasPrefix(command, "SELECT INBOX (") && c.exists == 0 && !c.resynced {
			c.exists, c.resynced = n, true
			return
		}
		c.settle()
		if n < len(c.messages) {
			c.t.Errorf("EXISTS %d with %d messages; so far:\n%s", n, len(c.messages), c.tail())
		}
		if strings.HasPrefix(command, "SELECT") {
			c.messages = nil
		}
		for len(c.messages) < n {
			c.messages = append(c.messages, modelMessage{})
		}
	case "EXPUNGE":
		if c.qresync || c.uidOnly {
			c.t.Errorf("EXPUNGE after ENABLE QRESYNC or UIDONLY; so far:\n%s", c.tail())
		}
		if word, _, _ := strings.Cut(command, " "); word == "FETCH" || word == "STORE" || word == "SEARCH" {
			c.t.Errorf("EXPUNGE during %s; so far:\n%s", command, c.tail())
		}
		if n < 1 || n > len(c.messages) {
			c.t.Errorf("EXPUNGE %d of %d messages; so far:\n%s", n, len(c.messages), c.tail())
			return
		}
		c.messages = slices.Delete(c.messages, n-1, n)
	case "UIDFETCH":
		c.settle()
		c.fetched(c.named(mail.UID(n)), m[3])
	case "FETCH":
		if c.uidOnly {
			c.t.Errorf("FETCH after ENABLE UIDONLY; so far:\n%s", c.tail())
		}
		c.settle()
		if n < 1 || n > len(c.messages) {
			c.t.Errorf("FETCH %d of %d messages; so far:\n%s", n, len(c.messages), c.tail())
			return
		}
		c.fetched(&c.messages[n-1], m[3])
	}
}

var (
	vanishedLineOf = regexp.MustCompile(`^\* VANISHED (\(EARLIER\) )?([\d:,]+)$`)
	archiveStatus  = regexp.MustCompile(`^\* STATUS Archive .*MESSAGES (\d+)`)
	statusCode     = regexp.MustCompile(`\[(HIGHESTMODSEQ|UIDVALIDITY) (\d+)\]`)
	modSeqItem     = regexp.MustCompile(`MODSEQ \((\d+)\)`)
)

// status takes in the response codes that a client with QRESYNC lives by.
func (c *modelClient) status(line string) {
	m := statusCode.FindStringSubmatch(line)
	switch {
	case m == nil:
	case m[1] == "UIDVALIDITY":
		c.uidValidity = m[2]
	default:
		n, _ := strconv.ParseUint(m[2], 10, 64)
		c.announced = mail.ModSeq(n)
	}
}

// settle is the moment after SELECT has told what vanished: what else exists is new.
func (c *modelClient) settle() {
	if c.exists == 0 {
		return
	}
	if len(c.messages) > c.exists {
		c.t.Errorf("%d messages are left of %d; so far:\n%s", len(c.messages), c.exists, c.tail())
		c.messages = c.messages[:c.exists]
	}
	for len(c.messages) < c.exists {
		c.messages = append(c.messages, modelMessage{})
	}
	c.exists = 0
}

// vanished takes out what is gone. A UID that the client does not know yet is that
// of one of the messages that stand where it belongs and were not told.
func (c *modelClient) vanished(command string, earlier bool, set string) {
	if word, _, _ := strings.Cut(command, " "); !c.qresync && !c.uidOnly || !earlier && (word == "FETCH" || word == "STORE" || word == "SEARCH") {
		c.t.Errorf("VANISHED during %s; so far:\n%s", command, c.tail())
	}
	if !earlier {
		c.settle()
	}
	for part := range strings.SplitSeq(set, ",") {
		first, last, found := strings.Cut(part, ":")
		from, _ := strconv.Atoi(first)
		to := from
		if found {
			to, _ = strconv.Atoi(last)
		}
		for uid := mail.UID(from); uid <= mail.UID(to); uid++ {
			i := slices.IndexFunc(c.messages, func(m modelMessage) bool { return m.uid == uid })
			if i < 0 && !earlier && c.uidOnly {
				i = slices.IndexFunc(c.messages, func(m modelMessage) bool { return m.uid == 0 })
				if i < 0 {
					c.t.Errorf("VANISHED %d, which is not there; so far:\n%s", uid, c.tail())
					return
				}
			}
			if i < 0 && !earlier {
				i = slices.IndexFunc(c.messages, func(m modelMessage) bool { return m.uid > uid })
				if i < 0 {
					i = len(c.messages)
				}
				if i--; i < 0 || c.messages[i].uid != 0 {
					c.t.Errorf("VANISHED %d, which is not there; so far:\n%s", uid, c.tail())
					return
				}
			}
			if i >= 0 {
				c.messages = slices.Delete(c.messages, i, i+1)
			}
		}
	}
}

// named is the message of a UID, which may be one of those not heard of yet.
func (c *modelClient) named(uid mail.UID) *modelMessage {
	i := slices.IndexFunc(c.messages, func(m modelMessage) bool { return m.uid == 0 || m.uid >= uid })
	if !c.uidOnly || i < 0 {
		c.t.Errorf("UIDFETCH %d, which is not there; so far:\n%s", uid, c.tail())
		return new(modelMessage)
	}
	if c.messages[i].uid != uid {
		if c.messages[len(c.messages)-1].uid != 0 {
			c.t.Errorf("UIDFETCH %d, and all are known; so far:\n%s", uid, c.tail())
			return new(modelMessage)
		}
		c.messages = slices.Insert(c.messages[:len(c.messages)-1], i, modelMessage{uid: uid})
	}
	return &c.messages[i]
}

// resync leaves the mailbox and comes back to it, with what the client knows.
func (c *modelClient) resync() {
	leave := c.random.IntN(4)
	if c.notified { // else it is told things before SELECT comes to pass
		leave %= 3
	}
	c.do([]string{"UNSELECT", "UNSELECT", "CLOSE", "NOOP"}[leave])
	// Messages whose UIDs it has not heard of, and all behind them, are new to it.
	if i := slices.IndexFunc(c.messages, func(m modelMessage) bool { return m.uid == 0 }); i >= 0 {
		c.messages = c.messages[:i]
	}
	known, match := "", ""
	if n := len(c.messages); n > 0 {
		known = fmt.Sprintf(" 1:%d", c.messages[n-1].uid)
		i := c.random.IntN(n)
		match = fmt.Sprintf(" (%d,%d %d,%d)", i+1, n, c.messages[i].uid, c.messages[n-1].uid)
		if i == n-1 {
			match = fmt.Sprintf(" (%d %d)", n, c.messages[i].uid)
		}
	}
	if c.random.IntN(2) == 0 {
		known = ""
	}
	if c.random.IntN(2) == 0 || c.uidOnly {
		match = ""
	}
	c.resynced = false
	c.do("SELECT INBOX (QRESYNC (" + c.uidValidity + " " + decimal(c.highest) + known + match + "))")
}

var (
	uidItem   = regexp.MustCompile(`UID (\d+)`)
	flagsItem = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
)

func (c *modelClient) fetched(message *modelMessage, items string) {
	if m := uidItem.FindStringSubmatch(items); m != nil {
		uid, _ := strconv.Atoi(m[1])
		if message.uid != 0 && message.uid != mail.UID(uid) {
			c.t.Errorf("UID %d became %d; so far:\n%s", message.uid, uid, c.tail())
		}
		message.uid = mail.UID(uid)
	}
	if m := modSeqItem.FindStringSubmatch(items); m != nil {
		n, _ := strconv.ParseUint(m[1], 10, 64)
		c.seen = max(c.seen, mail.ModSeq(n))
	}
	if m := flagsItem.FindStringSubmatch(items); m != nil {
		message.flags, message.known = mail.NewFlags(strings.Fields(m[1])...), true
	}
}

// step gives one random command.
func (c *modelClient) step() {
	if c.qresync && c.random.IntN(8) == 0 {
		c.resync()
		return
	}
	if len(c.messages) == 0 {
		c.do("NOOP")
		return
	}
	if c.uidOnly {
		c.stepByUID()
		return
	}
	n := 1 + c.random.IntN(len(c.messages))
	last := min(len(c.messages), n+c.random.IntN(3))
	set := fmt.Sprintf("%d:%d", n, last)
	switch c.random.IntN(13) {
	case 0, 1:
		c.do("FETCH " + set + " (UID FLAGS)")
	case 2, 3, 4:
		c.storeRandom(set, n, last)
	case 5:
		c.do("EXPUNGE")
	case 6:
		c.do("COPY " + set + []string{" INBOX", " Archive"}[c.random.IntN(2)])
	case 7:
		c.do("MOVE " + strconv.Itoa(n) + " INBOX")
	case 8:
		c.do("SEARCH UNSEEN")
	case 9:
		c.do("UID FETCH 1:* FLAGS")
	case 10:
		c.do("APPEND INBOX (\\Seen) {3+}\r\nx\r\n")
	case 12:
		c.do("REPLACE " + strconv.Itoa(n) + " INBOX (\\Draft) {3+}\r\nx\r\n")
	case 11:
		c.do("FETCH " + set + " BODY[TEXT]<0.1>")
	}
}

// stepByUID gives one random command, of those that need no numbers.
func (c *modelClient) stepByUID() {
	n := c.random.IntN(len(c.messages))
	last := min(len(c.messages)-1, n+c.random.IntN(3))
	if c.messages[last].uid == 0 {
		c.do("UID FETCH 1:* FLAGS")
		return
	}
	set := fmt.Sprintf("%d:%d", c.messages[n].uid, c.messages[last].uid)
	switch c.random.IntN(10) {
	case 0, 1:
		c.do("UID FETCH " + set + " (UID FLAGS)")
	case 2, 3, 4:
		c.storeRandom(set, n+1, last+1)
	case 5:
		c.do("EXPUNGE")
	case 6:
		c.do("UID COPY " + set + " INBOX")
	case 7:
		c.do("UID MOVE " + set + []string{" INBOX", " Archive"}[c.random.IntN(2)])
	case 8:
		c.do("UID SEARCH UNSEEN")
	case 9:
		c.do("APPEND INBOX (\\Seen) {3+}\r\nx\r\n")
	}
}

// storeRandom changes flags in one of the forms of STORE.
func (c *modelClient) storeRandom(set string, first, last int) {
	flag := []string{`\Seen`, `\Deleted`, `\Flagged`, "$Work"}[c.random.IntN(4)]
	op := mail.FlagOp(c.random.IntN(3))
	item := []string{"FLAGS", "+FLAGS", "-FLAGS"}[op]
	store := "STORE "
	if c.uidOnly {
		store = "UID STORE "
	}
	// What comes from NOTIFY while a silent change is on its way can be from before or
	// after it: no client knows, so none that is notified is silent.
	if c.notified || c.random.IntN(2) == 0 {
		c.do(store + set + " " + item + " (" + flag + ")")
		return
	}
	// Silently: the client takes it for done, and corrects that by what it hears.
	for i := first - 1; i < last; i++ {
		m := &c.messages[i]
		m.flags = op.Apply(m.flags, mail.NewFlags(flag))
		m.known = m.known || op == mail.FlagsReplace
	}
	c.do(store + set + " " + item + ".SILENT (" + flag + ")")
}

// compare is a sync point: afterwards the view equals the store.
func (c *modelClient) compare(b *box) {
	c.do("NOOP")
	if there := int(b.mailbox("Archive").Total); c.notified && c.archived != there {
		c.t.Errorf("the client has been told of %d messages in Archive, the store has %d; so far:\n%s", c.archived, there, c.tail())
	}
	unknown := slices.ContainsFunc(c.messages, func(m modelMessage) bool { return m.uid == 0 || !m.known })
	if c.uidOnly && unknown {
		c.do("UID FETCH 1:* FLAGS")
	}
	for i, m := range c.messages {
		if !c.uidOnly && (m.uid == 0 || !m.known) {
			c.do(fmt.Sprintf("FETCH %d (UID FLAGS)", i+1))
		}
	}
	i := 0
	for row, err := range b.account.Rows(context.Background(), b.mailbox("INBOX").ID, mail.UIDSet{{First: 1, Last: 1 << 31}}) {
		if err != nil {
			c.t.Error(err)
			return
		}
		if i >= len(c.messages) || c.messages[i].uid != row.UID || !c.messages[i].flags.Equal(row.Flags) {
			got := modelMessage{}
			if i < len(c.messages) {
				got = c.messages[i]
			}
			c.t.Errorf("message %d: the client has UID %d %q, the store UID %d %q; so far:\n%s", i+1, got.uid, got.flags.Names(), row.UID, row.Flags.Names(), c.tail())
			return
		}
		i++
	}
	if i != len(c.messages) {
		c.t.Errorf("the client has %d messages, the store %d; so far:\n%s", len(c.messages), i, c.tail())
	}
}

// TestModel lets several sessions work on one mailbox at once, and a stranger
// deliver to it; what each has been told is what there is, at every sync point.
func TestModel(t *testing.T) {
	t.Parallel()
	rounds := 20
	if os.Getenv("SANDUK_LONG") != "" {
		rounds = 200
	}
	b := newBox(t)
	b.fixture()
	clients := make([]*modelClient, 6)
	for i := range clients {
		clients[i] = newModelClient(t, b, uint64(i))
	}
	for range rounds {
		var working sync.WaitGroup
		for _, c := range clients {
			working.Go(func() {
				for range 15 {
					c.step()
				}
			})
		}
		working.Go(func() { b.put("INBOX", mail.Flags{}, plainMessage) })
		working.Wait()
		for _, c := range clients {
			c.compare(b)
		}
		if t.Failed() {
			return
		}
	}
}
