package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Message is a report on its way to be sent.
type Message struct {
	Report
	To     mail.Address
	ID     mail.ID
	Date   time.Time
	Double bool // To is not the sender, who can't be told
	UTF8   bool // To can read SMTPUTF8 (RFC 6533)
	// Original is the message that it is about; nil: it can't be given back. Full gives
	// all of it back, else its header.
	Original io.Reader
	Full     bool
}

// maxHeader bounds the header that is given back, in bytes.
const maxHeader = 128 << 10

// Encode gives the message, lines ending in CRLF, and whether it has bytes beyond
// ASCII. The error is Original's.
func (m *Message) Encode() (text []byte, eightBit bool, err error) {
	original, err := m.original()
	if err != nil {
		return nil, false, fmt.Errorf("report: read message: %w", err)
	}
	// With another boundary than the message's own parts, which may be reports too:
	// IDs are random.
	boundary := "=_" + m.ID.String()
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("From: Mail delivery <postmaster@%s>", m.Reporting)
	line("To: <%s>", m.To)
	line("Subject: %s", m.subject())
	line("Date: %s", m.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	line("Message-ID: <%s@%s>", m.ID, m.Reporting)
	line("Auto-Submitted: auto-replied") // RFC 3834 §5: nobody's holiday notice answers it
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=%s;\r\n\tboundary=\"%s\"", m.reportType(), boundary)
	line("")
	line("--%s", boundary)
	line("Content-Type: text/plain; charset=utf-8")
	line("Content-Transfer-Encoding: 8bit")
	line("")
	b.WriteString(m.words())
	line("")
	line("--%s", boundary)
	line("Content-Type: message/%s", m.reportType())
	line("")
	b.WriteString(m.fields())
	if m.Original != nil {
		line("")
		line("--%s", boundary)
		line("Content-Type: %s", m.originalType())
		line("Content-Transfer-Encoding: %s", encodingOf(original))
		line("")
		b.Write(original)
	}
	line("")
	line("--%s--", boundary)
	return b.Bytes(), !isASCII(b.Bytes()), nil
}

func (m *Message) reportType() string {
	if m.UTF8 {
		return "global-delivery-status"
	}
	return "delivery-status"
}

func (m *Message) originalType() string {
	switch {
	case m.UTF8 && m.Full:
		return "message/global"
	case m.UTF8:
		return "message/global-headers"
	case m.Full:
		return "message/rfc822"
	}
	return "text/rfc822-headers"
}

func encodingOf(b []byte) string {
	if isASCII(b) {
		return "7bit"
	}
	return "8bit"
}

func isASCII(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// original reads what is given back.
func (m *Message) original() ([]byte, error) {
	switch {
	case m.Original == nil:
		return nil, nil
	case m.Full:
		return io.ReadAll(m.Original)
	}
	b := make([]byte, maxHeader)
	n, err := io.ReadFull(m.Original, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	b = b[:n]
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		return b[:i+2], nil
	}
	if i := bytes.LastIndex(b, []byte("\r\n")); i >= 0 {
		return b[:i+2], nil // no header is as long as that: it ends with a whole line
	}
	return nil, nil
}

// worst is the action that the subject names.
func (m *Message) worst() Action {
	worst := ActionExpanded
	for _, r := range m.Recipients {
		worst = min(worst, r.Action)
	}
	return worst
}

func (m *Message) subject() string {
	switch {
	case m.Double:
		return "Undeliverable mail that can't be returned to its sender"
	case m.worst() == ActionFailed:
		return "Your message could not be delivered"
	case m.worst() == ActionDelayed:
		return "Your message has not been delivered yet"
	case !slices.ContainsFunc(m.Recipients, func(r Recipient) bool { return r.Action != ActionDelivered }):
		return "Your message has been delivered"
	}
	return "Your message is on its way"
}

// words are for people.
func (m *Message) words() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("This is the mail server %s.", m.Reporting)
	if m.Double {
		line("The sender of the message below can't be told, so that you are.")
	}
	for _, r := range m.Recipients {
		line("")
		switch r.Action {
		case ActionFailed:
			line("<%s>: the message could not be delivered, and will not be tried again.", r.Final)
		case ActionDelayed:
			line("<%s>: the message could not be delivered yet.", r.Final)
			if !r.Until.IsZero() {
				line("It will be tried until %s. You need not do anything.", r.Until.UTC().Format("2 January 2006 15:04 UTC"))
			}
		case ActionRelayed:
			line("<%s>: the message was handed to the next server, which sends no report of its own.", r.Final)
		case ActionExpanded:
			line("<%s>: the message has arrived, and was passed on to all for whom this address stands. Of them you get no report.", r.Final)
		default:
			line("<%s>: the message was delivered.", r.Final)
		}
		switch {
		case r.Reply.Code != 0 && r.Server != "":
			line("The server %s said: %s", clean(r.Server), clean(r.Reply.String()))
		case r.Reply.Text != "":
			line("The reason: %s", clean(r.Reply.Text))
		}
	}
	if m.worst() == ActionFailed && !m.Double {
		line("")
		line("Please look at the address, or ask the recipient in another way.")
	}
	return b.String()
}

// fields are for programs (RFC 3464 §2).
func (m *Message) fields() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	if m.EnvelopeID != "" {
		line("Original-Envelope-Id: %s", clean(m.EnvelopeID))
	}
	line("Reporting-MTA: dns; %s", clean(m.Reporting))
	if !m.Arrival.IsZero() {
		line("Arrival-Date: %s", m.Arrival.Format(dateFormat))
	}
	if !m.By.IsZero() {
		line("Deliver-By-Date: %s", m.By.Format(dateFormat))
	}
	if !m.Release.IsZero() {
		// HOLDFOR is a moment too, once the message has come: it is told as one.
		line("Future-Release-Request: until;%s", m.Release.UTC().Format(time.RFC3339))
	}
	for _, r := range m.Recipients {
		line("")
		if r.Original != "" {
			kind, address, _ := strings.Cut(r.Original, ";")
			line("Original-Recipient: %s; %s", clean(kind), m.ascii(clean(address)))
		}
		if m.UTF8 && !r.Final.IsASCII() {
			line("Final-Recipient: utf-8; %s", clean(r.Final.String()))
		} else {
			line("Final-Recipient: rfc822; %s", m.ascii(clean(r.Final.String())))
		}
		line("Action: %s", r.Action)
		line("Status: %s", r.Status)
		if r.Server != "" {
			line("Remote-MTA: dns; %s", m.ascii(clean(r.Server)))
		}
		if r.Reply.Code != 0 {
			line("Diagnostic-Code: smtp; %s", m.ascii(clean(r.Reply.String())))
		} else if r.Reply.Text != "" {
			line("Diagnostic-Code: x-sanduk; %s", m.ascii(clean(r.Reply.Text)))
		}
		if !r.At.IsZero() {
			line("Last-Attempt-Date: %s", r.At.Format(dateFormat))
		}
		if !r.Until.IsZero() {
			line("Will-Retry-Until: %s", r.Until.Format(dateFormat))
		}
	}
	return b.String()
}

const dateFormat = "Mon, 02 Jan 2006 15:04:05 -0700"

// maxField keeps lines within the 998 bytes of RFC 5322 §2.1.1.
const maxField = 900

// clean makes one line of a text, without control characters.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxField {
		s = strings.ToValidUTF8(s[:maxField], "")
	}
	return s
}

// ascii writes what is beyond ASCII as RFC 6533 §3 does in utf-8-addr-xtext, where
// the reader may not know UTF-8.
func (m *Message) ascii(s string) string {
	if m.UTF8 || isASCII([]byte(s)) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%X}`, r)
		}
	}
	return b.String()
}
