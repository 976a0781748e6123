package setup

import (
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Setup is a set-up document that is right. Addresses and domains are in the
// canonical form of package domain.
type Setup struct {
	Hostname            domain.Name
	Domains             []domain.Name // at least one; the first is the main one
	Admin               Person
	Accounts            []Person // without the admin
	Timezone            string   // IANA name
	Network             Network
	Outbound            Outbound
	Collect             []Collection
	TrustedNetworks     []netip.Prefix
	SubmissionExtraPort uint16 // 0: none
}

// Person is an account to be made.
type Person struct {
	Address  mail.Address
	Name     string // what stands beside the address; may be empty
	Password string // as typed
}

// NetworkMode says where the box's own addresses come from.
type NetworkMode string

// The modes of a network.
const (
	NetworkDHCP   NetworkMode = "dhcp"
	NetworkStatic NetworkMode = "static"
)

// Network is how the box gets its addresses. All but Mode is for NetworkStatic.
type Network struct {
	Mode    NetworkMode
	Address netip.Prefix // the box's own address with the length of its network
	Gateway netip.Addr   // zero: none, the office has no way out
	DNS     []netip.Addr
}

// OutboundMode says how mail leaves the office.
type OutboundMode string

// The modes of outgoing mail.
const (
	OutboundDirect    OutboundMode = "direct"    // to the recipients' servers
	OutboundSmartHost OutboundMode = "smarthost" // through the provider's
	OutboundNone      OutboundMode = "none"      // not at all
)

// TLSMode says how a connection to another server is protected.
type TLSMode string

// The ways of TLS.
const (
	TLSStartTLS TLSMode = "starttls"
	TLSImplicit TLSMode = "implicit"
	TLSNone     TLSMode = "none"
)

// Outbound is how mail leaves the office. All but Mode is for OutboundSmartHost.
type Outbound struct {
	Mode     OutboundMode
	Host     string // a canonical name or an IP address
	Port     uint16
	TLS      TLSMode
	User     string // empty: no log-in
	Password string
}

// Protocol is one by which mail is collected.
type Protocol string

// The protocols of collection.
const (
	ProtocolPOP3 Protocol = "pop3"
	ProtocolIMAP Protocol = "imap"
)

// Collection is a mailbox at a provider from which mail is fetched.
type Collection struct {
	Protocol Protocol
	Host     string // a canonical name or an IP address
	Port     uint16
	TLS      TLSMode
	User     string
	Password string
	Every    time.Duration
	// Exactly one of the two says where the mail goes: into one account, or by
	// its recipients to the accounts of a domain.
	IntoAddress mail.Address
	IntoDomain  domain.Name
	// Leave is how long mail stays at the provider when it has been collected; 0: it
	// is deleted there at once, LeaveForEver: never.
	Leave   time.Duration
	Folders []string // by IMAP, besides INBOX
	// Fields are the header fields by which a domain's mail is sorted, in the order in
	// which they are believed; nil: those that providers write.
	Fields  []string
	ToCc    bool         // To and Cc count where none of the fields says anything
	Keeper  mail.Address // gets what can't be sorted; zero: the postmaster
	Believe string       // the provider's name in Authentication-Results; "": they are not believed
	Paused  bool         // nothing is collected for now
}

// LeaveForEver is a Leave that never ends.
const LeaveForEver time.Duration = -1

// UsualLeave is how long collected mail stays at the provider where nobody has said
// otherwise: a second copy of the newest mail for the day on which the box's disk
// dies, and little of the space that a provider gives.
const UsualLeave = 7 * 24 * time.Hour

// FieldError names the field that refuses the document.
type FieldError struct {
	Field string // as a path: accounts[2].address; empty for the document itself
	Text  string // one sentence, in the words of whoever wrote the document
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}
