package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestCheckWords: what Check says of an index that does not fit the log can be
// understood, and acted on, by somebody who has not written it.
func TestCheckWords(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.open()
	if err := b.Store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}
	if err := b.Store.Deliver(t.Context(), env, []mail.Target{{Account: 1}}, storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("x"))); err != nil {
		t.Fatal(err)
	}
	if err := b.Store.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := b.Store.Spoil(1); err != nil {
		t.Fatal(err)
	}
	report, err := b.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range report.Problems {
		all.WriteString(p.Text + "\n")
	}
	for _, want := range []string{
		`folder "INBOX" (m1) differs: messages (index: 1000, `,
		`message 1 of folder "INBOX" (m1) differs: flags (index: [\Deleted], `,
		"index and the log count differently: messages (index: 77, the log: ",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("nothing says %q in:\n%s", want, all.String())
		}
	}
	for _, bad := range []string{"{", "modSeq", "0x", "%!"} {
		if strings.Contains(all.String(), bad) {
			t.Errorf("%q is nothing for people:\n%s", bad, all.String())
		}
	}
	if err := b.Store.Rebuild(t.Context(), mail.AccountID(1)); err != nil {
		t.Fatal(err)
	}
	b.close() // where it is checked: what was wrong was in the index alone
}
