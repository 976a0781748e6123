package sharing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// unwell is an account whose disk fails at one of the steps of a move, and that notes
// them.
type unwell struct {
	Mail
	fails string
	steps *[]string
}

var errDisk = errors.New("the disk is unwell")

func (u unwell) step(name string) error {
	*u.steps = append(*u.steps, name)
	if name == u.fails {
		return errDisk
	}
	return nil
}

func (u unwell) Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error) {
	if err := u.step("append"); err != nil {
		return mail.Appended{}, err
	}
	return u.Mail.Append(ctx, mailbox, messages)
}

func (u unwell) Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error) {
	if err := u.step("expunge"); err != nil {
		return nil, err
	}
	return u.Mail.Expunge(ctx, mailbox, set, onlyDeleted)
}

// TestMoveIsCut: wherever a move between accounts is cut, every message is at least in
// one of the mailboxes, and what it says was done is done.
func TestMoveIsCut(t *testing.T) {
	t.Parallel()
	for fails, want := range map[string]string{"": "0 3 append expunge", "append": "3 0 append", "expunge": "3 3 append expunge"} {
		o := newOffice(t, 1, 2, 3)
		o.fill(1, "INBOX", mail.Flags{}, 3)
		from, to := o.give(1, "INBOX", 2, "lrte"), o.give(3, "INBOX", 2, "lri")
		open := o.shares.opt.Open
		var steps []string
		o.shares.opt.Open = func(ctx context.Context, id mail.AccountID) (Mail, error) {
			m, err := open(ctx, id)
			return unwell{m, fails, &steps}, err
		}
		_, err := o.open(2).Move(o.ctx, from, every(), to)
		if (err == nil) != (fails == "") || err != nil && !errors.Is(err, errDisk) {
			t.Errorf("%q fails: %v", fails, err)
		}
		left, come := len(o.rows(o.open(1), o.mailbox(1, "INBOX"))), len(o.rows(o.open(3), o.mailbox(3, "INBOX")))
		if got := fmt.Sprint(left, " ", come, " ", strings.Join(steps, " ")); got != want {
			t.Errorf("%q fails: left, come, steps: %s; want %s", fails, got, want)
		}
	}
}

// TestNotes: what somebody takes away that is another's, or renames, is in the log with
// who it was.
func TestNotes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	b := o.open(2)
	o.fill(1, "INBOX", mail.NewFlags(`\Deleted`), 5)
	inbox := o.give(1, "INBOX", 2, "lrswipkxtea")
	below, err := b.CreateMailbox(o.ctx, "Other Users/a@x.test/INBOX/x", mail.RoleNone)
	o.ok(err)
	_, err = b.Expunge(o.ctx, inbox, mail.SetOf[mail.UID](1), true)
	o.ok(err)
	_, err = b.Move(o.ctx, inbox, mail.SetOf[mail.UID](2), o.mailbox(2, "INBOX"))
	o.ok(err)
	_, err = b.Move(o.ctx, inbox, mail.SetOf[mail.UID](3), below.ID)
	o.ok(err)
	o.ok(b.RenameMailbox(o.ctx, below.ID, "Other Users/a@x.test/INBOX/y"))
	o.ok(b.DeleteMailbox(o.ctx, below.ID))
	// One's own are nobody's business.
	_, err = b.Move(o.ctx, o.mailbox(2, "INBOX"), every(), inbox)
	o.ok(err)
	var got []string
	for line := range strings.Lines(o.log.String()) {
		if !strings.Contains(line, "by=b@x.test owner=a@x.test") {
			t.Errorf("logged: %s", line)
		}
		_, line, _ = strings.Cut(line, `msg="`)
		line, _, _ = strings.Cut(line, `"`)
		got = append(got, line)
	}
	want := []string{"messages of another expunged", "messages of another moved", "messages of another moved", "mailbox of another renamed", "mailbox of another deleted"}
	if !slices.Equal(got, want) {
		t.Errorf("logged %q; want %q", got, want)
	}
}
