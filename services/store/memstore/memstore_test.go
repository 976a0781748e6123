package memstore_test

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(testing.TB) storetest.Store[*memstore.Account] {
		return memstore.New(nil).SetQuota(storetest.Quota)
	})
}
