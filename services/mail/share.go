package mail

// Share is what one account, or with To zero every account of the box, may do in a
// mailbox of another one.
type Share struct {
	Owner   AccountID
	Mailbox MailboxID // in the owner's account
	To      AccountID // zero: anyone
	Rights  Rights
}

// SharedMailbox is such a share by names: what the identifier may do there.
type SharedMailbox struct {
	Owner   Address
	Mailbox string // its name in the owner's account
	Grant
}
