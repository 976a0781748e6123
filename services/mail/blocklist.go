package mail

import "net/netip"

// BlockLists are the lists of bad senders in DNS (RFC 5782) that the office asks about
// servers which bring it mail. The zero value: none.
type BlockLists struct {
	Lists []BlockList
	Allow []netip.Prefix // servers about which no list is asked
}

// BlockList is one of them.
type BlockList struct {
	Zone   string // such as "zen.spamhaus.org", in small letters
	Refuse bool   // whoever is on it is refused; else what it brings is junk
}

// ListTrouble is a list that could not be asked lately. What comes meanwhile is taken as
// if it were on no list.
type ListTrouble struct {
	Zone, Reason string
}

// Reporting says which daily reports a domain gets from the office.
type Reporting struct {
	Domain string // of somebody else; "": all that have no setting of their own
	DMARC  bool   // about mail that came in its name (RFC 9990)
	TLS    bool   // about connections to its servers (RFC 8460)
}
