package mail

// Signing says who signs the mail that people of a domain send (DKIM, RFC 6376).
type Signing struct {
	Domain string
	// Provider says that the office's provider does, or nobody; else the box.
	Provider bool
}
