package mail

import (
	"errors"
	"fmt"
	"testing"
)

func TestQuotaFits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		quota      Quota
		used, more Usage
		fits       bool
	}{
		{Quota{}, Usage{1 << 40, 1 << 60}, Usage{1, 1}, true},
		{Quota{Messages: 3}, Usage{2, 9}, Usage{1, 1 << 40}, true},
		{Quota{Messages: 3}, Usage{2, 9}, Usage{2, 0}, false},
		{Quota{Messages: 3}, Usage{5, 9}, Usage{0, 0}, true}, // the bound was lowered
		{Quota{Messages: 3}, Usage{5, 9}, Usage{1, 0}, false},
		{Quota{Bytes: 10}, Usage{2, 9}, Usage{1, 1}, true},
		{Quota{Bytes: 10}, Usage{2, 9}, Usage{1, 2}, false},
		{Quota{Bytes: 10, Messages: 2}, Usage{2, 9}, Usage{1, 1}, false},
	} {
		if err := test.quota.Fits(1, test.used, test.more); (err == nil) != test.fits || err != nil && !errors.Is(err, ErrOverQuota) {
			t.Errorf("%+v, %+v used: Fits(%+v) = %v; want %t", test.quota, test.used, test.more, err, test.fits)
		}
	}
}

func TestOverQuota(t *testing.T) {
	t.Parallel()
	one, two := &QuotaError{Account: 1}, &QuotaError{Account: 2}
	err := fmt.Errorf("deliver: %w", errors.Join(one, fmt.Errorf("again: %w", two), ErrNoSpace))
	if got := OverQuota(err); len(got) != 2 || got[0] != one || got[1] != two {
		t.Errorf("OverQuota = %v", got)
	}
	if got := OverQuota(ErrOverQuota); got != nil {
		t.Errorf("OverQuota of a bare error = %v", got)
	}
}
