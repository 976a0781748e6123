package pop3d

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestDeletedCanBePutBack: what POP3 deletes is expunged like anything else, so it
// can be put back; the client then sees it as a new message, since it has asked
// for the old one to go.
func TestDeletedCanBePutBack(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	run := func(script string) { b.runner().Run(t, "undo", script) }
	run(`
S: +OK Sanduk POP3 ready
C: USER alice@example.test
S: +OK now the password
C: PASS secret with spaces 
S: +OK 3 messages (119 octets)
C: DELE 2
S: +OK message 2 will be deleted at QUIT
C: QUIT
S: +OK good-bye, 1 messages deleted
S.`)
	account, err := b.store.Account(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	page, err := account.Expunged(t.Context(), mail.ExpungedQuery{Limit: 10})
	if err != nil || len(page.Messages) != 1 {
		t.Fatalf("Expunged = %+v, %v; want the one message", page, err)
	}
	gone := page.Messages[0]
	restored, err := account.Restore(t.Context(), []mail.Place{gone.Place}, gone.Mailbox)
	if err != nil || len(restored) != 1 || restored[0].Outcome != mail.OutcomeBack {
		t.Fatalf("Restore = %+v, %v", restored, err)
	}
	run(`
S: +OK Sanduk POP3 ready
C: USER alice@example.test
S: +OK now the password
C: PASS secret with spaces 
S: +OK 3 messages (119 octets)
C: LIST
S: +OK one line for each message
S: 1 55
S: 2 35
S: 3 29
S: .
C: QUIT
S: +OK good-bye, 0 messages deleted
S.`)
}

// TestBesideIMAP: what IMAP removes and adds while a maildrop is open moves no
// number and no size; what is gone is said to be, and DELE of it does no harm.
func TestBesideIMAP(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	account, err := b.store.Account(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := account.Mailbox(t.Context(), mail.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	r := b.runner()
	r.Stop = func() { // here: another program at work
		if _, err := account.Expunge(t.Context(), inbox.ID, mail.SetOf(mail.UID(2)), false); err != nil {
			t.Error(err)
		}
		b.store.Put(alice, mail.Inbox, mail.Flags{}, "Subject: new\r\n\r\n")
	}
	r.Run(t, "beside", `
S: +OK Sanduk POP3 ready
C: USER alice@example.test
S: +OK now the password
C: PASS secret with spaces 
S: +OK 3 messages (119 octets)
stop
C: STAT
S: +OK 3 119
C: RETR 2
S: -ERR That message is no longer there
C: TOP 3 0
S: +OK the top of the message follows
S: Subject: three
S: 
S: .
C: LIST 4
S: -ERR There is no message 4, only 3 of them
C: DELE 2
S: +OK message 2 will be deleted at QUIT
C: DELE 1
S: +OK message 1 will be deleted at QUIT
C: QUIT
S: +OK good-bye, 2 messages deleted
S.
2S: +OK Sanduk POP3 ready
2C: USER alice@example.test
2S: +OK now the password
2C: PASS secret with spaces 
2S: +OK 2 messages (51 octets)
2C: QUIT
2S: +OK good-bye, 0 messages deleted
2S.`)
}
