package office

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/trust"
)

const (
	// maxSpareHops is how many of the office's own servers may stand in a row.
	maxSpareHops = 5
	// maxSpareHeader is how much of a header is looked at for what they wrote.
	maxSpareHeader = 64 << 10
)

// isSpare says whether an address is one of the office's own spare servers.
func (o *Office) isSpare(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(o.directory.SpareServers(), func(p netip.Prefix) bool { return p.Contains(addr) })
}

// behind is an envelope as it was when the message came to the office's spare server:
// with the address and the name that stand in the Received field which that server
// wrote, the topmost. Where none can be read, it is not known where it came from.
func (j judge) behind(envelope *mail.Envelope, body *draft.Draft) *mail.Envelope {
	before := *envelope
	before.Peer = mail.Peer{Protocol: envelope.Peer.Protocol}
	hops := 0
	for field, err := range message.Fields(body.Reader(), maxSpareHeader) {
		if err != nil || hops == maxSpareHops {
			break
		}
		if !strings.EqualFold(field.Name, "Received") {
			continue
		}
		helo, addr, ok := message.ReceivedFrom(field.Value())
		if !ok {
			break
		}
		if !j.isSpare(addr) {
			before.Peer.Helo, before.Peer.Addr = helo, addr
			break
		}
		hops++
	}
	return &before
}

// lenient makes what would be refused junk, and takes what would be put off: the spare
// server has taken it, and could only send a report to a sender who may be forged.
func lenient(found *trust.Judgement) {
	switch found.Disposition.Action {
	case trust.Refuse:
		found.Disposition.Action, found.Disposition.Refusal, found.Disposition.Override = trust.Junk, nil, "local_policy"
	case trust.TryLater:
		found.Disposition = trust.Disposition{}
	}
}
