package mail

import "time"

// Passkey is what is kept of a passkey (WebAuthn), by which its owner signs in to the
// pages.
type Passkey struct {
	ID    []byte    // of the credential, as the device has named it
	Key   []byte    // public, as COSE writes it
	Count uint32    // the device's signature counter; 0: it has none
	Host  string    // the name of the box under which it is good
	Name  string    // in its owner's words
	Added time.Time // by the box's clock
}
