package mail

import (
	"encoding/hex"
	"time"
)

// Fingerprint is the SHA-256 of a certificate in DER.
type Fingerprint [32]byte

// String is it in lower-case hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Certificate is one by which a person's program logs in.
type Certificate struct {
	Who         Address
	Fingerprint Fingerprint
	Name        string // what it is for, in words; may be empty
	Added       time.Time
}
