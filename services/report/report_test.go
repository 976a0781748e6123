package report

import (
	"bytes"
	"errors"
	"net/mail"
	"reflect"
	"strings"
	"testing"
	"time"

	words "github.com/sanduk-mail/sanduk/services/mail"
)

const original = "From: a@box.test\r\nSubject: hello\r\n\r\nThe body.\r\n"

func sample(utf8 bool) *Message {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	m := &Message{
		Report: Report{Reporting: "box.test", Arrival: at, EnvelopeID: "env1", Release: at.Add(24 * time.Hour), By: at.Add(48 * time.Hour)},
		To:     words.Address{Local: "a", Domain: "box.test"}, ID: words.ID{1}, Date: at, UTF8: utf8, Original: strings.NewReader(original),
	}
	m.Recipients = []Recipient{
		{
			Final: words.Address{Local: "b", Domain: "far.test"}, Original: "rfc822;bob@else.test", Action: ActionFailed, Status: words.Status5_1_1NoSuchMailbox,
			Server: "mx.far.test", Reply: words.Reply{Code: 550, Status: words.Status5_1_1NoSuchMailbox, Text: "no such user"}, At: at.Add(time.Minute),
		},
		{Final: words.Address{Local: "c", Domain: "far.test"}, Action: ActionDelayed, Status: words.Status4_4_7Delayed, Reply: words.Reply{Text: "no answer"}, Until: at.Add(time.Hour)},
	}
	if utf8 {
		m.Recipients[1].Final = words.Address{Local: "почта", Domain: "far.test"}
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, utf8 := range []bool{false, true} {
		for _, full := range []bool{false, true} {
			m := sample(utf8)
			m.Full = full
			text, eightBit, err := m.Encode()
			if err != nil || eightBit != utf8 {
				t.Fatalf("Encode: 8bit %v, %v", eightBit, err)
			}
			got, err := Parse(bytes.NewReader(text))
			if err != nil {
				t.Fatalf("Parse: %v in\n%s", err, text)
			}
			for i := range got.Recipients { // the same moments, in another zone's name
				r := &got.Recipients[i]
				if !r.At.IsZero() {
					r.At = r.At.UTC()
				}
				if !r.Until.IsZero() {
					r.Until = r.Until.UTC()
				}
			}
			got.Arrival, got.By, got.Release = got.Arrival.UTC(), got.By.UTC(), got.Release.UTC()
			if want := sample(utf8).Report; !reflect.DeepEqual(*got, want) {
				t.Errorf("Parse = %+v; want %+v", *got, want)
			}
			kind := map[bool]string{true: "multipart/report; report-type=global-delivery-status", false: "multipart/report; report-type=delivery-status"}[utf8]
			msg, err := mail.ReadMessage(bytes.NewReader(text))
			if err != nil || !strings.HasPrefix(msg.Header.Get("Content-Type"), kind) || msg.Header.Get("Auto-Submitted") == "" {
				t.Errorf("header %v, %v", msg.Header, err)
			}
			if got := bytes.Contains(text, []byte("The body.")); got != full || !bytes.Contains(text, []byte("Subject: hello\r\n")) {
				t.Errorf("the body is given back: %v; want %v", got, full)
			}
			for line := range strings.SplitAfterSeq(string(text), "\n") {
				if line != "" && (!strings.HasSuffix(line, "\r\n") || len(line) > 1000) {
					t.Errorf("line %q", line)
				}
			}
		}
	}
}

// TestHostile: what other servers and senders say does not get out of its field.
func TestHostile(t *testing.T) {
	t.Parallel()
	m := sample(false)
	m.Recipients[0].Reply.Text = "no\r\n\r\nAction: delivered\r\n" + strings.Repeat("x", 5000)
	m.Recipients[0].Server = "mx\r\nStatus: 2.0.0"
	m.EnvelopeID = "e\nAction: relayed"
	m.Recipients[0].Original = "rfc822;\xff\r\n\r\n--"
	m.Recipients[1].Final = words.Address{Local: "почта", Domain: "far.test"}
	text, eightBit, err := m.Encode()
	if err != nil || !eightBit { // in the words for people
		t.Fatalf("8bit %v, %v", eightBit, err)
	}
	if fields := m.fields(); !isASCII([]byte(fields)) {
		t.Errorf("the fields are not ASCII: %q", fields)
	}
	got, err := Parse(bytes.NewReader(text))
	if err != nil || len(got.Recipients) != 2 || got.Recipients[0].Action != ActionFailed || got.Recipients[0].Status != words.Status5_1_1NoSuchMailbox {
		t.Errorf("Parse = %+v, %v", got, err)
	}
	if !bytes.Contains(text, []byte(`\x{43F}`)) {
		t.Error("an address beyond ASCII is not written as RFC 6533 does")
	}
}

func TestNoReport(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", original, "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x--\r\n",
		"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n--x--\r\n"} {
		if r, err := Parse(strings.NewReader(s)); !errors.Is(err, ErrNoReport) {
			t.Errorf("Parse(%q) = %+v, %v; want ErrNoReport", s, r, err)
		}
	}
}

// TestPostfix reads what another server writes.
func TestPostfix(t *testing.T) {
	t.Parallel()
	const text = "From: MAILER-DAEMON@mx.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"B/mx\"\r\n\r\n" +
		"This is a MIME-encapsulated message.\r\n\r\n--B/mx\r\nContent-Description: Notification\r\n\r\nSorry.\r\n\r\n" +
		"--B/mx\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n" +
		"Reporting-MTA: dns; mx.test\r\nX-Queue-ID: 1\r\nArrival-Date: Sun, 22 Nov 2026 10:00:00 +0000 (UTC)\r\n\r\n" +
		"Final-Recipient: rfc822; b@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; a.far.test\r\nDiagnostic-Code: smtp; 550 5.1.1 <b@far.test>: unknown\r\n    user\r\n\r\n--B/mx--\r\n"
	got, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r := got.Recipients[0]
	if r.Final.String() != "b@far.test" || r.Action != ActionFailed || r.Reply.Code != 550 || r.Reply.Text != "<b@far.test>: unknown user" || got.Arrival.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, utf8 := range []bool{false, true} {
		text, _, err := sample(utf8).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(bytes.NewReader(b))
		if err == nil && (len(r.Recipients) == 0 || len(r.Recipients) > maxRecipients) {
			t.Errorf("%d recipients", len(r.Recipients))
		}
	})
}

// TestRelease: what other servers say of a message that waited, in either form, and what
// says nothing.
func TestRelease(t *testing.T) {
	t.Parallel()
	came := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"until;2026-11-23T10:00:00Z":       came.Add(24 * time.Hour),
		"Until; 2026-11-23T11:00:00+01:00": came.Add(24 * time.Hour),
		"for;3600":                         came.Add(time.Hour),
		"for; 1000000000":                  {},
		"for;-1":                           {},
		"until;tomorrow":                   {},
		"when;ever":                        {},
		"":                                 {},
	} {
		if got := release(text, came); !got.Equal(want) {
			t.Errorf("%q is %v; want %v", text, got, want)
		}
	}
	if got := release("for;3600", time.Time{}); !got.IsZero() {
		t.Errorf("counted from no moment: %v", got)
	}
}
