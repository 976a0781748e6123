package imapd

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
)

// FuzzURL gives the reader of URLs arbitrary ones. What it takes names a message, and
// a part within it.
func FuzzURL(f *testing.F) {
	for _, text := range []string{
		"/INBOX;UIDVALIDITY=1/;UID=2/;SECTION=1.2.MIME/;PARTIAL=1.2", ";UID=1", "/a%2Fb/;uid=3/;section=HEADER.FIELDS%20(A%20B)",
		"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(%22a%22)", "//x/;UID=1", "imap://x/y/;UID=1", "/;UID=1", "/x/;UID=1/;PARTIAL=9999999999999999999",
	} {
		f.Add(text)
	}
	s := &session{server: &Server{buffers: wire.Buffers{}}}
	f.Fuzz(func(t *testing.T, text string) {
		u, ok := s.parseURL(text)
		if !ok {
			return
		}
		if u.uid == 0 || u.section == nil || u.section.offset < 0 || u.section.partial && u.section.length <= 0 {
			t.Errorf("%q: got %+v, section %+v", text, u, u.section)
		}
		if reply := replyTo(badURL(text, "why")); len(reply.Code) > maxToldURL*2 {
			t.Errorf("%q: the code has %d bytes", text, len(reply.Code))
		}
	})
}
