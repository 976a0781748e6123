package mail

// Judgement is what was found out about a message before it was taken. The zero
// value is that of a message that nobody judged.
type Judgement struct {
	Verdicts []Verdict
	Fields   string // header fields that say so, CRLF at the end of each; they stand above Received
	Junk     bool   // it goes to the junk mailbox
	Reason   string // why it is junk, or is not though it looks so; for people; "" if there is nothing to say
}

// Verdict is one thing that is known of a message.
type Verdict struct {
	Method string // what was looked at, in the words of RFC 8601 §2.7: "spf", "dmarc" …
	Result string // how it came out, likewise: "pass", "fail" …
	Reason string // one sentence for people
}
