package mail

import (
	"errors"
	"strings"
	"testing"
)

func TestMailboxName(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a/", MaxMailboxDepth-1) + "a"
	for in, want := range map[string]string{
		"inbox": "INBOX", "InBox/Sub": "INBOX/Sub", "Archive": "Archive", "a/inbox": "a/inbox",
		"inboxes": "inboxes", "Poštar/Сандук": "Poštar/Сандук", "100% *": "100% *", deep: deep,
	} {
		if got, err := MailboxName(in); err != nil || got != want {
			t.Errorf("MailboxName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "/", "a/", "/a", "a//b", "a\nb", "a\x00", "a\x7f", "a\u0085b", "a\u2028b", "\xff",
		strings.Repeat("x", MaxMailboxName+1), deep + "/a",
	} {
		if got, err := MailboxName(in); !errors.Is(err, ErrMailboxName) {
			t.Errorf("MailboxName(%q) = %q, %v; want ErrMailboxName", in, got, err)
		}
	}
}
