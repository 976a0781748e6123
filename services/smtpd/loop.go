package smtpd

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/message"
)

// loopSearch is how much of a header is searched for Received fields: they
// stand first, and a hundred of them fit many times over.
const loopSearch = 256 << 10

// countReceived is how many hosts say that they have handled the message (RFC
// 5321 §6.3). A header that is too long or broken is counted as far as it goes.
func countReceived(body *draft.Draft) int {
	n := 0
	for field, err := range message.Fields(body.Reader(), loopSearch) {
		if err != nil {
			break
		}
		if strings.EqualFold(field.Name, "Received") {
			n++
		}
	}
	return n
}
