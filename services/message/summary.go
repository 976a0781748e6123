package message

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
	"unsafe"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxSummaryText is the most bytes of one text in a Summary: a line of RFC 5322.
// Texts that differ only behind it are the same when messages are put in order,
// and what 100,000 messages take up is known.
const maxSummaryText = 998

// IDHash stands for a message ID: the first 8 bytes of its SHA-256, never 0.
// Whoever makes two IDs with the same one could as well have named the ID.
type IDHash uint64

// Summary is what sorting and threading (RFC 5256, RFC 5957) ask of a message,
// in some 200 bytes. It is plain data that nobody changes.
type Summary struct {
	texts string
	ends  [6]uint16 // in texts, of each of the texts below
	// Reply says that marks of a reply or a forward were taken off the subject.
	Reply bool
	// Dated says that Sent is known: the Unix time, in seconds, of the Date field.
	// A time of day that can't be read counts as midnight, a zone as UTC (RFC 5256
	// §2.2).
	Dated bool
	Sent  int64
	// ID is that of the Message-ID; 0 if there is none that is valid.
	ID IDHash
	// References are those of the References field, the last MaxReferences; if it
	// has none, the first of In-Reply-To.
	References []IDHash
}

// Summarized is an entry of a mailbox with its message's summary.
type Summarized struct {
	Row     mail.Row
	Summary *Summary // never nil; of a message that can't be read it is empty
}

// Summarize picks the summary out of a digest.
func Summarize(d *Digest) *Summary {
	s := &Summary{Reply: d.IsReply, ID: hashID(d.MessageID)}
	s.Sent, s.Dated = d.sent()
	references := d.References
	if len(references) == 0 {
		references = d.InReplyTo[:min(1, len(d.InReplyTo))]
	}
	for _, id := range references {
		s.References = append(s.References, hashID(id))
	}
	e := &d.Envelope
	var b strings.Builder
	for i, text := range [len(s.ends)]string{
		d.BaseSubject, firstMailbox(e.From), firstMailbox(e.To), firstMailbox(e.Cc), firstShown(e.From), firstShown(e.To),
	} {
		b.WriteString(text[:min(len(text), maxSummaryText)])
		s.ends[i] = uint16(b.Len())
	}
	s.texts = strings.Clone(b.String())
	return s
}

// text is the one at a place in ends.
func (s *Summary) text(i int) string {
	if i == 0 {
		return s.texts[:s.ends[0]]
	}
	return s.texts[s.ends[i-1]:s.ends[i]]
}

// Subject is the base subject. It and the texts that follow are as Casemap makes
// them: they are compared byte by byte.
func (s *Summary) Subject() string { return s.text(0) }

// From is the local part of the first address of the field; To and Cc likewise.
func (s *Summary) From() string { return s.text(1) }

// To is as From.
func (s *Summary) To() string { return s.text(2) }

// Cc is as From.
func (s *Summary) Cc() string { return s.text(3) }

// DisplayFrom is the name at the first address of From, or without one the
// address (RFC 5957 §3); DisplayTo likewise.
func (s *Summary) DisplayFrom() string { return s.text(4) }

// DisplayTo is as DisplayFrom.
func (s *Summary) DisplayTo() string { return s.text(5) }

// Memory is how many bytes the summary takes up.
func (s *Summary) Memory() int {
	return int(unsafe.Sizeof(*s)) + len(s.texts) + len(s.References)*8
}

// SentOr is when the message was sent, or else received, as Unix time in seconds
// (RFC 5256 §2.2).
func (s *Summary) SentOr(internal time.Time) int64 {
	if s.Dated {
		return s.Sent
	}
	return internal.Unix()
}

func hashID(id string) IDHash {
	if id == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(id))
	return IDHash(max(1, binary.BigEndian.Uint64(sum[:])))
}

// firstMailbox is RFC 5256 §3's addr-mailbox of the first address, which may be
// the name of a group.
func firstMailbox(list []EnvelopeAddress) string {
	if len(list) == 0 {
		return ""
	}
	return Casemap(DecodeHeader(list[0].Mailbox))
}

func firstShown(list []EnvelopeAddress) string {
	if len(list) == 0 {
		return ""
	}
	a := &list[0]
	if name := strings.Join(strings.Fields(DecodeHeader(a.Name)), " "); name != "" {
		return Casemap(name)
	}
	if a.Kind == GroupStart {
		return Casemap(DecodeHeader(a.Mailbox))
	}
	return Casemap(a.Mailbox + "@" + a.Host)
}

// sent is the time of the Date field, where a time of day that can't be read is
// midnight.
func (d *Digest) sent() (unix int64, ok bool) {
	if !d.Date.IsZero() {
		return d.Date.Unix(), true
	}
	raw := d.Envelope.Date
	if raw == "" || len(raw) > maxDate {
		return 0, false
	}
	words := strings.Fields(raw)
	timed := false
	for i, word := range words {
		if strings.Contains(word, ":") {
			words[i], timed = "00:00:00", true
			break
		}
	}
	if !timed {
		words = append(words, "00:00:00")
	}
	date := parseDate(strings.Join(words, " "))
	return date.Unix(), !date.IsZero()
}
