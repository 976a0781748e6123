package sharing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestNumbers: every number that others see is made of the owner's, wherever it comes
// from, and searches take them.
func TestNumbers(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	o.fill(1, "INBOX", mail.Flags{}, 3)
	o.fill(2, "INBOX", mail.Flags{}, 3)
	id := o.give(1, "INBOX", 2, "lr")
	a, b := o.open(1), o.open(2)
	own := o.rows(a, o.mailbox(1, "INBOX"))
	var want []string
	for _, r := range own {
		r.Email, r.Thread = r.Email|1<<40, r.Thread|1<<40
		want = append(want, fmt.Sprint(r))
	}
	check := func(what string, rows []mail.Row) {
		t.Helper()
		var got []string
		for _, r := range rows {
			got = append(got, fmt.Sprint(r))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %s\nwant %s", what, got, want)
		}
	}
	check("Rows", o.rows(b, id))
	var rows []mail.Row
	for s, err := range b.Summaries(o.ctx, id, every()) {
		o.ok(err)
		rows = append(rows, s.Row)
	}
	check("Summaries", rows)
	c, err := b.Changes(o.ctx, id, 0)
	o.ok(err)
	check("Changes", c.Rows)
	rows = nil
	for _, r := range own {
		m, err := b.Open(o.ctx, id, r.UID)
		o.ok(err)
		rows = append(rows, m.Row)
		m.Close()
	}
	check("Open", rows)
	check("the owner's rows, that nobody changes", func() (rows []mail.Row) {
		for _, r := range o.rows(a, o.mailbox(1, "INBOX")) {
			rows = append(rows, row(1, r))
		}
		return rows
	}())
	found := func(box mail.MailboxID, q mail.Query) string {
		t.Helper()
		set, err := b.Search(o.ctx, box, q)
		o.ok(err)
		weights, err := b.Relevance(o.ctx, box, q)
		o.ok(err)
		if len(weights) != set.Len() {
			t.Errorf("%v: found %v, weighed %v", q, set, weights)
		}
		return set.String()
	}
	email, thread := own[1].Email, own[1].Thread
	mine := o.mailbox(2, "INBOX")
	for _, test := range []struct {
		box  mail.MailboxID
		ask  mail.Query
		want string
	}{
		{id, mail.EmailIs{Email: email | 1<<40}, "2"},
		{id, mail.EmailIs{Email: email}, ""},
		{id, mail.EmailIs{Email: email | 3<<40}, ""},
		{id, mail.ThreadIs{Thread: thread | 1<<40}, "2"},
		{id, mail.ThreadIs{Thread: thread}, ""},
		{id, mail.Not{Query: mail.Fuzzy{Query: mail.EmailIs{Email: email | 1<<40}}}, "1,3"},
		{id, mail.And{mail.Or{mail.EmailIs{Email: email | 1<<40}, mail.EmailIs{Email: email}}, mail.Text{Text: "Of 1"}}, "2"},
		{id, mail.Text{Text: "Of 2"}, ""},
		{mine, mail.EmailIs{Email: email | 1<<40}, ""},
		{mine, mail.EmailIs{Email: email}, "2"},
	} {
		if got := found(test.box, test.ask); got != test.want {
			t.Errorf("%v in %s finds %q; want %q", test.ask, test.box, got, test.want)
		}
	}
	if uids, _, err := b.UIDs(o.ctx, id); err != nil || uids.String() != "1:3" {
		t.Errorf("UIDs %v, %v", uids, err)
	}
}

// TestFlags: of a change what may be done is done, by each set of rights.
func TestFlags(t *testing.T) {
	t.Parallel()
	all := mail.NewFlags(`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, "Kept", "red")
	some := mail.NewFlags(`\Seen`, `\Flagged`, "Kept")
	other := mail.NewFlags(`\Deleted`, `\Draft`, "blue")
	for bits := range mail.Rights(8) {
		rights := mail.RightLookup | mail.RightRead
		for i, r := range []mail.Rights{mail.RightSeen, mail.RightWrite, mail.RightDeleteMessages} {
			if bits&(1<<i) != 0 {
				rights |= r
			}
		}
		t.Run(rights.String(), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, 1, 2)
			id := o.give(1, "INBOX", 2, rights.String())
			b := o.open(2)
			may := func(name string) bool {
				switch name {
				case `\Seen`:
					return rights.Has(mail.RightSeen)
				case `\Deleted`:
					return rights.Has(mail.RightDeleteMessages)
				}
				return rights.Has(mail.RightWrite)
			}
			for _, before := range []mail.Flags{{}, all, some} {
				for _, given := range []mail.Flags{{}, all, some, other, mail.NewFlags(`\Seen`), mail.NewFlags("blue"), mail.NewFlags(`\Deleted`)} {
					for _, op := range []mail.FlagOp{mail.FlagsReplace, mail.FlagsAdd, mail.FlagsRemove} {
						uid := o.store.Put(1, "INBOX", before, "Subject: x\r\n\r\nx\r\n").UIDs[0]
						_, err := b.SetFlags(o.ctx, id, mail.SetOf(uid), op, given, nil)
						after := op.Apply(before, given)
						var want []string
						for _, name := range before.Union(after).Names() {
							has := before
							if may(name) {
								has = after
							}
							if slices.Contains(has.Names(), name) {
								want = append(want, name)
							}
						}
						row := o.rows(b, id)
						got := row[len(row)-1].Flags
						if !got.Equal(mail.NewFlags(want...)) {
							t.Errorf("%v, op %d with %v: %v; want %v", before.Names(), op, given.Names(), got.Names(), want)
						}
						refused := rights&flagRights == 0 || op != mail.FlagsReplace && len(given.Names()) > 0 && !slices.ContainsFunc(given.Names(), may)
						if refused {
							o.want("nothing to change", err, mail.ErrNoRight)
						} else if err != nil {
							t.Errorf("op %d with %v: %v", op, given.Names(), err)
						}
					}
				}
			}
		})
	}
}

// TestUnchangedSince: what has been changed meanwhile is left alone also where a change
// is made in two steps.
func TestUnchangedSince(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	o.fill(1, "INBOX", mail.NewFlags("old"), 2)
	id := o.give(1, "INBOX", 2, "lrw")
	a, b := o.open(1), o.open(2)
	_, since, err := b.UIDs(o.ctx, id)
	o.ok(err)
	_, err = a.SetFlags(o.ctx, o.mailbox(1, "INBOX"), mail.SetOf[mail.UID](1), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
	o.ok(err)
	failed, err := b.SetFlags(o.ctx, id, every(), mail.FlagsReplace, mail.NewFlags("new", `\Deleted`), &since)
	o.ok(err)
	rows := o.rows(b, id)
	if got, want := fmt.Sprint(failed, rows[0].Flags.Names(), rows[1].Flags.Names()), `1 [\Seen old] [new]`; got != want {
		t.Errorf("failed and flags: %s; want %s", got, want)
	}
}

// TestAppend: i, with the flags that may be set.
func TestAppend(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	b := o.open(2)
	flags := mail.NewFlags(`\Seen`, `\Deleted`, `\Flagged`, "red")
	id := o.give(1, "INBOX", 2, "lr")
	_, err := b.Append(o.ctx, id, o.message(flags, "Subject: x\r\n\r\nx\r\n"))
	o.want("without i", err, mail.ErrNoRight)
	for letters, want := range map[string]string{"i": "[]", "lis": `[\Seen]`, "liw": `[\Flagged red]`, "lit": `[\Deleted]`, "lrswit": `[\Seen \Flagged \Deleted red]`} {
		o.give(1, "INBOX", 2, letters)
		given := o.message(flags, "Subject: x\r\n\r\nx\r\n")
		appended, err := b.Append(o.ctx, id, given)
		o.ok(err)
		rows := o.rows(o.open(1), o.mailbox(1, "INBOX"))
		if last := rows[len(rows)-1]; fmt.Sprint(last.Flags.Names()) != want || last.UID != appended.UIDs[0] || !given[0].Flags.Equal(flags) {
			t.Errorf("with %s: %v; want %s", letters, last.Flags.Names(), want)
		}
	}
}

// TestExpunge: e, and with it t for what is not marked; the owner can put it back.
func TestExpunge(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	b := o.open(2)
	o.fill(1, "INBOX", mail.NewFlags(`\Deleted`), 2)
	o.fill(1, "INBOX", mail.Flags{}, 2)
	id := o.give(1, "INBOX", 2, "lrt")
	_, err := b.Expunge(o.ctx, id, nil, true)
	o.want("without e", err, mail.ErrNoRight)
	o.give(1, "INBOX", 2, "lre")
	_, err = b.Expunge(o.ctx, id, mail.SetOf[mail.UID](3), false)
	o.want("unmarked without t", err, mail.ErrNoRight)
	gone, err := b.Expunge(o.ctx, id, nil, true)
	if err != nil || gone.String() != "1:2" {
		t.Errorf("gone: %v, %v", gone, err)
	}
	owner, err := o.store.Account(o.ctx, 1)
	o.ok(err)
	page, err := owner.Expunged(o.ctx, mail.ExpungedQuery{})
	if err != nil || len(page.Messages) != 2 {
		t.Errorf("the owner can put back %v, %v", page.Messages, err)
	}
}

// TestCopy: between own and others' mailboxes in every direction, with flags, dates and
// content.
func TestCopy(t *testing.T) {
	t.Parallel()
	type end struct {
		owner mail.AccountID
		name  string
	}
	ends := []end{{1, "INBOX"}, {1, "Archive"}, {2, "INBOX"}, {3, "INBOX"}}
	for _, from := range ends {
		for _, to := range ends {
			if from == to {
				continue
			}
			for _, rights := range []string{"lri", "lrwi", "lrswite"} {
				t.Run(fmt.Sprintf("%v to %v %s", from, to, rights), func(t *testing.T) {
					t.Parallel()
					tryCopy(newOffice(t, 1, 2, 3), from.owner, from.name, to.owner, to.name, rights)
				})
			}
		}
	}
}

func tryCopy(o *office, from mail.AccountID, name string, to mail.AccountID, target, rights string) {
	const me = 2
	o.Helper()
	flags := mail.NewFlags(`\Seen`, `\Flagged`, "red")
	o.fill(from, name, flags, batchMessages+3)
	o.fill(to, target, mail.Flags{}, 1)
	id := func(owner mail.AccountID, name, rights string) mail.MailboxID {
		if owner == me {
			return o.mailbox(owner, name)
		}
		return o.give(owner, name, 2, rights)
	}
	source, dest := id(from, name, "lrte"), id(to, target, rights)
	b := o.open(me)
	before := o.rows(b, source)
	set := mail.UIDSet{{First: 2, Last: 1000}}
	check := func(copied mail.Copied, err error) {
		o.Helper()
		o.ok(err)
		if len(copied.Source) != len(before)-1 || len(copied.Target) != len(copied.Source) || copied.UIDValidity == 0 {
			o.Fatalf("copied %v", copied)
		}
		want := flags
		if to != me {
			r, _ := mail.ParseRights(rights)
			want = settable(r, flags)
		}
		rows := map[mail.UID]mail.Row{}
		for _, row := range o.rows(b, dest) {
			rows[row.UID] = row
		}
		for i, uid := range copied.Source {
			was, row := before[uid-1], rows[copied.Target[i]]
			if !row.Flags.Equal(want) || !row.Internal.Equal(was.Internal) || row.Size != was.Size || was.UID != uid || time.Since(row.Saved) > time.Hour {
				o.Errorf("%+v became %+v", was, row)
			}
		}
		if got := o.text(b, dest, copied.Target[3]); !strings.Contains(got, fmt.Sprintf("<%d.%s@", copied.Source[3]-1, name)) {
			o.Errorf("the fourth is %q", got)
		}
	}
	check(b.Copy(o.ctx, source, set, dest))
	if got := o.rows(b, source); len(got) != len(before) {
		o.Errorf("%d are left of %d", len(got), len(before))
	}
	check(b.Move(o.ctx, source, set, dest))
	if got := o.rows(b, source); len(got) != 1 || got[0].UID != 1 {
		o.Errorf("after the move there are %v", got)
	}
	copied, err := b.Copy(o.ctx, source, mail.SetOf[mail.UID](99), dest)
	if err != nil || len(copied.Source) != 0 {
		o.Errorf("of nothing: %v, %v", copied, err)
	}
}

// TestCopyNeeds: r there, i here; and for a move t and e there.
func TestCopyNeeds(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2, 3)
	b := o.open(2)
	o.fill(1, "INBOX", mail.Flags{}, 2)
	o.fill(2, "INBOX", mail.Flags{}, 2)
	all := mail.UIDSet{{First: 1, Last: 2}}
	mine := o.mailbox(2, "INBOX")
	for _, test := range []struct {
		from, to   string
		copy, move error
	}{
		{"lswitea", "lrswipkxtea", mail.ErrNoRight, mail.ErrNoRight},
		{"swite", "lrswipkxtea", mail.ErrNoMailbox, mail.ErrNoMailbox},
		{"lr", "lrswpkxtea", mail.ErrNoRight, mail.ErrNoRight},
		{"lr", "rsw", mail.ErrNoMailbox, mail.ErrNoRight},
		{"lr", "i", nil, mail.ErrNoRight},
		{"lrt", "i", nil, mail.ErrNoRight},
		{"lre", "i", nil, mail.ErrNoRight},
		{"r", "i", nil, mail.ErrNoMailbox},
		{"", "i", mail.ErrNoMailbox, mail.ErrNoMailbox},
	} {
		from, to := o.give(1, "INBOX", 2, test.from), o.give(3, "INBOX", 2, test.to)
		_, err := b.Move(o.ctx, from, all, to)
		o.want(fmt.Sprintf("move from %q to %q", test.from, test.to), err, test.move)
		_, err = b.Copy(o.ctx, from, all, to)
		o.want(fmt.Sprintf("copy from %q to %q", test.from, test.to), err, test.copy)
		if !slices.Contains([]string{"i"}, test.to) {
			_, err = b.Copy(o.ctx, mine, all, to)
			o.want(fmt.Sprintf("copy to %q", test.to), err, cmpError(test.to))
		}
	}
}

func cmpError(letters string) error {
	switch {
	case strings.Contains(letters, "i"):
		return nil
	case strings.Contains(letters, "l"):
		return mail.ErrNoRight
	}
	return mail.ErrNoMailbox
}

// TestQuotaOf: the owner's bound holds for what others put there, and is seen with r.
func TestQuotaOf(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	o.store.SetQuota(func(id mail.AccountID) mail.Quota {
		if id == 1 {
			return mail.Quota{Messages: 3}
		}
		return mail.Quota{}
	})
	o.fill(1, "INBOX", mail.Flags{}, 2)
	o.fill(2, "INBOX", mail.Flags{}, 2)
	id := o.give(1, "INBOX", 2, "lri")
	b := o.open(2)
	owner, used, bound, err := b.QuotaOf(o.ctx, id)
	if err != nil || owner != "a@x.test" || used.Messages != 2 || bound.Messages != 3 {
		t.Errorf("quota of %s: %v of %v, %v", owner, used, bound, err)
	}
	if owner, _, _, err := b.QuotaOf(o.ctx, o.mailbox(2, "INBOX")); err != nil || owner != "b@x.test" {
		t.Errorf("own: %s, %v", owner, err)
	}
	_, err = b.Copy(o.ctx, o.mailbox(2, "INBOX"), every(), id)
	o.want("a copy that does not fit", err, mail.ErrOverQuota)
	if rows := o.rows(b, id); len(rows) != 2 {
		t.Errorf("there are %d messages", len(rows))
	}
	o.give(1, "INBOX", 2, "li")
	_, _, _, err = b.QuotaOf(o.ctx, id)
	o.want("without r", err, mail.ErrNoRight)
}
