package imapd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestForgottenRemovals: when the store does not know any more when each message
// went, all that are missing are told, but for those that the client shows to have
// heard of.
func TestForgottenRemovals(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	inbox := b.mailbox("INBOX").ID
	for _, uid := range []mail.UID{1, 3} {
		if _, err := b.account.Expunge(t.Context(), inbox, mail.SetOf(uid), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.store.Expire(t.Context(), alice, 7); err != nil {
		t.Fatal(err)
	}
	const script = `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b ENABLE QRESYNC
S: * ENABLED QRESYNC
S: b OK ENABLE completed
C: c SELECT INBOX
S: ...
S: /\* OK \[UIDVALIDITY (?P<v>\d+)\] .*/
S: ...
S: c OK [READ-WRITE] SELECT completed
C: d SELECT INBOX (QRESYNC (${v} 6))
S: ...
S: * OK [MAILBOXID (m1)] The mailbox's own name
S: * VANISHED (EARLIER) 1,3
S: d OK [READ-WRITE] SELECT completed
C: e SELECT INBOX (QRESYNC (${v} 6 (1:2 2:3)))
S: ...
S: * OK [MAILBOXID (m1)] The mailbox's own name
S: * VANISHED (EARLIER) 3
S: e OK [READ-WRITE] SELECT completed
C: f SELECT INBOX (QRESYNC (${v} 6 1:4 (1:2 2,4)))
S: ...
S: * OK [MAILBOXID (m1)] The mailbox's own name
S: f OK [READ-WRITE] SELECT completed
C: g UID FETCH 1:2 FLAGS (CHANGEDSINCE 6 VANISHED)
S: * VANISHED (EARLIER) 1
S: g OK UID FETCH completed
`
	b.runner().Run(t, "forgotten", script)
}

// TestVanishedLines: however many messages are gone, no line is longer than what
// clients read, and every one is told once.
func TestVanishedLines(t *testing.T) {
	t.Parallel()
	var want mail.UIDSet
	for uid := mail.UID(1_000_000); uid < 1_020_000; uid += 2 {
		want = want.Add(uid)
	}
	var out bytes.Buffer
	s := &session{w: wire.NewWriter(&wire.Buffers{}, &out)}
	s.tellVanished(want, true)
	s.tellVanished(nil, true)
	if err := s.w.Flush(); err != nil {
		t.Fatal(err)
	}
	var told []string
	for line := range strings.Lines(out.String()) {
		set, found := strings.CutPrefix(line, "* VANISHED (EARLIER) ")
		if len(line) > 8192 || !found || !strings.HasSuffix(line, "\r\n") {
			t.Fatalf("a line of %d bytes: %.60q", len(line), line)
		}
		told = append(told, strings.TrimRight(set, "\r\n"))
	}
	if got := strings.Join(told, ","); got != want.String() || len(told) < 2 {
		t.Errorf("got %d lines with %.60q, want %.60q", len(told), got, want.String())
	}
}
