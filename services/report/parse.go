package report

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	words "github.com/sanduk-mail/sanduk/services/mail"
)

// ErrNoReport says that a message is no delivery report, or one that makes no sense.
var ErrNoReport = errors.New("not a delivery report")

const (
	// maxReport is how much of a message is looked at: the fields stand in front of
	// what is given back.
	maxReport = 1 << 20
	// maxFields is the most bytes of fields.
	maxFields = 256 << 10
	// maxRecipients that are read.
	maxRecipients = 1000
)

// Parse reads a delivery report, anybody's. What it can't make sense of in a field is
// left at zero; ErrNoReport when there are no fields at all.
func Parse(r io.Reader) (*Report, error) {
	m, err := mail.ReadMessage(bufio.NewReader(io.LimitReader(r, maxReport)))
	if err != nil {
		return nil, ErrNoReport
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["boundary"] == "" {
		return nil, ErrNoReport
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for range 3 { // RFC 6522 §3: the fields are the second
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, ErrNoReport
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if kind == "message/delivery-status" || kind == "message/global-delivery-status" {
			fields, err := io.ReadAll(io.LimitReader(part, maxFields))
			if err != nil && len(fields) == 0 {
				return nil, ErrNoReport
			}
			return parseFields(fields)
		}
	}
	return nil, ErrNoReport
}

// parseFields reads the groups of fields: one of the message, then one of each
// recipient.
func parseFields(b []byte) (*Report, error) {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(b, "\r\n\r\n"...))))
	h, err := r.ReadMIMEHeader()
	if len(h) == 0 || err != nil {
		return nil, ErrNoReport
	}
	rep := &Report{Reporting: typed(h.Get("Reporting-MTA")), EnvelopeID: h.Get("Original-Envelope-Id"), Arrival: date(h.Get("Arrival-Date"))}
	rep.By = date(h.Get("Deliver-By-Date"))
	rep.Release = release(h.Get("Future-Release-Request"), rep.Arrival)
	empty := 0
	for len(rep.Recipients) < maxRecipients && empty < 4 {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 && err == nil {
			rep.Recipients = append(rep.Recipients, recipient(h))
			continue
		}
		if err != nil {
			break
		}
		empty++
	}
	if len(rep.Recipients) == 0 {
		return nil, ErrNoReport
	}
	return rep, nil
}

func recipient(h textproto.MIMEHeader) Recipient {
	r := Recipient{
		Status: status(h.Get("Status")), Server: typed(h.Get("Remote-MTA")),
		At: date(h.Get("Last-Attempt-Date")), Until: date(h.Get("Will-Retry-Until")),
	}
	if kind, address, ok := strings.Cut(h.Get("Original-Recipient"), ";"); ok {
		r.Original = strings.TrimSpace(kind) + ";" + strings.TrimSpace(address)
	}
	if a, err := words.ParseAddress(strings.Trim(typed(h.Get("Final-Recipient")), "<>")); err == nil {
		r.Final = a
	}
	for a := ActionFailed; a <= ActionExpanded; a++ {
		if strings.EqualFold(strings.TrimSpace(h.Get("Action")), a.String()) {
			r.Action = a
		}
	}
	r.Reply = reply(h.Get("Diagnostic-Code"))
	return r
}

// typed is the value of a field "type; value".
func typed(s string) string {
	_, value, ok := strings.Cut(s, ";")
	if !ok {
		value = s
	}
	return strings.TrimSpace(value)
}

func date(s string) time.Time {
	t, _ := mail.ParseDate(s) // the zero time if it is none
	return t
}

// release reads "until;2026-11-22T10:00:00Z", or "for;3600" from when the message came.
func release(s string, arrival time.Time) time.Time {
	kind, value, _ := strings.Cut(s, ";")
	value = strings.TrimSpace(value)
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "until":
		t, _ := time.Parse(time.RFC3339, value) // the zero time if it is none
		return t
	case "for":
		// RFC 4865 §4: nine digits at most, so the sum can't overflow.
		if n, err := strconv.ParseUint(value, 10, 64); err == nil && n <= 999_999_999 && !arrival.IsZero() {
			return arrival.Add(time.Duration(n) * time.Second)
		}
	}
	return time.Time{}
}

// status reads "5.1.1", perhaps with words behind it.
func status(s string) words.Status {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	var st words.Status
	digits := strings.Split(s, ".")
	if len(digits) != 3 {
		return 0
	}
	for _, d := range digits {
		n, err := strconv.ParseUint(d, 10, 8)
		if err != nil {
			return 0
		}
		st = st<<8 | words.Status(n)
	}
	return st
}

// reply reads "smtp; 550 5.1.1 nobody".
func reply(s string) words.Reply {
	kind, text, ok := strings.Cut(s, ";")
	text = strings.TrimSpace(text)
	if !ok || !strings.EqualFold(strings.TrimSpace(kind), "smtp") {
		return words.Reply{Text: text}
	}
	code, rest, _ := strings.Cut(text, " ")
	code, _, _ = strings.Cut(code, "-")
	n, err := strconv.ParseUint(code, 10, 16)
	if err != nil || n < 200 || n > 599 {
		return words.Reply{Text: text}
	}
	r := words.Reply{Code: int(n), Text: rest}
	first, behind, _ := strings.Cut(rest, " ")
	if st := status(first); st != 0 {
		r.Status, r.Text = st, behind
	}
	return r
}
