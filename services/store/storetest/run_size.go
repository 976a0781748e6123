package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Ugly are messages whose size is easily got wrong: of line ends of all kinds, of
// none, with dots, NULs and 8-bit text.
func Ugly() []string {
	head := "Subject: ugly\r\nMessage-ID: <ugly@example.test>\r\n\r\n"
	return []string{
		head + "plain\r\n",
		head + "no line end",
		head + "a CR at the end\r",
		head + "bare\nLF\n\n",
		head + "bare\rCR\r\r\n\r",
		head + "\n\r\n\r\n\n",
		head + ".\r\n..\r\n.dot\n.\n.",
		head + "NUL\x00 and 8-bit \xe9\xff\r\n",
		head,
		"Subject: header alone",
		"\r\n",
		"\n",
		".",
		strings.ReplaceAll(head, "\r\n", "\n") + strings.Repeat("line\n", 125),
		strings.ReplaceAll(head, "\r\n", "\n") + strings.Repeat("line\n", 1000),
		head + strings.Repeat("a long line without an end ", 40_000),
		head + strings.Repeat("half a megabyte, bare\n", 25_000),
	}
}

// canonical is the size by definition: every line with CRLF behind it.
func canonical(text string) int64 {
	if text == "" {
		return 0
	}
	n := int64(0)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		n += int64(len(line)) + 2
		if strings.HasSuffix(line, "\r") {
			n--
		}
	}
	if strings.HasSuffix(text, "\r") { // that CR ended no line
		n++
	}
	return n
}

// testCanonicalSize: whatever way a message came, its size is known.
func testCanonicalSize[A Account](o *office[A]) {
	texts := Ugly()
	var messages []draft.Append
	for _, text := range texts {
		messages = append(messages, draft.Append{Draft: NewDraft(o, o.spool, text), Internal: time.Unix(1e9, 0).UTC()})
	}
	_, err := o.a.Append(o.ctx, o.inbox.ID, messages)
	o.ok(err)
	prefix := "Return-Path: <>\r\nDelivered-To: a@example.test\r\n"
	for _, text := range texts {
		env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}
		o.ok(o.store.Deliver(o.ctx, env, []mail.Target{{Account: 1, Prefix: []byte(prefix)}}, NewDraft(o, o.spool, text)))
	}
	for _, text := range Ugly() {
		texts = append(texts, prefix+text)
	}
	check := func(when string, mailbox mail.MailboxID) {
		o.Helper()
		rows := o.rows(mailbox)
		if len(rows) != len(texts) {
			o.Fatalf("%s: %d messages; want %d", when, len(rows), len(texts))
		}
		for i, r := range rows {
			text := texts[i]
			name := fmt.Sprintf("%s: %.30q… of %d bytes", when, text, len(text))
			if r.Size != int64(len(text)) || r.Canonical != 0 && r.Canonical != canonical(text) {
				o.Errorf("%s: row has Size %d, Canonical %d; want %d, 0 or %d", name, r.Size, r.Canonical, len(text), canonical(text))
			}
			if n, err := o.a.CanonicalSize(o.ctx, mailbox, r.UID); err != nil || n != canonical(text) {
				o.Errorf("%s: CanonicalSize = %d, %v; want %d", name, n, err, canonical(text))
			}
		}
		if rows[0].Canonical == 0 {
			o.Errorf("%s: the row of an ordinary message does not say its canonical size", when)
		}
	}
	check("as it came", o.inbox.ID)
	archive := o.mailbox("Archive").ID
	_, err = o.a.Move(o.ctx, o.inbox.ID, Every(), archive)
	o.ok(err)
	check("moved", archive)
	_, err = o.a.SetFlags(o.ctx, archive, Every(), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
	o.ok(err)
	check("flagged", archive)
	gone, err := o.a.Expunge(o.ctx, archive, Every(), false)
	o.ok(err)
	var places []mail.Place
	for uid := range gone.All() {
		places = append(places, mail.Place{Mailbox: archive, UID: uid})
	}
	_, err = o.a.Restore(o.ctx, places, 0)
	o.ok(err)
	check("put back", archive)
	if _, err := o.a.CanonicalSize(o.ctx, archive, 1); !errors.Is(err, mail.ErrNoMessage) {
		o.Errorf("CanonicalSize of a message that is gone: %v; want ErrNoMessage", err)
	}
}
