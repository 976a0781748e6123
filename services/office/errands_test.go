package office

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// testErrands is a machine with somebody standing at it.
type testErrands struct {
	next chan Errand
	done chan ErrandResult
}

func newTestErrands() *testErrands {
	return &testErrands{next: make(chan Errand), done: make(chan ErrandResult)}
}

func (e *testErrands) Next(ctx context.Context) (Errand, error) {
	select {
	case next := <-e.next:
		return next, nil
	case <-ctx.Done():
		return Errand{}, ctx.Err()
	}
}

func (e *testErrands) Done(ctx context.Context, _ uint64, r ErrandResult) error {
	select {
	case e.done <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run has the office do something, and waits until it is done.
func (e *testErrands) run(kind ErrandKind) ErrandResult {
	e.next <- Errand{ID: 1, Kind: kind}
	return <-e.done
}

// TestErrands: a bundle for the console stands where the machine takes it.
func TestErrands(t *testing.T) {
	t.Parallel()
	dir, errands := t.TempDir(), newTestErrands()
	startOffice(t, dir, func(op *Options) { op.Errands = errands })
	if r := errands.run(ErrandSupport); r.Problem != "" {
		t.Fatalf("support: %+v", r)
	}
	text, err := os.ReadFile(filepath.Join(dir, SupportFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zip.NewReader(bytes.NewReader(text), int64(len(text))); err != nil {
		t.Error(err)
	}
	if r := errands.run("dance"); r.Problem == "" {
		t.Error("what the office can't do it says it has done")
	}
}
