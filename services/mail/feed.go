package mail

// Position is a place in the history of everything that the box stores. It only
// grows, survives restarts, and is the same for all accounts: what has followed
// the store up to a Position goes on from there.
type Position uint64

// StoreChanges says which accounts have changed after a Position.
type StoreChanges struct {
	Until    Position    // everything up to here is included: the next since
	Accounts []AccountID // ascending; an account that was removed is among them
}

// AccountChanges is one page of what has happened in an account after a ModSeq.
//
// Which objects have been touched is exact up to Until; a mailbox that was
// deleted or put back touches all that is in it. What has become of each is said
// as it is when the page is made, which may be later: whoever applies page after
// page ends with what the account holds, and may be told of the same end twice.
type AccountChanges struct {
	Until ModSeq // everything up to here is included: the since of the next page
	More  bool   // something has happened after Until already

	Mailboxes Touched[MailboxID]
	// Counted are those of Mailboxes.Updated in which only messages have changed:
	// name, role and the rest are as they were.
	Counted       []MailboxID
	Subscriptions []string // names that came on the list or went off it, sorted

	Emails  Touched[EmailID]
	Threads Touched[ThreadID]
}

// Touched sorts the objects of one kind that a page touches. Each stands in one
// of the lists, in ascending order. What came and went within the page stands
// in none.
type Touched[ID ~uint64] struct {
	// Created have a number that was given out after since.
	Created []ID
	// Updated have an older number. A thread without any message left, or an email
	// that was gone, may come back to life: whoever does not know one of these
	// takes it for Created.
	Updated []ID
	// Destroyed have an older number and are in no mailbox any more.
	Destroyed []ID
}

// Entry is one of the places in which an email stands.
type Entry struct {
	Mailbox MailboxID
	Row     Row
}

// Usage is what an account takes up: every message in every mailbox, a copy as
// much as the original, as the sizes of the mailboxes add up. What was expunged
// or deleted with its mailbox does not count, though it can be brought back for
// a while: its owner could do nothing about it.
type Usage struct {
	Messages int64
	Bytes    int64
}
