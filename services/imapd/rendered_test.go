package imapd

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestRenderedTexts: texts that were kept are what was told the first time, each
// to the sessions that may have it.
func TestRenderedTexts(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	const n = aheadRows + 3
	for i := range n {
		b.put("INBOX", mail.Flags{}, fmt.Sprintf("Subject: gr\u00fc\u00dfe %d\nFrom: a%d@example.test\n\ntext %d\n", i, i, i))
	}
	told := regexp.MustCompile(`(?ms)^\* \d+ FETCH .*?\)\r$`)
	fetch := func(enable string) []string {
		c := &fuzzConn{in: bytes.NewReader([]byte("x LOGIN alice@example.test secret\r\n" + enable +
			"y SELECT INBOX\r\nz FETCH 1:* (UID ENVELOPE BODY BODYSTRUCTURE PREVIEW)\r\n"))}
		newSession(b.server, c, Mode{}).Serve()
		return told.FindAllString(c.out.String(), -1)
	}
	const utf8 = "w ENABLE UTF8=ACCEPT\r\n"
	cold, coldUTF8 := fetch(""), fetch(utf8)
	kept := 0
	for _, s := range b.server.rendered.slabs {
		kept += len(s.places)
	}
	if want := 2 * 4 * n; kept != want {
		t.Errorf("%d texts are kept, want %d", kept, want)
	}
	if len(cold) != n || slices.Equal(cold, coldUTF8) {
		t.Errorf("got %d messages, want %d, and told otherwise to a client that takes UTF-8", len(cold), n)
	}
	if got := fetch(""); !slices.Equal(got, cold) {
		t.Errorf("told the second time:\n%q\nthe first:\n%q", got, cold)
	}
	if got := fetch(utf8); !slices.Equal(got, coldUTF8) {
		t.Errorf("told the second time in UTF-8:\n%q\nthe first:\n%q", got, coldUTF8)
	}
}

// TestRenderedTextsBounded: the oldest go, and what has been given out stays.
func TestRenderedTextsBounded(t *testing.T) {
	t.Parallel()
	const most = 3 // slabs
	r := renderedTexts{most: slabs(most * renderedSlab)}
	text := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, maxRendered) }
	key := func(i int) renderedKey { return renderedKey{uid: mail.UID(i + 1), item: renderedEnvelope} }
	const n = 2 * most * renderedSlab / maxRendered
	r.put(key(0), text(0))
	first := r.get(key(0))
	for i := 1; i < n; i++ {
		r.put(key(i), text(i))
	}
	total := 0
	for _, s := range r.slabs {
		total += len(s.text)
	}
	if total > most*renderedSlab {
		t.Errorf("%d bytes are kept, more than %d", total, most*renderedSlab)
	}
	if !bytes.Equal(first, text(0)) {
		t.Error("a text changed that had been given out")
	}
	if r.get(key(0)) != nil || !bytes.Equal(r.get(key(n-1)), text(n-1)) {
		t.Error("the oldest should be gone and the latest be there")
	}
	r.put(key(0), append(text(0), 'x'))
	if r.get(key(0)) != nil {
		t.Error("a text is kept that is too long")
	}
}

// BenchmarkRendered looks up what was told of 100,000 messages, two items each, in
// the order in which it was told.
func BenchmarkRendered(b *testing.B) {
	const n = 100_000
	var r renderedTexts
	text := bytes.Repeat([]byte{'x'}, 200)
	key := func(i int, item renderedItem) renderedKey {
		return renderedKey{account: 1, mailbox: 1, uid: mail.UID(i + 1), email: mail.EmailID(i + 1), item: item}
	}
	for _, item := range []renderedItem{renderedEnvelope, renderedStructure} {
		for i := range n {
			r.put(key(i, item), text)
		}
	}
	i := 0
	for b.Loop() {
		if r.get(key(i%n, renderedStructure)) == nil && r.get(key(i%n, renderedEnvelope)) == nil {
			b.Fatal("none")
		}
		i++
	}
}
