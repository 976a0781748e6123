package operator_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/setup"
)

const (
	// most is how much memory moving mail may take, in bytes, whatever its size.
	most = 300 << 20
	// mboxShort and mboxLong are how much mail is moved, in bytes.
	mboxShort = 200 << 20
	mboxLong  = 2 << 30
)

// writeMbox writes so much mail of the usual sizes, and one message of 100 MB.
func writeMbox(t *testing.T, name string, bytes int64) (messages int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(7, 7))
	raw := make([]byte, 57*1024)
	line := func() string {
		at := r.IntN(len(raw) - 57)
		return base64.StdEncoding.EncodeToString(raw[at : at+57])
	}
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	for written := int64(0); written < bytes; messages++ {
		size := 4 << 10
		switch n := r.IntN(100); {
		case messages == 50:
			size = 100_000_000
		case n < 5:
			size = 1 << 20
		case n < 30:
			size = 60 << 10
		}
		fmt.Fprintf(w, "From a@example.net Tue Nov 14 22:13:20 2023\nMessage-ID: <%d@example.net>\nSubject: %d\n\n", messages, messages)
		for n := 0; n < size; n += 77 {
			_, _ = io.WriteString(w, line()+"\n") // Flush says whether it worked
		}
		_ = w.WriteByte('\n')
		written += int64(size)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return messages
}

// boxctl runs the command by itself and gives its output and the most memory
// that it had, in bytes.
func boxctl(t *testing.T, args ...string) (string, int64) {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asBoxctl+"=1")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("boxctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// TestMemory moves much mail in and out: 200 MB, or 2 GB where SANDUK_LONG is
// set. The memory it takes is bounded.
func TestMemory(t *testing.T) {
	if testing.Short() || race {
		t.Skip("moves 200 MB, and measures the memory without the race detector's")
	}
	bytes := int64(mboxShort)
	if os.Getenv("SANDUK_LONG") != "" {
		bytes = mboxLong
	}
	dir := t.TempDir()
	box, archive := filepath.Join(dir, "box"), filepath.Join(dir, "all.mbox")
	messages := writeMbox(t, archive, bytes)
	if err := os.Mkdir(box, 0o700); err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(box)
	if err != nil {
		t.Fatal(err)
	}
	document, err := setup.Parse([]byte(`{"hostname":"mail.example.test","domains":["example.test"],"admin":{"address":"a@example.test","password":"seven green bottles"}}`))
	if err == nil {
		err = o.SetUp(context.Background(), document)
	}
	if err == nil {
		err = o.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, want string, args ...string) {
		t.Helper()
		out, memory := boxctl(t, append(args, "--data", box)...)
		t.Logf("%s of %d MB: %d MB of memory: %s", what, bytes>>20, memory>>20, strings.TrimSpace(out))
		if !strings.Contains(out, want) || memory > most {
			t.Errorf("%s: %d MB of memory, %q; want at most %d MB, %q", what, memory>>20, out, most>>20, want)
		}
	}
	check("import", fmt.Sprintf("%s messages came in (", thousands(messages)), "import", "a@example.test", archive)
	check("import of the same", fmt.Sprintf("0 messages came in, %s were there already", thousands(messages)), "import", "a@example.test", archive)
	if err := os.Remove(archive); err != nil {
		t.Fatal(err)
	}
	check("export", fmt.Sprintf("%s messages of 7 folders", thousands(messages)), "export", "a@example.test", "--to", filepath.Join(dir, "out.tar"))
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
