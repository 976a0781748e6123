package message

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	d := &Digest{
		BaseSubject: "HELLO", IsReply: true, MessageID: "a@b", References: []string{"c@d", "e@f"}, InReplyTo: []string{"g@h"},
		Envelope: Envelope{
			From: []EnvelopeAddress{{Name: "=?utf-8?q?J=C3=BCrgen?=  Y", Mailbox: "jy", Host: "b"}, {Mailbox: "x", Host: "b"}},
			To:   []EnvelopeAddress{{Kind: GroupStart, Mailbox: "Friends"}, {Mailbox: "x", Host: "b"}, {Kind: GroupEnd}},
			Cc:   []EnvelopeAddress{{Mailbox: "cc", Host: "b"}},
		},
	}
	s := Summarize(d)
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s", s.Subject(), s.From(), s.To(), s.Cc(), s.DisplayFrom(), s.DisplayTo())
	if want := "HELLO|JY|FRIENDS|CC|JU\u0308RGEN Y|FRIENDS"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !s.Reply || s.ID != hashID("a@b") || fmt.Sprint(s.References) != fmt.Sprint([]IDHash{hashID("c@d"), hashID("e@f")}) {
		t.Errorf("reply %v, ID %v, references %v", s.Reply, s.ID, s.References)
	}
	d.References, d.Envelope.From = nil, []EnvelopeAddress{{Mailbox: "jy", Host: "b.example"}}
	s = Summarize(d)
	if len(s.References) != 1 || s.References[0] != hashID("g@h") {
		t.Errorf("without References: got %v, want the ID of In-Reply-To", s.References)
	}
	if got, want := s.DisplayFrom(), "JY@B.EXAMPLE"; got != want {
		t.Errorf("DisplayFrom without a name: got %q, want %q", got, want)
	}
	d.BaseSubject = strings.Repeat("X", 1<<20)
	if n := Summarize(d).Memory(); n > 2000 {
		t.Errorf("a summary of a huge subject takes %d bytes", n)
	}
	if got := (&Summary{}).DisplayTo(); got != "" {
		t.Errorf("empty summary: got %q", got)
	}
}

func TestSummaryDate(t *testing.T) {
	t.Parallel()
	internal := time.Unix(77, 0)
	for _, test := range []struct {
		raw  string
		want int64
	}{
		{"Thu, 1 Jan 1970 01:00:00 +0100", 0},
		{"Thu, 1 Jan 1970 00:00:05 nonsense", 5},
		{"Thu, 1 Jan 1970 99:99 +0000", 0},
		{"1 Jan 1970", 0},
		{"", 77},
		{"yesterday", 77},
		{strings.Repeat("x ", 200), 77},
	} {
		d := &Digest{Date: parseDate(test.raw), Envelope: Envelope{Date: test.raw}}
		if got := Summarize(d).SentOr(internal); got != test.want {
			t.Errorf("%.40q: got %d, want %d", test.raw, got, test.want)
		}
	}
}
