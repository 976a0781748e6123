package match

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/message"
)

// Brief is how a list shows a message: from whom, and about what.
func Brief(d *message.Digest) (from, subject string) {
	return message.AddressText(d.Envelope.From), d.Subject()
}

// Words reports whether each of the words stands in one of the texts, as a
// substring without regard to case.
func Words(words []string, texts ...string) bool {
	all := Fold(strings.Join(texts, "\x00"))
	for _, w := range words {
		if !strings.Contains(all, Fold(w)) {
			return false
		}
	}
	return true
}
