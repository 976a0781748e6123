package imapd

import (
	"context"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// expungeFails is an account on a disk that fails with every Expunge.
type expungeFails struct{ Account }

func (expungeFails) Expunge(context.Context, mail.MailboxID, mail.UIDSet, bool) (mail.UIDSet, error) {
	return nil, errDisk
}

// TestReplaceBrokenOff: whatever goes wrong, one of the two messages is there: the
// new one is kept before the old one is touched.
func TestReplaceBrokenOff(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return expungeFails{a}, err
		}
	})
	b.put("INBOX", mail.Flags{}, plainMessage)
	b.runner().Run(t, "broken off", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: b OK [READ-WRITE] SELECT completed
C8: "c REPLACE 1 INBOX {6+}\r\nA: b\r\n\r\n"
S: /\* OK \[APPENDUID \d+ 2\] The new message is there/
S: * 2 EXISTS
S: * 2 RECENT
S: c NO [UNAVAILABLE] The server could not do that just now, please try again
`)
	if n := b.mailbox("INBOX").Total; n != 2 {
		t.Errorf("there are %d messages, want the old one and the new one", n)
	}
}

// TestReplaceMeanwhile: "*" is the message that it was when the command came, though
// others have come since; and one that has gone is not replaced.
func TestReplaceMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.put("INBOX", mail.Flags{}, plainMessage, plainMessage)
	b.runner().Run(t, "meanwhile", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: b OK [READ-WRITE] SELECT completed
C: c REPLACE * INBOX {6}
S: /\+ .*/
2S: /\* OK .*/
2C: a LOGIN alice@example.test secret
2S: /a OK .*/
2C8: "b APPEND INBOX {6+}\r\nA: c\r\n\r\n"
2S: ...
2S: /b OK .*/
C8: "A: b\r\n\r\n"
S: * 3 EXISTS
S: * 3 RECENT
S: /\* OK \[APPENDUID \d+ 4\] The new message is there/
S: * 2 EXPUNGE
S: * 3 EXISTS
S: * 3 RECENT
S: c OK REPLACE completed
C: d REPLACE 1 INBOX {6}
S: /\+ .*/
2C: c SELECT INBOX
2S: ...
2S: c OK [READ-WRITE] SELECT completed
2C: d STORE 1 +FLAGS.SILENT (\Deleted)
2S: d OK STORE completed
2C: e EXPUNGE
2S: * 1 EXPUNGE
2S: e OK EXPUNGE completed
C8: "A: b\r\n\r\n"
S: * 1 EXPUNGE
S: d NO [EXPUNGEISSUED] Some of the messages are no longer there
C: e UID FETCH 1:* UID
S: * 1 FETCH (UID 3)
S: * 2 FETCH (UID 4)
S: e OK UID FETCH completed
`)
}
