package imapd

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// TestDialogues plays every dialogue of testdata, each against a box of its own
// whose INBOX holds what fixture says.
func TestDialogues(t *testing.T) {
	t.Parallel()
	mailtest.RunFiles(t, "testdata/*.dialogue", func(t *testing.T) mailtest.Runner {
		b := newBox(t)
		b.fixture()
		return b.runner()
	})
}

// fixture fills INBOX with mailtest's letters.
func (b *box) fixture() {
	for _, l := range mailtest.Letters() {
		b.put("INBOX", mail.NewFlags(l.Flags...), l.Text)
	}
}

// The letters, for tests that need one of them.
const (
	plainMessage     = mailtest.PlainLetter
	multipartMessage = mailtest.MultipartLetter
	forwardMessage   = mailtest.ForwardLetter
	utf8Message      = mailtest.UTF8Letter
)
