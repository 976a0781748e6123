package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// NewSpool makes a spool in a directory of the test.
func NewSpool(t testing.TB) *draft.Spool {
	t.Helper()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	spool, err := draft.NewSpool(files, "spool", nil)
	if err != nil {
		t.Fatal(err)
	}
	return spool
}

// NewDraft makes a finished draft, discarded at the end of the test.
func NewDraft(t testing.TB, spool *draft.Spool, text string) *draft.Draft {
	t.Helper()
	d := spool.New(1 << 30)
	t.Cleanup(d.Discard)
	if _, err := io.WriteString(d, text); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(); err != nil {
		t.Fatal(err)
	}
	return d
}

// Message is the text of a small message. The header lines come as they are,
// without line ends.
func Message(body string, header ...string) string {
	var b bytes.Buffer
	for _, h := range header {
		fmt.Fprintf(&b, "%s\r\n", h)
	}
	fmt.Fprintf(&b, "\r\n%s\r\n", body)
	return b.String()
}

// Every is the set of all UIDs.
func Every() mail.UIDSet {
	return mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})
}

// office is one test's store with one account in it.
type office[A Account] struct {
	testing.TB
	ctx   context.Context
	store Store[A]
	spool *draft.Spool
	a     A
	inbox mail.Mailbox
}

func newOffice[A Account](t testing.TB, store Store[A]) *office[A] {
	t.Helper()
	o := &office[A]{TB: t, ctx: context.Background(), store: store, spool: NewSpool(t)}
	o.ok(store.CreateAccount(o.ctx, 1))
	var err error
	o.a, err = store.Account(o.ctx, 1)
	o.ok(err)
	o.inbox = o.mailbox(mail.Inbox)
	return o
}

func (o *office[A]) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatalf("unexpected error: %v", err)
	}
}

func (o *office[A]) mailbox(name string) mail.Mailbox {
	o.Helper()
	m, err := o.a.Mailbox(o.ctx, name)
	if err != nil {
		o.Fatalf("Mailbox(%q): %v", name, err)
	}
	return m
}

func (o *office[A]) create(name string) mail.Mailbox {
	o.Helper()
	m, err := o.a.CreateMailbox(o.ctx, name, mail.RoleNone)
	if err != nil {
		o.Fatalf("CreateMailbox(%q): %v", name, err)
	}
	return m
}

// received is when the tests' messages came in: a zone, and a millisecond that
// has to be kept.
func received() time.Time {
	return time.Date(2026, 3, 1, 23, 30, 15, 250e6, time.FixedZone("", 2*3600))
}

// fill appends n messages with increasing numbers in their subjects.
func (o *office[A]) fill(mailbox mail.MailboxID, n int, flags ...string) []mail.UID {
	o.Helper()
	var uids []mail.UID
	for i := range n {
		text := Message(fmt.Sprintf("body %d", i), fmt.Sprintf("Subject: number %d", i), fmt.Sprintf("Message-ID: <%d.%d@example.test>", mailbox, i))
		done, err := o.a.Append(o.ctx, mailbox, []draft.Append{{Draft: NewDraft(o, o.spool, text), Flags: mail.NewFlags(flags...), Internal: received()}})
		o.ok(err)
		uids = append(uids, done.UIDs...)
	}
	return uids
}

func (o *office[A]) deliver(text string, targets ...mail.Target) {
	o.Helper()
	env := &mail.Envelope{ID: mail.NewID(received()), Received: received()}
	o.ok(o.store.Deliver(o.ctx, env, targets, NewDraft(o, o.spool, text)))
}

func (o *office[A]) rows(mailbox mail.MailboxID) []mail.Row {
	o.Helper()
	var rows []mail.Row
	for r, err := range o.a.Rows(o.ctx, mailbox, Every()) {
		o.ok(err)
		rows = append(rows, r)
	}
	return rows
}

func (o *office[A]) uids(mailbox mail.MailboxID) []mail.UID {
	o.Helper()
	uids, _, err := o.a.UIDs(o.ctx, mailbox)
	o.ok(err)
	return slices.Collect(uids.All())
}

// wantUIDs checks UIDs, Rows and Total against each other and against want.
func (o *office[A]) wantUIDs(mailbox mail.MailboxID, want ...mail.UID) {
	o.Helper()
	if got := o.uids(mailbox); !slices.Equal(got, want) {
		o.Errorf("UIDs(%s) = %v; want %v", mailbox, got, want)
	}
	var got []mail.UID
	for _, r := range o.rows(mailbox) {
		got = append(got, r.UID)
	}
	if !slices.Equal(got, want) {
		o.Errorf("Rows(%s) have UIDs %v; want %v", mailbox, got, want)
	}
	m, err := o.a.MailboxByID(o.ctx, mailbox)
	o.ok(err)
	if int(m.Total) != len(want) {
		o.Errorf("Total of %s = %d; want %d", mailbox, m.Total, len(want))
	}
}

func (o *office[A]) read(mailbox mail.MailboxID, uid mail.UID) string {
	o.Helper()
	m, err := o.a.Open(o.ctx, mailbox, uid)
	if err != nil {
		o.Fatalf("Open(%s, %d): %v", mailbox, uid, err)
	}
	defer m.Close()
	b, err := io.ReadAll(m.Reader())
	o.ok(err)
	if int64(len(b)) != m.Row.Size || m.Size() != m.Row.Size {
		o.Errorf("message %d of %s: read %d bytes, Size() = %d, row says %d", uid, mailbox, len(b), m.Size(), m.Row.Size)
	}
	return string(b)
}

func (o *office[A]) changes(mailbox mail.MailboxID, since mail.ModSeq) mail.Changes {
	o.Helper()
	c, err := o.a.Changes(o.ctx, mailbox, since)
	o.ok(err)
	return c
}
