package mail

// SizeBound is the largest message that somebody, or everybody of a domain without a
// bound of their own, may send or get.
type SizeBound struct {
	Who   string // an account's address, or a domain
	Bytes int64
}
