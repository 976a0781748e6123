package imapd

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSmuggling gives the server streams of broken commands. Whatever is wrong
// with them, the bytes of a literal that is announced as non-synchronising at the
// end of a line are never executed.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	executed := regexp.MustCompile(`(?m)^smuggled (OK|NO|BAD)`)
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		stream := smugglingStream(random)
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))   // the read fails if this does
		go func() { _, _ = io.WriteString(c, stream) }() // the server may hang up first
		answer, _ := io.ReadAll(c)                       // what has come is what counts
		_ = c.Close()
		if found := executed.Find(answer); found != nil {
			t.Fatalf("%s: a literal's bytes have been executed, of\n%.2000q", found, stream)
		}
	}
}

// smugglingStream is four commands of random tokens and literals, before log-in
// or behind it, some as long as a line can be.
func smugglingStream(random *rand.Rand) string {
	commands := []string{"LOGIN", "AUTHENTICATE PLAIN", "AUTHENTICATE PLAIN\r\n", "SELECT", "STATUS", "LIST", "APPEND INBOX", "APPEND Nothing", "SEARCH", "UID FETCH 1:*", "STORE 1", "ID", "IDLE\r\n", "FOO", "UID"}
	tokens := []string{" ", " ", " ", "(", ")", `"`, `"a"`, `\`, "INBOX", "x", "{", "}", "[", "]", "<", "1", "*", "$", "FLAGS", "BODY[", "UTF8", "RETURN", "TEXT", "~", "=", "+", "\xff", "\x00", `(\Seen)`, "{12}", "{5+", "5+}", "+}", "NIL"}
	var out strings.Builder
	longest := strangerLimits().Line
	if random.IntN(2) == 0 {
		out.WriteString("in LOGIN alice@example.test secret\r\nin SELECT INBOX\r\n")
		longest = userLimits().Line
	}
	for range 4 {
		line := "t " + commands[random.IntN(len(commands))]
		for more := true; more; more = random.IntN(3) > 0 {
			for range random.IntN(6) {
				line += tokens[random.IntN(len(tokens))]
			}
			if random.IntN(6) == 0 {
				line += strings.Repeat("y", max(0, longest-len(line)-random.IntN(30)))
			}
			literal := strings.Repeat("smuggled NOOP\r\n", 1+random.IntN(4)*random.IntN(200))
			line += fmt.Sprintf(" {%0*d+}\r\n%s", random.IntN(25), len(literal), literal)
		}
		out.WriteString(line + "\r\n")
	}
	return out.String() + strings.Repeat("out LOGOUT\r\n", 10)
}
