package mail

import "time"

// ListingKind says what an address of the office is.
type ListingKind uint8

// The kinds of addresses.
const (
	ListingUnknown ListingKind = iota
	ListingAccount             // somebody's own: the account's main address
	ListingAlias               // a further address of one account
	ListingShared              // several people's: each gets its mail and may send as it
	ListingGroup               // passes mail on to its members, here and elsewhere
)

// Who says who may send to a group.
type Who uint8

// The values of a Who. Without a log-in all of it goes by the envelope's sender,
// which anybody can write: it keeps newsletters out, and no attacker.
const (
	WhoAnybody Who = iota
	WhoOffice      // whoever has an address of the office
	WhoMembers     // those to whom it leads
	WhoNamed       // those in Listing.Named
)

// Member is somebody to whom an address leads. Given to the directory, Address
// alone is enough; what the directory gives has the account's main address in it.
type Member struct {
	Account AccountID // 0: not an account's own address, or not of this office
	Address Address
}

// Listing is an address of the office and what it stands for.
type Listing struct {
	Address Address // canonical
	Kind    ListingKind
	Name    string   // what stands beside the address
	Members []Member // one for an account or alias
	Who     Who      // of groups
	Named   []Member // with WhoNamed
	Created time.Time
}

// Found is what there is to know of a recipient.
type Found struct {
	Listing
	Account  AccountID // of ListingAccount and ListingAlias
	Detail   string    // what stood behind the "+" (RFC 5233)
	CatchAll bool      // nobody has the address; the account gets all such mail of the domain
	Copies   []Copy    // of the address's domain
}

// Rules are what applies to all mail of one account.
type Rules struct {
	Address   Address  // the account's main address; not for setting
	Forward   []Member // where mail is passed on to
	Keep      bool     // forwarded mail stays in the mailbox as well
	LocalOnly bool     // neither gets mail from outside nor sends any there
	SendAs    []Member // addresses beside its own that the account may send as
	Copies    []Copy
}

// Copy says that somebody gets a copy of mail.
type Copy struct {
	To  Member
	In  bool // of what comes in
	Out bool // of what is sent
}

// Domain is one of the office's domains.
type Domain struct {
	Name     string    // canonical: lower case, ASCII
	Main     bool      // the first one; not for setting
	AliasOf  string    // another domain of the office, whose addresses are all valid in this one too
	CatchAll AccountID // gets what is sent to addresses that nobody has; 0: it is refused
	Copies   []Copy    // of all mail to and from addresses of this domain
}

// RuleError says in plain words why addresses and rules can't be as they were
// asked for.
type RuleError struct {
	Field string // "members", "forward", …; "" where it is none in particular
	Text  string // one sentence
	Err   error  // what it is, for errors.Is; may be nil
}

func (e *RuleError) Error() string { return e.Text }

// Unwrap is what it is.
func (e *RuleError) Unwrap() error { return e.Err }
