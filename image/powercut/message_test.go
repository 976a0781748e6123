package powercut

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// lineLength of the text, line end included.
const lineLength = 72

// letter is a message that can be told from its name and size alone, to the last byte.
type letter struct {
	name string
	size int // of the text below the header, rounded up to whole lines
}

// field names the header line that says which letter a message is.
const field = "X-Powercut"

// text writes the letter out. Its letters are random, so that neither compression nor a block of zeros, nor a block of
// another letter, can pass for it.
func (l letter) text() []byte {
	h := fnv.New64a()
	h.Write([]byte(l.name))
	r := rand.New(rand.NewPCG(h.Sum64(), uint64(l.size)))
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: Bob <bob@example.net>\r\nTo: office@%s\r\nSubject: %s\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%s@example.net>\r\n%s: %s %d\r\n\r\n",
		domain, l.name, l.name, field, l.name, l.size)
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	line := make([]byte, lineLength)
	copy(line[lineLength-2:], "\r\n")
	for n := 0; n < l.size; n += lineLength {
		var bits uint64
		for i := range lineLength - 2 {
			if i%10 == 0 {
				bits = r.Uint64()
			}
			line[i] = alphabet[bits&63]
			bits >>= 6
		}
		b.Write(line)
	}
	return b.Bytes()
}

// whole says whether raw is the letter that it claims to be, perhaps with header lines in front that were added on the
// way; why is empty if so.
func whole(raw []byte) (name, why string) {
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	_, rest, found := bytes.Cut(header, []byte("\r\n"+field+": "))
	if !found {
		return "", fmt.Sprintf("no letter of ours: %d bytes beginning with %.60q", len(raw), raw)
	}
	line, _, _ := bytes.Cut(rest, []byte("\r\n"))
	name, number, _ := strings.Cut(string(line), " ")
	size, err := strconv.Atoi(number)
	if err != nil || size < 0 || size > 64<<20 {
		return name, fmt.Sprintf("its size is %q", number)
	}
	want := letter{name, size}.text()
	if len(raw) < len(want) {
		return name, fmt.Sprintf("%d bytes, sent were %d", len(raw), len(want))
	}
	got := raw[len(raw)-len(want):]
	for i := range want {
		if got[i] != want[i] {
			return name, fmt.Sprintf("byte %d of %d is not what was sent", i, len(want))
		}
	}
	return name, ""
}

// word gives one of a letter's words that no other has, in full and as a part: the mail's indexes are asked for it.
func word(raw []byte) string {
	_, text, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	words := bytes.FieldsFunc(text, func(r rune) bool { return r == '+' || r == '/' || r == '\r' || r == '\n' })
	for n := len(words) / 2; n < len(words); n++ {
		if len(words[n]) >= 10 {
			return string(words[n])
		}
	}
	return ""
}

func TestWhole(t *testing.T) {
	t.Parallel()
	text := letter{"a.1", 5000}.text()
	if name, why := whole(text); name != "a.1" || why != "" {
		t.Errorf("the letter itself: %q, %q", name, why)
	}
	if _, why := whole(append([]byte("Received: x\r\n"), text...)); why != "" {
		t.Errorf("with a line in front: %q", why)
	}
	torn := bytes.Clone(text)
	clear(torn[1024:1536])
	for what, raw := range map[string][]byte{
		"torn": torn, "cut short": text[:len(text)-1], "empty": nil,
		"another's end": append(bytes.Clone(text[:2048]), letter{"a.2", 5000}.text()[2048:]...),
	} {
		if _, why := whole(raw); why == "" {
			t.Errorf("%s passes for whole", what)
		}
	}
}
