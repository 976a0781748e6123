package mail

// Kind says what a mailbox collects. Only mail is served so far; the others
// have their number so that collections of them get the same journal, undo and
// rebuild.
type Kind uint8

// The kinds of mailbox.
const (
	KindMail Kind = iota
	KindCalendar
	KindContacts
	KindTasks
)

// Role is the special use of a mailbox (RFC 6154), or RoleNone.
type Role uint8

// The roles. RoleInbox is the mailbox that IMAP calls INBOX in any case.
const (
	RoleNone Role = iota
	RoleInbox
	RoleAll
	RoleArchive
	RoleDrafts
	RoleFlagged
	RoleJunk
	RoleSent
	RoleTrash
)

// Attribute is the special-use attribute as LIST shows it, or "" for a mailbox
// without one (INBOX has none, RFC 6154 §2).
func (r Role) Attribute() string {
	names := [...]string{"", "", `\All`, `\Archive`, `\Drafts`, `\Flagged`, `\Junk`, `\Sent`, `\Trash`}
	if int(r) < len(names) {
		return names[r]
	}
	return ""
}

// Delimiter separates the levels of a mailbox name. A name may not hold it
// otherwise, nor control characters (RFC 9051 §5.1).
const Delimiter = '/'

// Inbox is the canonical spelling of the one name that IMAP reads without
// regard to case (RFC 9051 §5.1).
const Inbox = "INBOX"

// Mailbox is what is known of one mailbox without looking at its messages.
// All counts are exact.
type Mailbox struct {
	ID            MailboxID
	Name          string // UTF-8, levels separated by Delimiter
	Kind          Kind
	Role          Role
	Subscribed    bool
	UIDValidity   UIDValidity
	UIDNext       UID
	HighestModSeq ModSeq // highest that touched this mailbox
	Total         uint32 // messages
	Unseen        uint32 // messages without \Seen
	Deleted       uint32 // messages with \Deleted
	Size          int64  // sum of the messages' sizes in bytes
	Annotations   Annotations
}

// FirstMailboxes are made with every new account, in this order.
func FirstMailboxes() []Mailbox {
	return []Mailbox{
		{Name: Inbox, Role: RoleInbox},
		{Name: "Drafts", Role: RoleDrafts},
		{Name: "Sent", Role: RoleSent},
		{Name: "Archive", Role: RoleArchive},
		{Name: "Junk", Role: RoleJunk},
		{Name: "Trash", Role: RoleTrash},
	}
}
