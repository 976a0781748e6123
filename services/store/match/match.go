package match

import (
	"context"
	"errors"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// candidate is the message being looked at. It is opened by the first node that
// needs it.
type candidate struct {
	ctx    context.Context
	row    mail.Row
	open   func(mail.Row) (*message.Stored, error)
	known  Known
	stored *message.Stored
}

// Match says whether the query holds for the message of row. It calls open at
// most once, and closes what that gave. An error of open or of reading is
// returned, as is the context's while a body is read; but mail.ErrNoMessage, of
// a message expunged since its row was read, means no.
func (m *Matcher) Match(ctx context.Context, row mail.Row, open func() (*message.Stored, error)) (bool, error) {
	return m.Finder(ctx, nil, func(mail.Row) (*message.Stored, error) { return open() }).Match(row)
}

// Finder asks a query of one message after the other. It belongs to one
// goroutine.
type Finder struct {
	root node
	c    candidate
}

// Finder makes one, with the help of what is known already of the texts; nil is
// nothing. It opens a message only if that and the row leave it open whether the
// query holds.
func (m *Matcher) Finder(ctx context.Context, known Known, open func(mail.Row) (*message.Stored, error)) *Finder {
	return &Finder{m.root, candidate{ctx: ctx, known: known, open: open}}
}

// Match says whether the query holds for the message of row, as [Matcher.Match].
func (f *Finder) Match(row mail.Row) (bool, error) {
	if f.root == nil {
		return true, nil
	}
	f.c.row, f.c.stored = row, nil
	if f.c.known != nil {
		if v := f.c.guess(f.root); v != Unknown {
			return v == Yes, nil
		}
	}
	defer f.c.close()
	ok, err := f.root.holds(&f.c)
	if errors.Is(err, mail.ErrNoMessage) {
		return false, nil
	}
	return ok, err
}

// RowOnly reports whether no message needs to be opened to answer.
func (m *Matcher) RowOnly() bool { return m.root == nil || m.root.cost() == costRow }

func (c *candidate) message() (*message.Stored, error) {
	if c.stored != nil {
		return c.stored, nil
	}
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	var err error
	c.stored, err = c.open(c.row)
	return c.stored, err
}

func (c *candidate) close() {
	if c.stored != nil {
		_ = c.stored.Close() // only read from
	}
}

type (
	all        []node
	anyOf      []node
	not        struct{ node }
	uidIn      mail.UIDIn
	hasFlags   mail.HasFlags
	larger     mail.Larger
	smaller    mail.Smaller
	dayIn      mail.DayIn
	momentIn   mail.MomentIn
	modSeqFrom mail.ModSeqFrom
	emailIs    mail.EmailIs
	threadIs   mail.ThreadIs
)

func dearest(nodes []node) cost {
	most := costRow
	for _, n := range nodes {
		most = max(most, n.cost())
	}
	return most
}

func (n all) cost() cost        { return dearest(n) }
func (n anyOf) cost() cost      { return dearest(n) }
func (n uidIn) cost() cost      { return costRow }
func (n hasFlags) cost() cost   { return costRow }
func (n larger) cost() cost     { return costRow }
func (n smaller) cost() cost    { return costRow }
func (n dayIn) cost() cost      { return dateCost(n.Date) }
func (n momentIn) cost() cost   { return dateCost(n.Date) }
func (n modSeqFrom) cost() cost { return costRow }
func (n emailIs) cost() cost    { return costRow }
func (n threadIs) cost() cost   { return costRow }

func dateCost(f mail.DateField) cost {
	if f == mail.SentDate {
		return costHeader
	}
	return costRow
}

func (n all) holds(c *candidate) (bool, error) {
	for _, part := range n {
		if ok, err := part.holds(c); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (n anyOf) holds(c *candidate) (bool, error) {
	for _, part := range n {
		if ok, err := part.holds(c); ok || err != nil {
			return ok && err == nil, err
		}
	}
	return false, nil
}

func (n not) holds(c *candidate) (bool, error) {
	ok, err := n.node.holds(c)
	return !ok && err == nil, err
}

func (n uidIn) holds(c *candidate) (bool, error) { return n.Set.Contains(c.row.UID), nil }

func (n hasFlags) holds(c *candidate) (bool, error) {
	if !c.row.Flags.Has(n.Flags.System) {
		return false, nil
	}
	for _, k := range n.Flags.Keywords {
		if !c.row.Flags.HasKeyword(k) {
			return false, nil
		}
	}
	return true, nil
}

func (n larger) holds(c *candidate) (bool, error)     { return c.row.Size > n.Bytes, nil }
func (n smaller) holds(c *candidate) (bool, error)    { return c.row.Size < n.Bytes, nil }
func (n modSeqFrom) holds(c *candidate) (bool, error) { return c.row.ModSeq >= n.ModSeq, nil }
func (n emailIs) holds(c *candidate) (bool, error)    { return c.row.Email == n.Email, nil }
func (n threadIs) holds(c *candidate) (bool, error)   { return c.row.Thread == n.Thread, nil }

// date is the date of the candidate that f means; false when it has none, and
// then no condition on it holds.
func (c *candidate) date(f mail.DateField) (time.Time, bool, error) {
	switch f {
	case mail.SentDate:
		m, err := c.message()
		if err != nil {
			return time.Time{}, false, err
		}
		d, err := m.Digest()
		if err != nil {
			return time.Time{}, false, err
		}
		return d.Date, !d.Date.IsZero(), nil
	case mail.SaveDate:
		return c.row.Saved, true, nil
	default:
		return c.row.Internal, true, nil
	}
}

func (n dayIn) holds(c *candidate) (bool, error) {
	t, ok, err := c.date(n.Date)
	if err != nil || !ok {
		return false, err
	}
	d := day(t)
	return (n.Since.IsZero() || d >= day(n.Since)) && (n.Before.IsZero() || d < day(n.Before)), nil
}

// day is the calendar day as it is written, in a form that compares.
func day(t time.Time) int {
	y, m, d := t.Date()
	return (y*100+int(m))*100 + d
}

func (n momentIn) holds(c *candidate) (bool, error) {
	t, ok, err := c.date(n.Date)
	if err != nil || !ok {
		return false, err
	}
	return (n.Since.IsZero() || !t.Before(n.Since)) && (n.Before.IsZero() || t.Before(n.Before)), nil
}
