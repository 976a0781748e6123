package mail

import (
	"errors"
	"fmt"
)

// Quota bounds what an account may take up. Zero means no bound.
type Quota struct {
	Bytes    int64
	Messages int64
}

// QuotaError says which account's quota a message did not fit into. It is an
// ErrOverQuota.
type QuotaError struct {
	Account AccountID
	Quota   Quota
	Usage   Usage // before the message
	More    Usage // what was to come
}

// Error names the bound that was in the way.
func (e *QuotaError) Error() string {
	if e.Quota.Messages > 0 && e.Usage.Messages+e.More.Messages > e.Quota.Messages {
		return fmt.Sprintf("account %s holds %d of %d messages: %v", e.Account, e.Usage.Messages, e.Quota.Messages, ErrOverQuota)
	}
	return fmt.Sprintf("account %s holds %d of %d bytes, and %d more were to come: %v", e.Account, e.Usage.Bytes, e.Quota.Bytes, e.More.Bytes, ErrOverQuota)
}

// Unwrap is ErrOverQuota.
func (e *QuotaError) Unwrap() error { return ErrOverQuota }

// Fits says whether an account that takes up used may take up more as well; the
// error is a *QuotaError. Nothing at all always fits.
func (q Quota) Fits(account AccountID, used, more Usage) error {
	over := q.Messages > 0 && more.Messages > 0 && used.Messages+more.Messages > q.Messages ||
		q.Bytes > 0 && more.Bytes > 0 && used.Bytes+more.Bytes > q.Bytes
	if over {
		return &QuotaError{Account: account, Quota: q, Usage: used, More: more}
	}
	return nil
}

// OverQuota lists every QuotaError in err: a delivery to several accounts may
// fail for more than one.
func OverQuota(err error) []*QuotaError {
	if e, ok := err.(*QuotaError); ok {
		return []*QuotaError{e}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*QuotaError
		for _, e := range many.Unwrap() {
			all = append(all, OverQuota(e)...)
		}
		return all
	}
	if next := errors.Unwrap(err); next != nil {
		return OverQuota(next)
	}
	return nil
}
