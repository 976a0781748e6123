package message

import (
	"time"
)

// Digest is what is known of a message after one look at it. Offsets count
// bytes from the message's beginning.
type Digest struct {
	Envelope    Envelope  // as IMAP shows it: raw values
	Root        Part      // the MIME tree; its header is the message's header
	HeaderLen   int64     // bytes of the header with the blank line behind it: the body begins here
	Size        int64     // bytes of the whole message
	Lines       int64     // lines of the whole message; a last one without line end counts
	Preview     string    // ≤ PreviewLen characters of decoded text on one line (RFC 8970)
	MessageID   string    // first valid one, without angle brackets; "" if none
	InReplyTo   []string  // like MessageID, at most MaxReferences
	References  []string  // like MessageID, in the field's order, the last MaxReferences of them
	BaseSubject string    // RFC 5256 §2.1, decoded, upper case as compared by threading
	IsReply     bool      // RFC 5256 §2.1 took a reply or forward mark off the subject
	Date        time.Time // the Date field with its zone; zero if there is none that can be read
	Attachment  bool      // a person would say that it has an attachment
}

// Envelope is the ENVELOPE of RFC 9051 §7.5.2: values as they stand in the
// header, unfolded, encoded words still encoded.
type Envelope struct {
	Date, Subject         string
	From, Sender, ReplyTo []EnvelopeAddress // Sender and ReplyTo default to From
	To, Cc, Bcc           []EnvelopeAddress
	InReplyTo, MessageID  string
}

// EnvelopeAddress is one entry of an address list: a mailbox, or one of the two
// marks between which the members of a group stand.
type EnvelopeAddress struct {
	Kind    AddressKind
	Name    string // display name, quoting removed; "" shows as NIL
	Route   string // obsolete source route (RFC 5322 §4.4); "" shows as NIL
	Mailbox string // local part, quoting removed; a group's name at GroupStart
	Host    string // domain; may be "" in a broken address, which is not NIL
}

// AddressKind says what an EnvelopeAddress is.
type AddressKind uint8

// The kinds. RFC 9051 §7.5.2 shows a group's start with a NIL host and its end
// with a NIL mailbox and a NIL host.
const (
	Mailbox AddressKind = iota
	GroupStart
	GroupEnd
)

// Subject is the subject for people: encoded words decoded, UTF-8.
func (d *Digest) Subject() string { return DecodeHeader(d.Envelope.Subject) }
