package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// keptLog is a log as the machine keeps and tells it.
type keptLog struct{ book *logbook.Book }

func (k keptLog) page(args control.LogArgs) (syslog.Page, error) {
	p, err := control.PageOf(k.book, args)
	return syslog.Page{Lines: p.Lines, Next: p.Next, Lost: p.Lost}, err
}

func (k keptLog) Log(_ context.Context, after logbook.Position, back int64) (syslog.Page, error) {
	return k.page(control.LogArgs{After: after, Back: back})
}

func (k keptLog) LogBack(_ context.Context, before logbook.Position) (syslog.Page, error) {
	return k.page(control.LogArgs{Backward: true, Before: before})
}

// servedLog is one with something of everything.
func servedLog(t *testing.T, now time.Time) keptLog {
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	book := logbook.New()
	if err := book.Attach(files); err != nil {
		t.Fatal(err)
	}
	maild, init := book.Writer("maild.service"), book.Writer("init")
	at := func(before time.Duration) string { return now.Add(-before).UTC().Format(time.RFC3339) }
	for n := range 500 {
		fmt.Fprintf(maild, `{"time":%q,"level":"INFO","msg":"message delivered","protocol":"smtp","id":"letter-%d","to":"alice@example.test"}`+"\n", at(time.Duration(600-n)*time.Minute), n)
	}
	fmt.Fprintf(init, `{"time":%q,"level":"ERROR","msg":"the time servers don't answer","err":"network is unreachable"}`+"\n", at(50*time.Minute))
	fmt.Fprintf(init, `{"time":%q,"level":"WARN","msg":"a unit took long to start","after":"netd.service"}`+"\n", at(40*time.Minute))
	fmt.Fprintf(maild, `{"time":%q,"level":"INFO","msg":"log-in refused","protocol":"imap","peer":"192.168.1.77","login":"alice.from.accounting@example.test","program":"Owl 3.1 (Macintosh; Intel)","err":"wrong password, the seventh within an hour from this address"}`+"\n", at(time.Minute))
	return keptLog{book}
}

// TestLog: administrators read the log from its newest line, by what they ask for, page by
// page to its beginning, and then what comes; no secret is in it.
func TestLog(t *testing.T) {
	t.Parallel()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	book := logbook.New()
	if err := book.Attach(files); err != nil {
		t.Fatal(err)
	}
	maild, init := book.Writer("maild"), book.Writer("init")
	const lines = 3000
	for n := range lines {
		fmt.Fprintf(maild, `{"time":"2026-01-02T03:%02d:%02dZ","level":"INFO","msg":"line","n":%d,"text":"%s"}`+"\n", n/60, n%60, n, strings.Repeat("x", 100))
	}
	fmt.Fprintln(init, `{"time":"2026-01-02T04:00:00Z","level":"ERROR","msg":"a disk of \u003cthe box\u003e fails","unit":"maild"}`)
	fmt.Fprintln(init, `{"time":"2026-01-02T04:00:01Z","level":"WARN","msg":"somebody logs what he should not","password":"correct horse"}`)
	fmt.Fprintln(maild, `{"time":"2026-01-02T04:00:02Z","level":"INFO","msg":"delivered","id":"0a1b2c"}`)

	b := setUpBox(t, func(o *Options) { o.Log = keptLog{book} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	b.want(b.do("GET", "/api/log", ""), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/api/log", "", alice...), http.StatusForbidden, "")
	b.want(b.do("GET", "/api/log?level=loud", "", admin...), http.StatusBadRequest, "level")
	b.want(b.do("GET", "/api/log?before=x", "", admin...), http.StatusBadRequest, "before")
	b.want(b.do("GET", "/api/log?after=1.-1", "", admin...), http.StatusBadRequest, "after")
	b.want(b.do("GET", "/api/log?from=noon", "", admin...), http.StatusBadRequest, "from")
	b.want(b.do("GET", "/api/log?q="+strings.Repeat("x", maxLogWords+1), "", admin...), http.StatusBadRequest, "q")

	ask := func(query string) (page logPage) {
		t.Helper()
		w := b.do("GET", "/api/log?"+query, "", admin...)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "correct horse") {
			t.Fatalf("%s gives a password away", query)
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		return page
	}
	first := ask("")
	if len(first.Lines) < enoughLines || !strings.Contains(string(first.Lines[0]), "0a1b2c") {
		t.Fatalf("%d lines, the first %s; want the newest", len(first.Lines), first.Lines[0])
	}
	all := len(first.Lines)
	for at := first.Next; at != ""; {
		p := ask("before=" + at)
		all, at = all+len(p.Lines), p.Next
	}
	if all != lines+3 {
		t.Errorf("page by page %d lines, want %d", all, lines+3)
	}
	for query, want := range map[string]int{
		"unit=init": 2, "unit=init&level=error": 1, "level=warn": 2, "q=DISK+%3Cthe": 1, "q=disk+nothing": 0, "message=0a1b2c": 1, "message=0a1b": 0,
		"from=2026-01-02T04:00:01Z": 2, "from=2026-01-02T03:00:00Z&until=2026-01-02T03:00:09Z": 10,
	} {
		found := 0
		for p := ask(query); ; p = ask(query + "&before=" + p.Next) {
			if found += len(p.Lines); p.Next == "" {
				break
			}
		}
		if found != want {
			t.Errorf("%s: %d lines, want %d", query, found, want)
		}
	}
	if p := ask("after=" + first.Newest); len(p.Lines) != 0 || p.Newest != first.Newest {
		t.Errorf("nothing has come, and it says %+v", p)
	}
	fmt.Fprintln(init, `{"level":"INFO","msg":"later"}`)
	fmt.Fprintln(init, `{"level":"INFO","msg":"latest"}`)
	if p := ask("after=" + first.Newest); len(p.Lines) != 2 || !strings.Contains(string(p.Lines[0]), "latest") || p.Newest == first.Newest {
		t.Errorf("behind the newest came %+v", p)
	}
}
