package imapd

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// liveClient follows results by UID, knowing nothing but what it is told.
type liveClient struct {
	t     *testing.T
	conn  net.Conn
	in    *bufio.Reader
	n     int
	lists map[string][]string // by tag
}

func newLiveClient(t *testing.T, b *box) *liveClient {
	t.Helper()
	conn, err := b.plain.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &liveClient{t: t, conn: conn, in: bufio.NewReader(conn), lists: map[string][]string{}}
	if _, err := c.in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.do("LOGIN alice@example.test secret")
	c.do("SELECT INBOX")
	return c
}

var (
	liveAll    = regexp.MustCompile(`^\* ESEARCH \(TAG "(\w+)"\) UID ALL (\S+)`)
	liveChange = regexp.MustCompile(`^\* ESEARCH \(TAG "(\w+)"\) UID (ADDTO|REMOVEFROM) \((.*)\)$`)
)

// do gives a command and takes in what is told; it returns the tag.
func (c *liveClient) do(command string) string {
	c.t.Helper()
	c.n++
	tag := "t" + strconv.Itoa(c.n)
	if _, err := fmt.Fprintf(c.conn, "%s %s\r\n", tag, command); err != nil {
		c.t.Fatal(err)
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, tag+" "); ok {
			if !strings.HasPrefix(rest, "OK") {
				c.t.Fatalf("%s: %s", command, line)
			}
			return tag
		}
		if m := liveAll.FindStringSubmatch(line); m != nil {
			c.lists[m[1]] = numbersOf(m[2])
		}
		if m := liveChange.FindStringSubmatch(line); m != nil {
			c.change(line, m[1], m[2] == "ADDTO", strings.Fields(m[3]))
		}
	}
}

// change does what an ADDTO or a REMOVEFROM says, and sees that it can be done.
func (c *liveClient) change(line, tag string, add bool, pairs []string) {
	list := c.lists[tag]
	for ; len(pairs) > 1; pairs = pairs[2:] {
		place, _ := strconv.Atoi(pairs[0])
		for _, uid := range numbersOf(pairs[1]) {
			at := slices.Index(list, uid)
			switch {
			case add != (at < 0), place > 0 && !add && at != place-1, place > len(list)+1:
				c.t.Fatalf("%s: the list is %v", line, list)
			case !add:
				list = slices.Delete(list, at, at+1)
			case place > 0:
				list = slices.Insert(list, place-1, uid)
				place++
			default:
				list = append(list, uid)
			}
		}
	}
	c.lists[tag] = list
}

// numbersOf lists a set's numbers in the order in which it has them.
func numbersOf(set string) (list []string) {
	for part := range strings.SplitSeq(set, ",") {
		first, last, ok := strings.Cut(part, ":")
		if !ok {
			last = first
		}
		from, _ := strconv.Atoi(first)
		to, _ := strconv.Atoi(last)
		for ; from <= to; from++ {
			list = append(list, strconv.Itoa(from))
		}
	}
	return list
}

// TestContextRandom: whatever happens, what a client has been told of a result is
// what a search that is made anew finds, in its order.
func TestContextRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 5267))
	b := newBox(t)
	for range 8 {
		b.put("INBOX", mail.Flags{}, randomSorted(r).text)
	}
	c := newLiveClient(t, b)
	other := newLiveClient(t, b)
	type followed struct{ tag, again string }
	var all []followed
	for _, criteria := range []string{"ALL", "UNSEEN", "OR FLAGGED SUBJECT apple", "NOT (SEEN FLAGGED)"} {
		all = append(all, followed{c.do("UID SEARCH RETURN (UPDATE ALL) " + criteria), "UID SEARCH RETURN (ALL) " + criteria})
		for _, by := range []string{"(SUBJECT REVERSE DATE)"} {
			all = append(all, followed{c.do("UID SORT RETURN (CONTEXT UPDATE ALL) " + by + " UTF-8 " + criteria), "UID SORT RETURN (ALL) " + by + " UTF-8 " + criteria})
		}
	}
	for round := range 150 {
		who := []*liveClient{c, other}[r.IntN(2)]
		switch r.IntN(6) {
		case 0, 1:
			b.put("INBOX", mail.Flags{}, randomSorted(r).text)
		case 2:
			who.do(fmt.Sprintf(`UID STORE %d,%d +FLAGS (\Deleted)`, 1+r.IntN(70), 1+r.IntN(70)))
			who.do("EXPUNGE")
		default:
			flag := []string{`\Seen`, `\Flagged`}[r.IntN(2)]
			who.do(fmt.Sprintf("UID STORE %d:%d %sFLAGS (%s)", 1+r.IntN(20), 10+r.IntN(60), []string{"+", "-"}[r.IntN(2)], flag))
		}
		c.do("NOOP")
		for _, f := range all {
			got := slices.Clone(c.lists[f.tag])
			want := c.lists[c.do(f.again)]
			if strings.HasPrefix(f.again, "UID SEARCH") {
				slices.Sort(got)
				want = slices.Sorted(slices.Values(want))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("round %d, %s: the client has %v, there is %v", round, f.again, got, want)
			}
		}
		if t.Failed() {
			return
		}
	}
}
