package clienttest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maildir is a directory with folders of one file for each message, as mbsync and offlineimap keep it.
type maildir string

// files are the messages of a folder: by file name, which has the flags in it, the text.
func (d maildir) files(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, name := range d.names(t, folder) {
		all[name] = read(t, name)
	}
	return all
}

// names are the files of a folder's messages. A program that runs gives them other names at any time: what was found
// may be gone when it is opened.
func (d maildir) names(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"new", "cur"} {
		names, err := filepath.Glob(filepath.Join(string(d), folder, dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	return all
}

// holding returns the file with a text in it.
func (d maildir) holding(t *testing.T, folder, text string) string {
	t.Helper()
	for name, body := range d.files(t, folder) {
		if strings.Contains(body, text) {
			return name
		}
	}
	t.Fatalf("no file of %s holds %q", folder, text)
	return ""
}

// mark gives a local message other flags, as a mail program does, by its name.
func (d maildir) mark(t *testing.T, folder, text, flags string) {
	t.Helper()
	name := d.holding(t, folder, text)
	base, _, _ := strings.Cut(filepath.Base(name), ":2,")
	if err := os.Rename(name, filepath.Join(string(d), folder, "cur", base+":2,"+flags)); err != nil {
		t.Fatal(err)
	}
}

// subjects are those of a folder's messages, in order.
func (d maildir) subjects(t *testing.T, folder string) []string {
	t.Helper()
	var list []string
	for _, text := range d.files(t, folder) {
		list = append(list, subject(text))
	}
	slices.Sort(list)
	return list
}

// subjects are those of messages on the box, in order.
func subjects(all []letter) []string {
	var list []string
	for _, l := range all {
		list = append(list, subject(string(l.body)))
	}
	slices.Sort(list)
	return list
}

// subject finds that field in a message.
func subject(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "Subject: "); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}

// sameOnBoth compares two lists of subjects.
func sameOnBoth(t *testing.T, a, b []string) {
	t.Helper()
	if !slices.Equal(a, b) {
		t.Errorf("one side has %d messages, the other %d:\n%q\n%q", len(a), len(b), a, b)
	}
}
