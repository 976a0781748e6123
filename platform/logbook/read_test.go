package logbook

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// TestRead follows a log over many files, a restart behind a power cut, and the removal
// of what has not been read.
func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	b := New()
	b.maxFile = 1000
	if _, _, _, err := b.Read(Position{}); err != ErrNoDisk {
		t.Errorf("without a disk: %v, want ErrNoDisk", err)
	}
	if err := b.Attach(files); err != nil {
		t.Fatal(err)
	}
	w := b.Writer("unit")
	var at Position
	read := func() (all []string, lost bool) {
		t.Helper()
		for {
			lines, next, gone, err := b.Read(at)
			if err != nil {
				t.Fatal(err)
			}
			if next.Compare(at) < 0 {
				t.Fatalf("from %v it goes back to %v", at, next)
			}
			at, lost = next, lost || gone
			if len(lines) == 0 {
				return all, lost
			}
			for _, l := range lines {
				_, rest, _ := strings.Cut(string(l), `"n":`)
				n, _, _ := strings.Cut(rest, ",")
				all = append(all, n)
			}
		}
	}
	write := func(from, to int) {
		for n := from; n < to; n++ {
			fmt.Fprintf(w, `{"msg":"a line of some length","n":%d}`+"\n", n)
		}
	}
	want := func(got []string, from, to int) {
		t.Helper()
		if len(got) != to-from || got[0] != fmt.Sprint(from) || got[len(got)-1] != fmt.Sprint(to-1) {
			t.Errorf("got %v, want %d to %d", got, from, to-1)
		}
	}
	write(0, 50)
	got, lost := read()
	if want(got, 0, 50); lost {
		t.Error("something is said to be lost")
	}
	write(50, 60)
	got, _ = read()
	want(got, 50, 60)

	// The power goes in the middle of a line, which was not all that was not read.
	write(60, 62)
	b.Detach()
	numbers, err := listFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	last, err := os.OpenFile(filepath.Join(dir, fileName(numbers[len(numbers)-1])), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(last, `{"msg":"ha`); err != nil {
		t.Fatal(err)
	}
	last.Close()
	if err := b.Attach(files); err != nil {
		t.Fatal(err)
	}
	write(62, 64)
	got, lost = read()
	if want(got, 60, 64); lost {
		t.Error("something is said to be lost")
	}

	write(64, 1000)
	got, lost = read()
	if !lost || len(got) == 0 || got[len(got)-1] != "999" {
		t.Errorf("%d lines, lost %t; want that the oldest are lost, and the newest", len(got), lost)
	}
}
