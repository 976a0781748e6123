package mail

// Collected is a message that was fetched from a mailbox at a provider, to be
// delivered by the office's rules. Whoever wrote it has long been told that it
// arrived: nothing is ever sent back.
type Collected struct {
	// Envelope has in From what the provider noted, in To whom the message is for,
	// in Received when the provider got it; nobody has logged in.
	Envelope Envelope
	Round    bool    // it has been collected here before: it goes to mailboxes and no further
	Keeper   Address // who gets what none of the others may have
}
