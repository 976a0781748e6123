package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ruin overwrites the super block and those of its copies that Check tries.
func ruin(t *testing.T, name string, also ...int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range append([]int64{0, 32768, 98304, 163840}, also...) {
		_, writeErr := f.WriteAt(make([]byte, 4096), block*4096)
		err = errors.Join(err, writeErr)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	tools := realTools(t)
	tools.Skeleton = []string{"mail"}
	name := filepath.Join(t.TempDir(), "volume")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 1200<<20); err != nil { // sparse; large enough for a fourth and a fifth copy
		t.Fatal(err)
	}
	if err := tools.Format(t.Context(), name, dataLabel); err != nil {
		t.Fatal(err)
	}
	copies, err := findCopies(name)
	if want := []int64{32768, 98304, 163840, 229376, 294912}; err != nil || !slices.Equal(copies, want) {
		t.Fatalf("copies at %v, %v, want %v", copies, err, want)
	}
	ruin(t, name)
	_, err = tools.Check(t.Context(), name)
	wantRecovery(t, err, "Nothing was erased")
	if r, ok := errors.AsType[*RecoveryError](err); !ok || r.Fault != FaultDamaged || !bytes.Contains(r.Said, []byte("e2fsck")) {
		t.Errorf("error %+v, want one that says how the disk is and what e2fsck said", r)
	}
	var told []string
	said, err := tools.Repair(t.Context(), name, func(s string) { told = append(told, s) })
	if err != nil || !bytes.Contains(said, []byte("-b 229376")) {
		t.Fatalf("repair: %v; e2fsck said:\n%s", err, said)
	}
	if len(told) < 2 || !strings.Contains(told[1], "copy 1 of 2") {
		t.Errorf("told %q, want what was done, step by step", told)
	}
	if done, err := tools.Check(t.Context(), name); err != nil || done.Mended {
		t.Errorf("after the repair: %+v, %v, want it sound", done, err)
	}

	ruin(t, name, 229376, 294912)
	_, err = tools.Repair(t.Context(), name, func(string) {})
	wantRecovery(t, err, "Nothing was erased")
}
