package mail

// Limits bound what an account sends within 24 hours. Given to the directory, 0
// stands for what holds otherwise: of an account for the office's, of the office for
// StandardLimits.
type Limits struct {
	Messages   int
	Recipients int // addresses to which it has not written before
}

// NoLimit as one of Limits is none.
const NoLimit = -1

// StandardLimits are far above what people write by hand, and far below what makes
// a stolen password worth its price.
func StandardLimits() Limits { return Limits{Messages: 1000, Recipients: 300} }

// Or puts what holds otherwise in the place of zeros.
func (l Limits) Or(otherwise Limits) Limits {
	if l.Messages == 0 {
		l.Messages = otherwise.Messages
	}
	if l.Recipients == 0 {
		l.Recipients = otherwise.Recipients
	}
	return l
}
