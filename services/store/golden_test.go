package store_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestGolden opens boxes that every version of the formats so far wrote: log,
// bodies, indexes and registry. They must show what they showed then, for ever.
// The files of the present version are written anew with -golden, only before it
// is released. That which is called trimmed has snapshots, and a log of which these
// have taken the place of much.
func TestGolden(t *testing.T) {
	t.Parallel()
	if *golden {
		writeGolden(t, fmt.Sprintf("testdata/v%d", store.SchemaVersion), false)
		writeGolden(t, fmt.Sprintf("testdata/v%d-trimmed", store.SchemaVersion), true)
	}
	names := []string{"v2-trimmed"}
	for version := 1; version <= store.SchemaVersion; version++ {
		names = append(names, fmt.Sprintf("v%d", version))
	}
	for _, name := range names {
		dir := "testdata/" + name
		want, err := os.ReadFile(dir + "/shown.txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"with indexes", "from the log alone"} {
			t.Run(name+" "+part, func(t *testing.T) {
				t.Parallel()
				b := newBoxAt(t, copyDir(t, dir))
				if part != "with indexes" {
					if err := os.RemoveAll(b.files.Path("accounts")); err != nil {
						t.Fatal(err)
					}
				}
				b.open()
				defer b.close()
				if got := dump(t, b.Store); got != string(want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if aside, _ := filepath.Glob(b.files.Path("accounts") + "/*/*.damaged"); aside != nil {
					t.Errorf("indexes were made anew: %q", aside)
				}
			})
		}
	}
}

var golden = flag.Bool("golden", false, "write the golden files of the current formats")

func writeGolden(t *testing.T, dir string, trimmed bool) {
	for _, part := range []string{"log", "accounts"} {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	clock := storetest.NewClock()
	b := newBoxAt(t, dir)
	b.opts.Now, b.jopts.Now = clock.Now, clock.Now
	b.jopts.Segment = 20 << 10
	if trimmed {
		b.jopts.Segment = 2 << 10
	}
	b.open()
	for i, d := range script(t, 6, 60) {
		if err := do(b.Store, d, clock.Now()); err != nil {
			t.Fatal(err)
		}
		for id := mail.AccountID(1); trimmed && i%20 == 19 && id <= 2; id++ {
			snapshot(t, b.Store, id)
			expireAll(t, b.Store, id)
		}
	}
	if trimmed {
		compact(t, b.journal, b.Store)
	}
	shown := dump(t, b.Store)
	b.close()
	if err := os.WriteFile(filepath.Join(dir, "shown.txt"), []byte(shown), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLogBytes pins the first record of a log byte for byte, but for what is
// random or a CRC over it.
func TestLogBytes(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.abandon()
	if err := do(r.store, deed{kind: 0, account: 1}, clock.Now()); err != nil {
		t.Fatal(err)
	}
	f, err := r.log.Open("log/00000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, r.log.Size("log/00000001.seg"))
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	copy(b[24:32], make([]byte, 8)) // tag and seed
	copy(b[60:64], make([]byte, 4))
	rec := b[64:]
	copy(rec[4:8], make([]byte, 4)) // tag
	copy(rec[72:88], make([]byte, 16))
	got := hex.Dump(b)
	want, err := os.ReadFile("testdata/first-record.hex")
	if *golden {
		err = os.WriteFile("testdata/first-record.hex", []byte(got), 0o644)
		want = []byte(got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(got), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(got, "SANDUKLG") {
		t.Errorf("no magic in\n%s", got)
	}
}
