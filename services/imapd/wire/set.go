package wire

// NumRange is one element of a set: First and Last in the order given, 0 for "*".
type NumRange struct{ First, Last uint32 }

// NumSet is a sequence set as it stands on the wire: sequence numbers or UIDs,
// in any order, overlapping, with "*" unresolved (RFC 9051 §9, sequence-set).
type NumSet struct {
	Ranges []NumRange
	Saved  bool // "$": the saved search result (RFC 9051 §6.4.4.1)
}

// IsSetStart reports whether c can begin a sequence set.
func IsSetStart(c byte) bool { return c >= '0' && c <= '9' || c == '*' || c == '$' }

// NumSet reads a sequence set or "$".
func (r *Reader) NumSet() NumSet {
	if r.Accept('$') {
		return NumSet{Saved: true}
	}
	var set NumSet
	for {
		first := r.setNumber()
		last := first
		if r.Accept(':') {
			last = r.setNumber()
		}
		if r.err != nil {
			return NumSet{}
		}
		set.Ranges = append(set.Ranges, NumRange{first, last})
		if !r.Accept(',') {
			return set
		}
	}
}

// setNumber reads a number above 0, or "*" as 0.
func (r *Reader) setNumber() uint32 {
	if r.Accept('*') {
		return 0
	}
	n := r.Number()
	if r.err == nil && n == 0 {
		r.Failf("0 is not a message number")
	}
	return n
}
