package mail

// Spare is a domain of somebody else for which this box is a spare mail server (backup
// MX): it takes the domain's mail while the domain's own server can't be reached, and
// passes it on.
type Spare struct {
	Domain string // canonical
	// Recipients are what stands before the @ of the addresses that are taken, in
	// small letters; none: all are, and what the domain's server refuses is returned.
	Recipients []string
}
