package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// restore puts messages back, most of them such as are gone.
func (c *comparison[A, B]) restore() {
	page, err := c.bs[c.account].Expunged(c.ctx, mail.ExpungedQuery{Moved: c.r.IntN(2) == 0, Back: c.r.IntN(2) == 0})
	if err != nil {
		c.Errorf("Expunged: %v", err)
		return
	}
	var places []mail.Place
	for range c.r.IntN(6) {
		if n := len(page.Messages); n > 0 {
			places = append(places, page.Messages[c.r.IntN(n)].Place)
		}
	}
	if c.r.IntN(10) == 0 {
		places = append(places, mail.Place{Mailbox: c.anyMailbox(), UID: mail.UID(c.r.IntN(20))})
	}
	into := mail.MailboxID(0)
	if c.r.IntN(3) == 0 {
		into = c.anyMailbox()
	}
	c.log("restore %s/%v into %s", c.account, places, into)
	got, err1 := c.as[c.account].Restore(c.ctx, places, into)
	want, err2 := c.bs[c.account].Restore(c.ctx, places, into)
	c.same("Restore", err1, err2)
	if err1 == nil && !slices.Equal(got, want) {
		c.Errorf("Restore:\ngot  %+v\nwant %+v", got, want)
	}
}

func (c *comparison[A, B]) restoreMailbox() {
	list, err := c.bs[c.account].DeletedMailboxes(c.ctx)
	if err != nil {
		c.Errorf("DeletedMailboxes: %v", err)
		return
	}
	id := c.anyMailbox()
	if len(list) > 0 && c.r.IntN(10) > 0 {
		id = list[c.r.IntN(len(list))].ID
	}
	c.log("restore mailbox %s/%s", c.account, id)
	got, err1 := c.as[c.account].RestoreMailbox(c.ctx, id)
	want, err2 := c.bs[c.account].RestoreMailbox(c.ctx, id)
	c.same("RestoreMailbox", err1, err2)
	c.equal("RestoreMailbox", got, want)
}

// compareExpunged compares what can be put back.
func (c *comparison[A, B]) compareExpunged(a A, b B) {
	list1, err1 := a.DeletedMailboxes(c.ctx)
	list2, err2 := b.DeletedMailboxes(c.ctx)
	c.same("DeletedMailboxes", err1, err2)
	c.equal("DeletedMailboxes", list1, list2)
	q := mail.ExpungedQuery{Moved: true, Back: true, Limit: 1 + c.r.IntN(200)}
	if c.r.IntN(3) == 0 {
		q.Moved, q.Back, q.Mailbox = c.r.IntN(2) == 0, c.r.IntN(2) == 0, c.anyMailbox()
	}
	var got, want []mail.Expunged
	for page := 0; ; page++ {
		more := false
		for i, acc := range []Account{a, b} {
			p, err := acc.Expunged(c.ctx, q)
			if err != nil {
				c.Errorf("Expunged: %v", err)
				return
			}
			if i == 0 {
				got = append(got, p.Messages...)
			} else {
				want = append(want, p.Messages...)
				more, q.After = p.More, p.Next
			}
		}
		if !more || page == 5 {
			break
		}
	}
	c.equal("Expunged: number", len(got), len(want))
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		c.equalRows("Expunged", []mail.Row{g.Row}, []mail.Row{w.Row})
		g.Row, w.Row = mail.Row{}, mail.Row{}
		c.equal("Expunged", g, w)
	}
}

// asOf restores a mailbox, now and then all, as of some moment of the past.
func (c *comparison[A, B]) asOf() {
	at := c.clock.Now().Add(-time.Duration(c.r.IntN(200)) * time.Second).Truncate(time.Second) // the unit in which a snapshot knows it
	r := mail.AsOf{At: at, Mailbox: c.anyMailbox(), InPlace: c.r.IntN(2) == 0}
	switch c.r.IntN(10) {
	case 0:
		r.Mailbox = 0
	case 1, 2, 3:
		r.Mailbox = mail.MailboxID(1 + c.r.IntN(30)) // perhaps deleted
	}
	if c.r.IntN(3) == 0 {
		r.Folder = c.name()
	}
	c.log("restore %s as %+v", c.account, r)
	told := func(back *[]mail.Place) func(mail.Progress) {
		return func(p mail.Progress) { *back = append(*back, p.Back...) }
	}
	var back1, back2 []mail.Place
	got, err1 := c.as[c.account].RestoreAsOf(c.ctx, r, told(&back1))
	want, err2 := c.bs[c.account].RestoreAsOf(c.ctx, r, told(&back2))
	c.same("RestoreAsOf", err1, err2)
	c.equal("RestoreAsOf", got, want)
	for _, back := range [][]mail.Place{back1, back2} {
		slices.SortFunc(back, func(a, b mail.Place) int { return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UID, b.UID)) })
	}
	c.equal("what RestoreAsOf tells is back", back1, back2)
}
