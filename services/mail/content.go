package mail

// ContentAction is what is done with a message in which a rule finds what it looks for.
type ContentAction string

// The actions.
const (
	ContentHold   ContentAction = "hold"   // it waits for an administrator
	ContentRedact ContentAction = "redact" // what was found is taken out
	ContentRefuse ContentAction = "refuse" // the sender is told at once
	ContentPass   ContentAction = "pass"   // it goes on; only for what can't be read
)

// ContentRule is one rule of a domain about what is in its mail.
type ContentRule struct {
	Name              string // what it is about, in the words that the sender reads
	In, Out, Internal bool   // which mail it is for
	// Where it looks: texts, the header fields that people write, names of attachments.
	// None of them: everywhere.
	Text, Header, Names bool
	// What it looks for: any of these.
	Ready   []string // "card", "iban": with their check digits
	Pattern string   // RE2; "": none
	Words   []string // whole words or phrases, in any case
	Least   int      // in how many places, so that it counts; 0: one
	Action  ContentAction
	// Unreadable is what is done with a message that has a document attached which the
	// rule is for and which can't be read: ContentHold, or ContentPass, as is "".
	Unreadable ContentAction
}
