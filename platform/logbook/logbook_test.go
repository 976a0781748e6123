package logbook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

func newFS(t *testing.T) *durable.OS {
	t.Helper()
	o, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// lines reads the whole log and checks that each line is an object with what
// every line has.
func lines(t *testing.T, b *Book) []map[string]any {
	t.Helper()
	data, err := b.Tail(MaxFiles * MaxFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range strings.Lines(string(data)) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		for _, key := range []string{"time", "level", "unit", "msg"} {
			if m[key] == nil && m["msg"] != nil {
				t.Errorf("line %q lacks %q", line, key)
			}
		}
		list = append(list, m)
	}
	return list
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); n != len(text) || err != nil {
		t.Errorf("Write = %d, %v, want %d", n, err, len(text))
	}
}

func TestMemoryThenDisk(t *testing.T) {
	t.Parallel()
	b, fsys := New(), newFS(t)
	slog.New(b.Handler("init", slog.LevelInfo)).Info("before the disk", "n", 1)
	if err := b.Attach(fsys); err != nil {
		t.Fatal(err)
	}
	slog.New(b.Handler("init", slog.LevelInfo)).Info("with the disk")
	w := b.Writer("maild.service")
	write(t, w, "panic: oh no\ngoroutine 1 [run")
	write(t, w, "ning]:\n")
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	b.Detach()
	again := New() // the next start
	if err := again.Attach(fsys); err != nil {
		t.Fatal(err)
	}
	got := lines(t, again)
	if len(got) != 4 {
		t.Fatalf("%d lines, want 4: %v", len(got), got)
	}
	for i, want := range []string{"before the disk", "with the disk", "output", "output"} {
		if got[i]["msg"] != want {
			t.Errorf("line %d: %v, want msg %q", i, got[i], want)
		}
	}
	if got[3]["line"] != "goroutine 1 [running]:" || got[3]["unit"] != "maild.service" {
		t.Errorf("line 3: %v", got[3])
	}
}

func TestNobodySpeaksAsAnother(t *testing.T) {
	t.Parallel()
	b := New()
	write(t, b.Writer("maild.service"), `{"time":"t","level":"INFO","msg":"x","unit":"init"}`+"\n{}\n"+`{"a":1} {"b":2}`+"\n")
	got := lines(t, b)
	if len(got) != 3 {
		t.Fatalf("lines %v", got)
	}
	for _, m := range got {
		if m["unit"] != "maild.service" {
			t.Errorf("unit %v in %v, want maild.service", m["unit"], m)
		}
	}
	if got[2]["line"] == nil {
		t.Errorf("two objects in one line were taken for one: %v", got[2])
	}
}

func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	b := New()
	w := b.Writer("a")
	write(t, w, strings.Repeat("x", 3*MaxLine)+"\nnext\n")
	got := lines(t, b)
	if len(got) != 2 || len(got[0]["line"].(string)) != MaxLine || got[1]["line"] != "next" {
		t.Errorf("got %d lines, the first of %d bytes; want it cut at %d", len(got), len(fmt.Sprint(got[0]["line"])), MaxLine)
	}
	write(t, w, "without an end")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, b); got[len(got)-1]["line"] != "without an end" {
		t.Errorf("last line %v", got[len(got)-1])
	}
}

func TestRateIsBoundedPerUnit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New()
		noisy, calm := b.Writer("noisy"), b.Writer("calm")
		for range 3 * burstLines {
			write(t, noisy, "x\n")
		}
		write(t, calm, "y\n")
		time.Sleep(10 * time.Second) // in the bubble
		write(t, noisy, "later\n")
		var kept, skipped int
		var calmKept bool
		for _, m := range lines(t, b) {
			switch {
			case m["unit"] == "noisy":
				kept++
			case m["unit"] == "calm":
				calmKept = true
			case m["lines"] != nil:
				skipped = int(m["lines"].(float64))
			}
		}
		if kept != burstLines+1 || skipped != 2*burstLines || !calmKept {
			t.Errorf("kept %d, reported %d skipped, calm kept %v; want %d, %d, true", kept, skipped, calmKept, burstLines+1, 2*burstLines)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	b := New()
	line := strings.Repeat("x", 4000) + "\n"
	for i := range 10 {
		w := b.Writer(fmt.Sprint(i)) // a rate bound of its own each
		for range 100 {
			write(t, w, line)
		}
	}
	if b.inMem > maxMemory || b.dropped == 0 {
		t.Errorf("%d bytes in memory, %d dropped; want at most %d", b.inMem, b.dropped, maxMemory)
	}
	if err := b.Attach(newFS(t)); err != nil {
		t.Fatal(err)
	}
	got := lines(t, b)
	if got[0]["msg"] != "lines were lost while the log had no disk" {
		t.Errorf("first line %v, want the number of lost lines", got[0])
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	const maxFile = 4 * MaxLine
	b, fsys := New(), newFS(t)
	b.maxFile = maxFile
	if err := b.Attach(fsys); err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", MaxLine-1) + "\n")
	for range (MaxFiles + 3) * maxFile / MaxLine {
		b.add(line)
	}
	numbers, err := listFiles(fsys)
	if err != nil || len(numbers) != MaxFiles || numbers[0] == 1 {
		t.Errorf("files %v, %v; want the newest %d", numbers, err, MaxFiles)
	}
	for _, n := range numbers {
		fi, err := fsys.Stat(fileName(n))
		if err != nil || fi.Size() > maxFile {
			t.Errorf("%s: %v, %v; want at most %d bytes", fileName(n), fi.Size(), err, maxFile)
		}
	}
	tail, err := b.Tail(3*MaxLine + 10)
	if err != nil || len(tail) != 3*MaxLine {
		t.Errorf("Tail = %d bytes, %v, want the last 3 whole lines", len(tail), err)
	}
}

// brokenFS fails as a disk that has gone.
type brokenFS struct {
	durable.FS
	write, sync error
}

func (b *brokenFS) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f, err := b.FS.OpenFile(name, flag, perm)
	return &brokenFile{f, b}, err
}

type brokenFile struct {
	durable.File
	b *brokenFS
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if f.b.write != nil {
		return 0, f.b.write
	}
	return f.File.Write(p)
}

func (f *brokenFile) Sync() error { return errors.Join(f.b.sync, f.File.Sync()) }

func TestDiskFailsAndComesBack(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*brokenFS){
		"write": func(b *brokenFS) { b.write = syscall.ENOSPC },
		"sync":  func(b *brokenFS) { b.sync = syscall.EIO },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := New()
			real := newFS(t)
			broken := &brokenFS{FS: real}
			if err := b.Attach(broken); err != nil {
				t.Fatal(err)
			}
			w := b.Writer("a")
			write(t, w, "one\n")
			fail(broken)
			write(t, w, "two\n")
			time.Sleep(2 * SyncEvery) // in the bubble
			synctest.Wait()
			write(t, w, "three\n")
			if err := b.Attach(real); err != nil {
				t.Fatalf("%s: attach again: %v", name, err)
			}
			text, err := b.Tail(MaxFile)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"one"`, `"two"`, `"three"`, "the log has lost its disk"} {
				if !bytes.Contains(text, []byte(want)) {
					t.Errorf("%s failing: the log lacks %s:\n%s", name, want, text)
				}
			}
			b.Detach()
		})
	}
}

func TestAttachToAStrangeDirectory(t *testing.T) {
	t.Parallel()
	fsys := newFS(t)
	for _, name := range []string{"log-00000007.jsonl", "log-x.jsonl", "other", "log-7.jsonl", "log-00000007.jsonl.bak"} {
		if err := os.WriteFile(fsys.Path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := New()
	if err := b.Attach(fsys); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Stat("log-00000008.jsonl"); err != nil {
		t.Errorf("the next file after 7 is not 8: %v", err)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte(`{"msg":"x"}`))
	f.Add([]byte("{ \t}"))
	f.Add([]byte("\xff{\x00"))
	f.Add([]byte(`{"unit":"init",}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw, _, _ = bytes.Cut(raw, []byte("\n"))
		if len(bytes.TrimSpace(raw)) == 0 {
			return
		}
		line := frame("maild.service", raw, time.Unix(0, 0))
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil || m["unit"] != "maild.service" || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("frame(%q) = %q: %v", raw, line, err)
		}
	})
}
