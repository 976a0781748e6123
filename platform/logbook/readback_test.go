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

// TestReadBack: from the end to the beginning every line comes once, over many files,
// also where a power cut left half a line.
func TestReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	b := New()
	b.maxFile = 300 << 10
	if _, _, err := b.ReadBack(Position{}); err != ErrNoDisk {
		t.Errorf("without a disk: %v, want ErrNoDisk", err)
	}
	if err := b.Attach(files); err != nil {
		t.Fatal(err)
	}
	if lines, _, err := b.ReadBack(Position{}); len(lines) != 0 || err != nil {
		t.Errorf("an empty log has %d lines, %v", len(lines), err)
	}
	const all = 1500
	w := b.Writer("unit")
	write := func(from, to int) {
		for n := from; n < to; n++ {
			fmt.Fprintf(w, `{"n":%d,"msg":"%s"}`+"\n", n, strings.Repeat("x", n%1000))
		}
	}
	write(0, all-10)
	b.Detach()
	numbers, err := listFiles(files)
	if err != nil || len(numbers) < 3 {
		t.Fatalf("files %v, %v; want several", numbers, err)
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
	write(all-10, all)

	n, at := all, Position{}
	for {
		lines, from, err := b.ReadBack(at)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			break
		}
		for i := len(lines) - 1; i >= 0; i-- {
			n--
			if !strings.HasPrefix(string(lines[i]), fmt.Sprintf(`{"n":%d,`, n)) {
				t.Fatalf("line %d is %.60s", n, lines[i])
			}
		}
		at = from
	}
	if n != 0 {
		t.Errorf("it ends at line %d, want at the first", n)
	}
	if lines, _, err := b.ReadBack(Position{File: 1 << 30}); err != nil || len(lines) == 0 {
		t.Errorf("ahead of a place of another log: %d lines, %v; want the newest", len(lines), err)
	}
}
