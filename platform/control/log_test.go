package control

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/logbook"
)

// TestPageOf: page by page the whole log comes, each page fits a frame, and lines of
// characters that JSON writes long do too.
func TestPageOf(t *testing.T) {
	t.Parallel()
	book := logbook.New()
	if p, err := PageOf(book, LogArgs{}); err != nil || len(p.Lines) != 0 {
		t.Errorf("in memory only: %+v, %v; want an empty page", p, err)
	}
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if err := book.Attach(files); err != nil {
		t.Fatal(err)
	}
	w := book.Writer("unit")
	const lines = 300
	for n := range lines {
		fmt.Fprintf(w, `{"n":%d,"msg":"%s"}`+"\n", n, strings.Repeat("<", 1+n*20))
	}
	var args LogArgs
	for n := 0; ; {
		p, err := PageOf(book, args)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(p); err != nil || len(text) > MaxFrame-1000 {
			t.Fatalf("a page of %d bytes, %v", len(text), err)
		}
		for _, l := range p.Lines {
			if !strings.HasPrefix(string(l), fmt.Sprintf(`{"n":%d,`, n)) {
				t.Fatalf("line %d is %.40s", n, l)
			}
			n++
		}
		if len(p.Lines) == 0 {
			if n != lines {
				t.Errorf("%d lines, want %d", n, lines)
			}
			break
		}
		args.After = p.Next
	}
	p, err := PageOf(book, LogArgs{Back: 20 << 10})
	if err != nil || len(p.Lines) == 0 || len(p.Lines) > 20 {
		t.Errorf("the last 20 KiB are %d lines, %v", len(p.Lines), err)
	}

	n := lines
	for back := (LogArgs{Backward: true}); ; {
		p, err := PageOf(book, back)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(p); err != nil || len(text) > MaxFrame-1000 {
			t.Fatalf("a page back of %d bytes, %v", len(text), err)
		}
		if p.Next == back.Before {
			break
		}
		for i := len(p.Lines) - 1; i >= 0; i-- {
			if n--; !strings.HasPrefix(string(p.Lines[i]), fmt.Sprintf(`{"n":%d,`, n)) {
				t.Fatalf("backward line %d is %.40s", n, p.Lines[i])
			}
		}
		back.Before = p.Next
	}
	if n != 0 {
		t.Errorf("backward it ends at line %d, want at the first", n)
	}
}
