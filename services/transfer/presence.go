package transfer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// presence knows which messages a mailbox had when an import began. It reads
// messages only when another of the same size comes in, and once. For each
// message of the mailbox it takes 48 bytes.
type presence struct {
	mailbox mail.MailboxID
	rows    []presentRow // by size; those of a size that has been read, by sum
}

type presentRow struct {
	size uint32
	uid  mail.UID
	// left is how many messages of these bytes there are for which none of the
	// archive has come yet. Where all of a size are read, the first of those with
	// the same sum counts for all.
	left uint32
	read bool // sum is known
	sum  [sha256.Size]byte
}

func readPresence(ctx context.Context, account Account, mailbox mail.MailboxID) (*presence, error) {
	p := &presence{mailbox: mailbox}
	all := mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})
	for row, err := range account.Rows(ctx, mailbox, all) {
		if err != nil {
			return nil, fmt.Errorf("see what is there: %w", err)
		}
		p.rows = append(p.rows, presentRow{size: uint32(row.Size), uid: row.UID, left: 1}) // a row has no larger size
	}
	slices.SortFunc(p.rows, func(a, b presentRow) int { return cmp.Compare(a.size, b.size) })
	return p, nil
}

// take reports whether the mailbox has a message of these bytes that no message
// of the archive stands for yet, and notes that one does now.
func (p *presence) take(ctx context.Context, account Account, size int64, sum [sha256.Size]byte) (bool, error) {
	first, _ := slices.BinarySearchFunc(p.rows, size, func(r presentRow, size int64) int { return cmp.Compare(int64(r.size), size) })
	next, _ := slices.BinarySearchFunc(p.rows, size+1, func(r presentRow, size int64) int { return cmp.Compare(int64(r.size), size) })
	same := p.rows[first:next]
	if len(same) == 0 {
		return false, nil
	}
	if err := p.read(ctx, account, same); err != nil {
		return false, err
	}
	i, found := slices.BinarySearchFunc(same, sum, func(r presentRow, sum [sha256.Size]byte) int { return bytes.Compare(r.sum[:], sum[:]) })
	if !found || same[i].left == 0 {
		return false, nil
	}
	same[i].left--
	return true, nil
}

// read makes the sums of all messages of one size known.
func (p *presence) read(ctx context.Context, account Account, same []presentRow) error {
	if same[0].read {
		return nil
	}
	for i := range same {
		if err := p.hash(ctx, account, &same[i]); err != nil {
			return err
		}
	}
	slices.SortFunc(same, func(a, b presentRow) int {
		return cmp.Or(bytes.Compare(a.sum[:], b.sum[:]), cmp.Compare(b.left, a.left))
	})
	first := 0
	for i := range same {
		same[i].read = true
		if i > 0 && same[i].sum == same[first].sum {
			same[first].left += same[i].left
			same[i].left = 0
		} else {
			first = i
		}
	}
	return nil
}

// hash reads a message of the mailbox. One that can't be read, being removed or
// damaged, stands for nothing: what the archive has of it is wanted.
func (p *presence) hash(ctx context.Context, account Account, r *presentRow) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m, err := account.Open(ctx, p.mailbox, r.uid)
	if errors.Is(err, mail.ErrClosed) {
		return err
	}
	if err != nil {
		r.left = 0
		return nil
	}
	defer func() { _ = m.Close() }() // only read from
	h := sha256.New()
	if _, err := io.Copy(h, m.Reader()); err != nil {
		r.left = 0
		return nil
	}
	h.Sum(r.sum[:0])
	return nil
}
