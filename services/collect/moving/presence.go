package moving

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// presence knows which messages of a mailbox here stand for none at the provider
// yet: what a crash left unnoted, what was imported before, people's own. 16 bytes
// for each.
type presence struct {
	account Account
	mailbox mail.MailboxID
	rows    []presentRow // by size
}

type presentRow struct {
	size int64
	uid  mail.UID
	used bool
}

func readPresence(ctx context.Context, c *copier, mailbox mail.MailboxID) (*presence, error) {
	p := &presence{account: c.account, mailbox: mailbox}
	all := mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})
	for row, err := range c.account.Rows(ctx, mailbox, all) {
		if err != nil {
			return nil, fmt.Errorf("see what is there: %w", err)
		}
		p.rows = append(p.rows, presentRow{size: row.Size, uid: row.UID})
	}
	err := c.notes.view(func(b *bbolt.Bucket) error {
		p.rows = slices.DeleteFunc(p.rows, func(r presentRow) bool { return c.notes.standsFor(b, mailbox, r.uid) })
		return nil
	})
	slices.SortFunc(p.rows, func(a, b presentRow) int { return cmp.Compare(a.size, b.size) })
	return p, err
}

// take finds a message of these bytes that stands for none yet, and notes that it
// does now.
func (p *presence) take(ctx context.Context, size int64, sum [sha256.Size]byte) (mail.UID, bool, error) {
	first, _ := slices.BinarySearchFunc(p.rows, size, func(r presentRow, size int64) int { return cmp.Compare(r.size, size) })
	for i := first; i < len(p.rows) && p.rows[i].size == size; i++ {
		r := &p.rows[i]
		if r.used {
			continue
		}
		same, err := p.same(ctx, r.uid, sum)
		if err != nil {
			return 0, false, err
		}
		if same {
			r.used = true
			return r.uid, true, nil
		}
	}
	return 0, false, nil
}

// same compares a message here. One that can't be read, being removed or damaged,
// is no other: what the provider has of it is wanted.
func (p *presence) same(ctx context.Context, uid mail.UID, want [sha256.Size]byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m, err := p.account.Open(ctx, p.mailbox, uid)
	if errors.Is(err, mail.ErrClosed) {
		return false, err
	}
	if err != nil {
		return false, nil
	}
	defer func() { _ = m.Close() }() // only read from
	h := sha256.New()
	if _, err := io.Copy(h, m.Reader()); err != nil {
		return false, nil
	}
	return sum(h) == want, nil
}

// isGone says that somebody has removed a mailbox or message here.
func isGone(err error) bool {
	return errors.Is(err, mail.ErrNoMailbox) || errors.Is(err, mail.ErrNoMessage)
}
