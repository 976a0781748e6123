package office

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
)

// TestDamageShown turns a bit of a message on the disk. Screen and API say whose it
// is, which, and what to do, in the same words; the other message is read as ever.
func TestDamageShown(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 0)
	for _, subject := range []string{"hurt", "whole"} {
		if err := o.submit(t, "bob@"+testDomain, "Subject: "+subject+"\r\nFrom: alice@example.test\r\n\r\nHello, Bob.\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	flipFirstBody(t, data)
	o = startOffice(t, data)
	for range 5 { // a part of the month's reading each
		if err := o.upkeep.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var got struct {
		OK       bool `json:"ok"`
		Findings []struct {
			What string `json:"what"`
			ToDo string `json:"what_to_do"`
		} `json:"findings"`
	}
	o.api(t, "admin").do("GET", "/api/health", nil, &got)
	if got.OK || len(got.Findings) != 1 {
		t.Fatalf("the API says %+v; want one finding", got)
	}
	f := got.Findings[0]
	for _, want := range []string{"bob@" + testDomain, `"hurt"`, "INBOX", "damaged on the disk"} {
		if !strings.Contains(f.What, want) {
			t.Errorf("the API says %q; want %s in it", f.What, want)
		}
	}
	if s := o.screen(); !strings.Contains(s.State, f.What) || !strings.Contains(s.State, f.ToDo) {
		t.Errorf("the screen says %q; want %q and %q", s.State, f.What, f.ToDo)
	}
}

// flipFirstBody turns a bit of the first body in the log.
func flipFirstBody(t *testing.T, data string) {
	t.Helper()
	files, err := durable.NewOS(filepath.Join(data, "mail"))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	name, off := "", int64(0)
	err = journal.Dump(t.Context(), files, func(f journal.Found) error {
		if name == "" && f.Record.Body != (journal.BodyRef{}) {
			name, off = f.Record.Body.String()[:8], f.Offset+f.Length-60
		}
		return nil
	})
	if err != nil || name == "" {
		t.Fatalf("look for a body: %v", err)
	}
	file, err := os.OpenFile(filepath.Join(data, "mail", "log", name+".seg"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := file.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}
