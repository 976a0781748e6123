package imapd

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestFetchAhead: digests that are read ahead belong to the messages that they are
// told of, whatever their number; one alone is read on its own.
func TestFetchAhead(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 9051))
	b := newBox(t)
	const n = 2*aheadRows + 7
	for i := range n {
		text := randomSorted(r).text
		if i%10 == 0 { // so much header that those behind it are not read ahead
			text = "X-Long: " + strings.Repeat("long\n ", aheadHeaders/8/6) + "\n" + text
		}
		b.put("INBOX", mail.Flags{}, text)
	}
	told := regexp.MustCompile(`(?m)^\* \d+ FETCH .*\r$`)
	fetch := func(commands string) []string {
		c := &fuzzConn{in: strings.NewReader("x LOGIN alice@example.test secret\r\ny SELECT INBOX\r\n" + commands)}
		newSession(b.server, c, Mode{}).Serve()
		return told.FindAllString(c.out.String(), -1)
	}
	var single strings.Builder
	for i := range n {
		fmt.Fprintf(&single, "z%d FETCH %d (UID ENVELOPE BODYSTRUCTURE)\r\n", i, i+1)
	}
	got, want := fetch("z FETCH 1:* (UID ENVELOPE BODYSTRUCTURE)\r\n"), fetch(single.String())
	if len(want) != n || !slices.Equal(got, want) {
		t.Errorf("of %d messages %d are told of together, %d one by one; they should be the same", n, len(got), len(want))
	}
}
