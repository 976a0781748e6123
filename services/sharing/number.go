package sharing

import "github.com/sanduk-mail/sanduk/services/mail"

const (
	// ownBits are how many bits a number of the store may have: a mailbox that gets a
	// million messages a day fills them in 3,000 years.
	ownBits = 40
	// mostOwner is the last account that can share: its number and ownBits fit into 64
	// bits. An office is not going to have had 16 million people.
	mostOwner mail.AccountID = 1<<(64-ownBits) - 1
)

// others is the number by which an owner's mailbox, mail or conversation is known to
// everybody else.
func others[N ~uint64](owner mail.AccountID, n N) N {
	if n == 0 {
		return 0 // names nothing
	}
	return N(uint64(owner)<<ownBits) | n
}

// whose takes such a number apart; owner 0: it is the log-in's own.
func whose[N ~uint64](n N) (owner mail.AccountID, own N) {
	return mail.AccountID(uint64(n) >> ownBits), n & (1<<ownBits - 1)
}

// Foreign reports whether a mailbox is somebody else's.
func (a *Account) Foreign(id mail.MailboxID) bool { return id>>ownBits != 0 }

// row is an owner's row as others see it.
func row(owner mail.AccountID, r mail.Row) mail.Row {
	r.Email, r.Thread = others(owner, r.Email), others(owner, r.Thread)
	return r
}

// EmailOwner is of whose mail an email is, by the number that the log-in knows it by, and
// its number there.
func EmailOwner(login mail.AccountID, id mail.EmailID) (mail.AccountID, mail.EmailID) {
	owner, own := whose(id)
	if owner == 0 {
		owner = login
	}
	return owner, own
}

// Owner is in whose account a mailbox is, by the number that the log-in knows it by, and
// its number there.
func Owner(login mail.AccountID, id mail.MailboxID) (mail.AccountID, mail.MailboxID) {
	owner, own := whose(id)
	if owner == 0 {
		owner = login
	}
	return owner, own
}
