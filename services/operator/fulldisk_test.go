package operator_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable/disktest"
	"github.com/sanduk-mail/sanduk/services/operator"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// TestCheckWithoutRoom checks a data directory on a disk without a free block, and one
// that takes no writes: the former is checked all the same, of the latter it is said
// what to do.
func TestCheckWithoutRoom(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	data := filepath.Join(t.TempDir(), "box")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(data)
	if err != nil {
		t.Fatal(err)
	}
	document, err := setup.Parse([]byte(`{"hostname": "mail.example.test", "domains": ["example.test"],
		"admin": {"address": "admin@example.test", "password": "seven green bottles"}}`))
	if err == nil {
		err = o.SetUp(t.Context(), document)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	d := disktest.New(t, 96<<20)
	// As it is on a disk: what was set aside and never written takes no room.
	if text, err := exec.CommandContext(t.Context(), "cp", "-r", "--sparse=always", data, d.Dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, text)
	}
	check := func() (int, string) {
		var text bytes.Buffer
		status := operator.Run(context.Background(), []string{"check", "--data", filepath.Join(d.Dir, "box")}, operator.Streams{In: strings.NewReader(""), Out: &text, Err: &text, Getenv: func(string) string { return "" }})
		return status, text.String()
	}
	d.Fill(0)
	if status, text := check(); status != 0 || !strings.Contains(text, "All is well") {
		t.Errorf("on a full disk check ends with %d: %s", status, text)
	}
	d.Empty()
	d.ReadOnly(true)
	if status, text := check(); status != 1 || !strings.Contains(text, "takes no writes: copy the data directory to another") {
		t.Errorf("on a disk that takes no writes check ends with %d: %s", status, text)
	}
	d.ReadOnly(false)
	if status, text := check(); status != 0 {
		t.Errorf("on a disk with room check ends with %d: %s", status, text)
	}
}
