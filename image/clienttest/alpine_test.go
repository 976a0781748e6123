package clienttest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// alpine is that program, driven by its own keys on a terminal.
type alpine struct {
	*program
	owner string
}

// config writes the settings and returns the file.
func (a alpine) config(t *testing.T) string {
	t.Helper()
	place := fmt.Sprintf("{%s:%s/ssl/user=%s}", hostname, a.o.port("imaps"), at(a.owner))
	return a.file(t, "pinerc", fmt.Sprintf(`personal-name=Alpine
user-domain=%[1]s
inbox-path=%[2]sINBOX
folder-collections=Box %[2]s[]
feature-list=disable-password-file-saving,enable-aggregate-command-set,expunge-without-confirm,expunge-without-confirm-everywhere,quit-without-confirm
system-certs-file=%[3]s
last-version-used=99.99
`, domain, place, a.o.caFile))
}

// day opens INBOX, logs in and goes on as said. It returns all that was to be seen.
func (a alpine) day(t *testing.T, steps ...step) string {
	t.Helper()
	steps = append([]step{{"ENTER PASSWORD: ", password + "\r"}}, steps...)
	return a.dialogue(t, steps, "script", "-qefc", "stty rows 50 cols 120; exec alpine -i -p "+a.config(t), "/dev/null")
}

// testAlpine lists, reads, files and deletes.
func testAlpine(t *testing.T, o *office, m *matrix) {
	const owner = "alpine"
	a := alpine{o.inRoot(t, "clients"), owner}
	o.deliver(t, owner, note("read me"), note("save me"), note("delete me"), note("keep me"))
	m.try(t, owner, "993: read, save into a new folder, delete", func(t *testing.T) {
		a.day(t,
			step{"opened with 4 messages", "v"}, // the first of the new ones
			step{"This is read me.", "i"},
			step{"keep me", "j"},
			step{"Message number", "2\rs"},
			step{"SAVE", "Kept\r"},
			step{"Create", "y"},
			step{"DEL", "j"}, // what was saved is marked; a slow line shows progress instead of words
			step{"Message number", "3\rdq"})
		inbox := o.count(t, owner, "INBOX", 2)
		if !marked("read me", imap.FlagSeen)(inbox) {
			t.Error("the message that was read is not, on the box")
		}
		if !with("keep me")(inbox) || marked("keep me", imap.FlagSeen)(inbox) {
			t.Error("the message that nobody touched is gone or read")
		}
		if !with("save me")(o.count(t, owner, "Kept", 1)) {
			t.Error("the saved message is not in its folder")
		}
	})
	m.try(t, owner, "993: list folders, open one, undelete", func(t *testing.T) {
		seen := a.day(t,
			step{"opened with 2 messages", "l"},
			step{"Archive", "g"},
			step{"GOTO", "Kept\r"},
			step{"opened with 1 message", "v"},
			step{"This is save me.", "i"},
			step{"save me", "duq"})
		for _, want := range []string{"Archive", "Drafts", "Sent", "Kept", "This is save me."} {
			if !strings.Contains(seen, want) {
				t.Errorf("%q was not to be seen", want)
			}
		}
		if all := o.count(t, owner, "Kept", 1); !marked("save me", imap.FlagSeen)(all) || marked("save me", imap.FlagDeleted)(all) {
			t.Errorf("the message has %v; want it read and not deleted", all[0].flags)
		}
	})
}
