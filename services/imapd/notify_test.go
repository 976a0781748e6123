package imapd

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestNotifyOverflow: who watches too many mailboxes is told so and hears nothing
// more, as after NOTIFY NONE.
func TestNotifyOverflow(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	list, err := b.account.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := len(list); i < maxNotified; i++ {
		if _, err := b.account.CreateMailbox(context.Background(), fmt.Sprintf("m%d", i), mail.RoleNone); err != nil {
			t.Fatal(err)
		}
	}
	b.runner().Run(t, "overflow", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange)) (MAILBOXES (Archive) (MessageNew MessageExpunge))
S: c OK NOTIFY completed
2S: /\* OK .*/
2C: a LOGIN alice@example.test secret
2S: /a OK .*/
2C: b UNSUBSCRIBE m9
2S: b OK UNSUBSCRIBE completed
S-
2C: c CREATE Straw
2S: /c OK .*/
S: * OK [NOTIFICATIONOVERFLOW] There are too many mailboxes to be watched
2C8: "d APPEND INBOX {3+}\r\nabc\r\n"
2S: /d OK .*/
C: d NOOP
S: d OK NOOP completed
C: e NOTIFY SET (PERSONAL (MailboxName))
S: * 5 EXISTS
S: /\* \d RECENT/
S: e NO [NOTIFICATIONOVERFLOW] More than 5000 mailboxes can't be watched
# What asks nothing of them is no trouble.
C: f NOTIFY SET (SELECTED (MessageNew MessageExpunge))
S: f OK NOTIFY completed
2C8: "f APPEND INBOX {3+}\r\nabc\r\n"
2S: /f OK .*/
S: * 6 EXISTS
`)
}

// TestKnownMailboxSize holds what a mailbox that is watched takes up, its name aside.
func TestKnownMailboxSize(t *testing.T) {
	t.Parallel()
	if got, most := reflect.TypeFor[knownMailbox]().Size(), uintptr(64); got > most {
		t.Errorf("a mailbox that is watched takes %d bytes, want %d at most", got, most)
	}
}
