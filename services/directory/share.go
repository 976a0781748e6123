package directory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of what is shared. An office of 300 people shares tens of mailboxes with
// groups of people; every account that sees another's mailbox has it in its list of
// mailboxes, and every change of one wakes those who see it.
const (
	// MaxGrants is to how many a mailbox can be open; all of the office is one, anyone.
	MaxGrants = 100
	// MaxShares is how many grants one account can give, for all its mailboxes.
	MaxShares = 1_000
	// MaxAllShares is how many there can be on the box.
	MaxAllShares = 20_000
)

// shareBook is who may do what with whose mailboxes. It is never changed: a change
// makes the next one.
type shareBook struct {
	given map[mail.AccountID][]mail.Share // by owner; sorted by mailbox and grantee
}

func compareShares(a, b mail.Share) int {
	return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.To, b.To))
}

// SetShares says what others may do with one mailbox: of each share the rights are all
// that its grantee has from now on, none end it; who is not named keeps what he has.
// All shares are of one owner and mailbox. Durable and visible on return, all or
// nothing. Who may change them is asked in the same moment: the owner, who has the
// right to administer the mailbox, or with account 0 the box itself.
//
// Errors: mail.ErrNoRight, mail.ErrNoAccount (the owner, or a grantee of rights, is
// not there), mail.ErrTooMany.
func (d *Directory) SetShares(ctx context.Context, by mail.AccountID, shares []mail.Share) error {
	if len(shares) == 0 {
		return nil
	}
	record := sharesRecord{Owner: shares[0].Owner, Mailbox: shares[0].Mailbox}
	for _, s := range shares {
		if s.Owner != record.Owner || s.Mailbox != record.Mailbox {
			return fmt.Errorf("directory: shares of more than one mailbox at once")
		}
		record.Grants = append(record.Grants, grantRecord{To: s.To, Rights: s.Rights.String()})
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	if by != 0 && !d.Rights(record.Owner, record.Mailbox, by).Has(mail.RightAdminister) {
		return fmt.Errorf("directory: share mailbox %s of %s: %w", record.Mailbox, record.Owner, mail.ErrNoRight)
	}
	return d.commit(ctx, kindSetShares, record)
}

// InheritShares gives a mailbox that was just made below another one, by somebody who
// may make mailboxes there, the grants that this one has now. Durable on return.
// Errors: mail.ErrNoRight, mail.ErrNoAccount, mail.ErrTooMany.
func (d *Directory) InheritShares(ctx context.Context, by, owner mail.AccountID, from, to mail.MailboxID) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	if !d.Rights(owner, from, by).Has(mail.RightCreate) {
		return fmt.Errorf("directory: share mailbox %s of %s: %w", to, owner, mail.ErrNoRight)
	}
	record := sharesRecord{Owner: owner, Mailbox: to}
	for _, s := range d.Shares(owner) {
		if s.Mailbox == from {
			record.Grants = append(record.Grants, grantRecord{To: s.To, Rights: s.Rights.String()})
		}
	}
	return d.commit(ctx, kindSetShares, record)
}

// ForgetMailbox ends all shares of a mailbox that is gone for good. Durable on return.
func (d *Directory) ForgetMailbox(ctx context.Context, owner mail.AccountID, mailbox mail.MailboxID) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	if len(d.current.Load().shares.of(owner, mailbox)) == 0 {
		return nil
	}
	return d.commit(ctx, kindSetShares, sharesRecord{Owner: owner, Mailbox: mailbox, Gone: true})
}

// Rights are what an account may do with a mailbox: all with its own, nothing where
// either account is not there. It waits for nothing.
func (d *Directory) Rights(owner mail.AccountID, mailbox mail.MailboxID, who mail.AccountID) mail.Rights {
	v := d.current.Load()
	if owner != who && len(v.shares.given[owner]) == 0 {
		return 0
	}
	if _, err := v.live(owner); err != nil {
		return 0
	}
	if owner == who {
		return mail.AllRights
	}
	if _, err := v.live(who); err != nil {
		return 0
	}
	return v.shares.rights(owner, mailbox, 0) | v.shares.rights(owner, mailbox, who)
}

// Shares lists what an account has given to accounts that are there, by mailbox and
// grantee. It waits for nothing.
func (d *Directory) Shares(owner mail.AccountID) []mail.Share {
	v := d.current.Load()
	if _, err := v.live(owner); err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(v.shares.given[owner]), func(s mail.Share) bool {
		_, err := v.live(s.To)
		return s.To != 0 && err != nil
	})
}

// Sharers lists the accounts that have given anything, removed ones too. It waits for
// nothing.
func (d *Directory) Sharers() []mail.AccountID {
	return slices.Sorted(maps.Keys(d.current.Load().shares.given))
}

// Received lists the mailboxes of others with which an account may do anything, by
// owner and mailbox, each once with all rights that it has there. Nobody may change
// it. It waits for nothing.
func (d *Directory) Received(who mail.AccountID) []mail.Share {
	v := d.current.Load()
	own, all := v.received[who], v.received[0]
	if len(own) == 0 && len(all) == 0 {
		return nil
	}
	if _, err := v.live(who); err != nil || who == 0 {
		return nil
	}
	list := slices.Concat(own, all)
	slices.SortFunc(list, compareShares)
	var merged []mail.Share
	for _, s := range list {
		if _, err := v.live(s.Owner); err != nil || s.Owner == who {
			continue
		}
		if n := len(merged); n > 0 && merged[n-1].Owner == s.Owner && merged[n-1].Mailbox == s.Mailbox {
			merged[n-1].Rights |= s.Rights
			continue
		}
		s.To = who
		merged = append(merged, s)
	}
	return merged
}

// WatchShares wakes its owner after every change of who may do what with whose
// mailboxes. It holds nobody up.
func (d *Directory) WatchShares() *mail.Watch {
	c := make(chan struct{}, 1)
	d.watching.Lock()
	defer d.watching.Unlock()
	d.watchers[c] = true
	return mail.NewWatch(c, func() {
		d.watching.Lock()
		defer d.watching.Unlock()
		delete(d.watchers, c)
	})
}

// announceShares wakes the watchers if the new view shares otherwise than the old one.
func (d *Directory) announceShares(old, v *view) {
	if old == nil || old.shares == v.shares && (len(v.shares.given) == 0 || maps.Equal(old.addresses, v.addresses)) {
		return
	}
	d.watching.Lock()
	defer d.watching.Unlock()
	for c := range d.watchers {
		select {
		case c <- struct{}{}:
		default: // a wake-up is waiting there already
		}
	}
}

// receive is all that is given, by grantee.
func (b *shareBook) receive() map[mail.AccountID][]mail.Share {
	received := map[mail.AccountID][]mail.Share{}
	for _, list := range b.given {
		for _, s := range list {
			received[s.To] = append(received[s.To], s)
		}
	}
	return received
}

// of is what is given of one mailbox.
func (b *shareBook) of(owner mail.AccountID, mailbox mail.MailboxID) []mail.Share {
	list := b.given[owner]
	first, _ := slices.BinarySearchFunc(list, mail.Share{Owner: owner, Mailbox: mailbox}, compareShares)
	end, _ := slices.BinarySearchFunc(list, mail.Share{Owner: owner, Mailbox: mailbox + 1}, compareShares)
	return list[first:end]
}

func (b *shareBook) rights(owner mail.AccountID, mailbox mail.MailboxID, to mail.AccountID) mail.Rights {
	list := b.given[owner]
	if at, found := slices.BinarySearchFunc(list, mail.Share{Owner: owner, Mailbox: mailbox, To: to}, compareShares); found {
		return list[at].Rights
	}
	return 0
}

// replaced is the book with another list of one owner.
func (b *shareBook) replaced(owner mail.AccountID, list []mail.Share) *shareBook {
	given := maps.Clone(b.given)
	switch {
	case len(list) == 0:
		delete(given, owner)
	case given == nil:
		given = map[mail.AccountID][]mail.Share{owner: list}
	default:
		given[owner] = list
	}
	return &shareBook{given}
}

// with is the book with the record applied.
func (b *shareBook) with(r *sharesRecord) (*shareBook, error) {
	list := slices.Clone(b.given[r.Owner])
	if r.Gone {
		return b.replaced(r.Owner, slices.DeleteFunc(list, func(s mail.Share) bool { return s.Mailbox == r.Mailbox })), nil
	}
	for _, g := range r.Grants {
		rights, err := mail.ParseRights(g.Rights)
		if err != nil {
			return nil, fmt.Errorf("directory: shares of %s: %w", r.Owner, err)
		}
		share := mail.Share{Owner: r.Owner, Mailbox: r.Mailbox, To: g.To, Rights: rights}
		switch at, found := slices.BinarySearchFunc(list, share, compareShares); {
		case rights == 0 && found:
			list = slices.Delete(list, at, at+1)
		case rights == 0:
		case found:
			list[at] = share
		default:
			list = slices.Insert(list, at, share)
		}
	}
	return b.replaced(r.Owner, list), nil
}

// records is what the index keeps of one owner.
func (b *shareBook) records(owner mail.AccountID) []sharesRecord {
	var list []sharesRecord
	for _, s := range b.given[owner] {
		if n := len(list); n == 0 || list[n-1].Mailbox != s.Mailbox {
			list = append(list, sharesRecord{Owner: owner, Mailbox: s.Mailbox})
		}
		r := &list[len(list)-1]
		r.Grants = append(r.Grants, grantRecord{To: s.To, Rights: s.Rights.String()})
	}
	return list
}

// size is how many grants there are.
func (b *shareBook) size() int {
	n := 0
	for _, list := range b.given {
		n += len(list)
	}
	return n
}

// distrustShares ends all shares: the index was lost, and of the log something that may
// have been the end of one. Who shares again knows with whom; nobody notices that
// somebody reads again who must not. The caller is alone.
func (d *Directory) distrustShares(ctx context.Context) {
	shares := d.current.Load().shares
	if len(shares.given) == 0 {
		return
	}
	d.log.Error("directory: some of the log is lost, and with it perhaps that mailboxes are shared no longer: all shares end", "shares", shares.size())
	if err := d.commit(ctx, kindSetShares, sharesRecord{Gone: true}); err != nil {
		d.log.Error("directory: that all shares end could not be written and holds until the next start", "err", err)
		next := *d.current.Load().state
		next.shares = &shareBook{}
		d.install(&next)
	}
}

func (s *state) setShares(r *sharesRecord) ([]entry, error) {
	if r.Gone && r.Owner == 0 {
		var touched []entry
		for owner := range s.shares.given {
			touched = append(touched, entry{bucketShares, accountKey(owner)})
		}
		s.shares = &shareBook{}
		return touched, nil
	}
	if r.Owner == 0 || r.Mailbox == 0 || s.accounts[r.Owner] == nil {
		return nil, fmt.Errorf("directory: shares of account %s: %w", r.Owner, mail.ErrNoAccount)
	}
	if !r.Gone {
		if err := s.grantable(r); err != nil {
			return nil, err
		}
	}
	next, err := s.shares.with(r)
	if err != nil {
		return nil, err
	}
	// Only what grows is refused: who has too many by an older bound can take away.
	before, after := len(s.shares.given[r.Owner]), len(next.given[r.Owner])
	if after > before && (len(next.of(r.Owner, r.Mailbox)) > MaxGrants || after > MaxShares || next.size() > MaxAllShares) {
		return nil, fmt.Errorf("directory: shares of %s: %w", r.Owner, mail.ErrTooMany)
	}
	s.shares = next
	return []entry{{bucketShares, accountKey(r.Owner)}}, nil
}

// grantable reports whether owner and grantees are such that there can be shares.
func (s *state) grantable(r *sharesRecord) error {
	if _, err := s.live(r.Owner); err != nil {
		return err
	}
	for _, g := range r.Grants {
		if g.To == r.Owner {
			return fmt.Errorf("directory: the owner %s has all rights: %w", r.Owner, mail.ErrNoRight)
		}
		if g.To == 0 || g.Rights == "" {
			continue
		}
		if _, err := s.live(g.To); err != nil {
			return err
		}
	}
	return nil
}

// unshare takes accounts that are gone for good out of all shares.
func (s *state) unshare(gone []mail.AccountID) []entry {
	var touched []entry
	for owner, list := range s.shares.given {
		rest := slices.DeleteFunc(slices.Clone(list), func(share mail.Share) bool {
			return slices.Contains(gone, share.Owner) || slices.Contains(gone, share.To)
		})
		if len(rest) < len(list) {
			s.shares = s.shares.replaced(owner, rest)
			touched = append(touched, entry{bucketShares, accountKey(owner)})
		}
	}
	return touched
}

// oddShares says what can't be true of shares.
func (s *state) oddShares() []string {
	var odd []string
	for owner, list := range s.shares.given {
		if s.accounts[owner] == nil {
			odd = append(odd, fmt.Sprintf("account %s, which there never was, shares mailboxes", owner))
		}
		for i, share := range list {
			switch {
			case share.Owner != owner || share.Mailbox == 0 || share.Rights == 0 || i > 0 && compareShares(list[i-1], share) >= 0:
				odd = append(odd, fmt.Sprintf("what %s shares is in disorder at mailbox %s", owner, share.Mailbox))
			case share.To == owner || share.To != 0 && s.accounts[share.To] == nil:
				odd = append(odd, fmt.Sprintf("%s shares mailbox %s with account %s, which can't be", owner, share.Mailbox, share.To))
			}
		}
	}
	return odd
}
