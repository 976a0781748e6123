package office

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/tally"
	"github.com/sanduk-mail/sanduk/services/web"
)

// traced are the messages that words are of, each by what happened to it.
func (o *testOffice) traced(t *testing.T, text string) (list [][]string) {
	t.Helper()
	found, _, err := tracing{o.Office}.Find(t.Context(), web.TraceQuery{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		var what []string
		for _, s := range m.Steps {
			what = append(what, s.What)
		}
		list = append(list, what)
	}
	return list
}

// lockedLog is a log that may be written to by several goroutines.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func TestTrace(t *testing.T) {
	t.Parallel()
	log := new(lockedLog)
	o := startOffice(t, t.TempDir(), func(opts *Options) { opts.Log = slog.New(slog.NewTextHandler(log, nil)) })
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: The roof\r\nFrom: alice@example.test\r\nMessage-ID: <roof@example.test>\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	arrived := []string{"message received", "message delivered"}
	for _, text := range []string{"roof", "bob@" + testDomain, "alice", "roof@example.test", "the ROOF bob"} {
		if got := o.traced(t, text); len(got) != 1 || !slices.Equal(got[0], arrived) {
			t.Errorf("%q: found %q, want %q", text, got, arrived)
		}
	}
	found, _, err := tracing{o.Office}.Find(t.Context(), web.TraceQuery{Text: "roof"})
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	one, err := tracing{o.Office}.Steps(t.Context(), found[0].ID, web.TraceWithin{})
	if err != nil || len(one.Steps) != 2 {
		t.Fatalf("by its ID %v, %v", one, err)
	}
	account := ""
	for _, p := range one.Steps[1].Pairs {
		if p.Name == "account" {
			account = p.Value
		}
	}
	if account != "bob@"+testDomain {
		t.Errorf("it was put into the mailbox of %q, want bob's", account)
	}
	today := o.tally.Days(time.Now(), 1)[0].Counts
	if today[tally.Inside] != 1 || today[tally.Received] != 0 {
		t.Errorf("counted was %v, want one message from inside", today)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if text := log.text.String(); !strings.Contains(text, "message delivered") || strings.Contains(text, "roof") {
		t.Errorf("the log has nothing of it, or its subject:\n%s", text)
	}
}

// TestTraceAfterCut: what a cut has taken from the trace is found again in mailboxes.
func TestTraceAfterCut(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 0)
	send := func(subject string) {
		t.Helper()
		if err := o.submit(t, "bob@"+testDomain, "Subject: "+subject+"\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	send("first")
	if got := o.traced(t, "first"); len(got) != 1 {
		t.Fatalf("found %q", got)
	}
	files, err := filepath.Glob(filepath.Join(data, traceDir, "*.steps"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	send("second")
	if got := o.traced(t, "second"); len(got) != 1 {
		t.Fatalf("found %q", got)
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(files[0], info.Size()); err != nil { // as a cut leaves it
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, traceDir, "mark")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	o = startOffice(t, data)
	eventually(t, "the second message is found again", func() bool {
		got := o.traced(t, "second")
		return len(got) == 1 && slices.Equal(got[0], []string{"message found in a mailbox"})
	})
	if got := o.traced(t, "first"); len(got) != 1 || len(got[0]) != 2 {
		t.Errorf("of the first there is %q, want what was there", got)
	}
}

func TestRefusedAs(t *testing.T) {
	t.Parallel()
	for err, want := range map[string]tally.Kind{
		"5.1.1 Nobody here has this address: x": tally.RefusedUnknown,
		"5.7.26 Not from whom it says":          tally.RefusedPolicy,
		"4.7.0 Later":                           tally.RefusedLater,
		"5.3.4 Too large":                       tally.RefusedOther,
		"":                                      tally.RefusedOther,
	} {
		if got := refusedAs(err); got != want {
			t.Errorf("%q counts as %s, want %s", err, got, want)
		}
	}
}
