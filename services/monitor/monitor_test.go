package monitor

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

func files(t *testing.T) (durable.FS, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, filepath.Join(dir, File)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestBook(t *testing.T) {
	t.Parallel()
	f, name := files(t)
	b := Open(f, quiet())
	if got := b.Settings(); got != (Settings{}) || b.Allows("") || b.Allows("x") {
		t.Errorf("a new box has %+v, and gives figures: %t; want nothing", got, b.Allows(""))
	}
	want := Settings{Syslog: &syslog.Target{Transport: syslog.TLS, Host: "logs.test"}, MetricsHash: HashOf("t0ken"), Silent: true}
	if err := b.Set(want); err != nil {
		t.Fatal(err)
	}
	place, told := logbook.Position{File: 3, Offset: 9}, map[string]time.Time{"x": time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	if err := errors.Join(b.Keep(place), b.SetTold(told)); err != nil {
		t.Fatal(err)
	}
	b = Open(f, quiet())
	if got := b.Settings(); !reflect.DeepEqual(got, want) || b.Place() != place || !reflect.DeepEqual(b.Told(), told) {
		t.Errorf("read back %+v, %v, %v", got, b.Place(), b.Told())
	}
	if !b.Allows("t0ken") || b.Allows("t0ken2") || b.Allows("") {
		t.Error("the figures are given for the token, and for nothing else")
	}
	if err := b.Set(Settings{Syslog: &syslog.Target{Transport: "x"}}); !errors.Is(err, syslog.ErrTransport) || b.Settings().Syslog.Transport != syslog.TLS {
		t.Errorf("a wrong target: %v, want ErrTransport and what was before", err)
	}
	other := *want.Syslog
	other.Port = 99
	if err := b.Set(Settings{Syslog: &other}); err != nil || b.Place() != (logbook.Position{}) {
		t.Errorf("another collector: %v, place %v; want it to begin anew", err, b.Place())
	}
	for _, text := range []string{"", "\x02{}", "\x01{", "\x01{\"syslog\":{}}"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Open(f, quiet()).Settings(); got != (Settings{}) {
			t.Errorf("%q is read as %+v, want nothing", text, got)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := Write(&b, []Figure{
		Simple("sanduk_x", "An x.\nOf two lines.", 1.5),
		{"sanduk_y_total", `A y with a \.`, Counter, []Value{{[]string{"kind", "a \"b\"\n\\", "no", "1"}, 1e10}, {nil, 0}}},
		{Name: "sanduk_none"},
	})
	want := "# HELP sanduk_x An x.\\nOf two lines.\n# TYPE sanduk_x gauge\nsanduk_x 1.5\n" +
		"# HELP sanduk_y_total A y with a \\\\.\n# TYPE sanduk_y_total counter\n" +
		"sanduk_y_total{kind=\"a \\\"b\\\"\\n\\\\\",no=\"1\"} 1e+10\nsanduk_y_total 0\n"
	if err != nil || b.String() != want {
		t.Errorf("got\n%s%v\nwant\n%s", b.String(), err, want)
	}
}

func TestVeil(t *testing.T) {
	t.Parallel()
	v := NewVeil()
	got := v.Line([]byte(`{"msg":"accepted from alice.b@example.test for <bob@far.test>,alice.b@example.test","subject":"my secret","n":1}`))
	if strings.Contains(got, "alice") || strings.Contains(got, "bob") || strings.Contains(got, "secret") {
		t.Errorf("it shows who it was: %s", got)
	}
	if strings.Count(got, "@example.test") != 2 || !strings.Contains(got, "@far.test") || !strings.Contains(got, `"n":1`) {
		t.Errorf("it hides more than that: %s", got)
	}
	for _, line := range []string{"{\"msg\":\"<giometti@linux.it>\"}", `{"msg":"\u003calice@x.test\u003e"}`, `{"msg":"a\nalice@x.test\t"}`, `{"to":["alice@x.test",{"alice@x.test":1}]}`} {
		if got := v.Line([]byte(line)); !json.Valid([]byte(got)) || strings.Contains(got, "alice") || strings.Contains(got, "giometti") || !strings.Contains(got, "person-") {
			t.Errorf("%s becomes %s", line, got)
		}
	}
	if got, err := v.JSON(map[string]any{"a": []string{"alice@x.test\nbob@x.test"}, "n": 12345678901234567}); err != nil || !json.Valid([]byte(got)) || strings.Contains(got, "alice") || strings.Contains(got, "bob") || !strings.Contains(got, "12345678901234567") {
		t.Errorf("got %s, %v", got, err)
	}
	one, other := v.Text("alice@example.test"), v.Text("bob@example.test")
	if one == other || one != v.Text("alice@example.test") || one == NewVeil().Text("alice@example.test") {
		t.Errorf("%s, %s: want the same word for the same person in one bundle only", one, other)
	}
	if got := v.Line([]byte("nonsense")); got != "" {
		t.Errorf("what is no line: %q", got)
	}
}

func TestWriteBundle(t *testing.T) {
	t.Parallel()
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	var b bytes.Buffer
	if err := WriteBundle(&b, []Entry{{"a.txt", "An a.", write("A")}, {"b.txt", "A b.", write("B")}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if want := []string{"README.txt", "a.txt", "b.txt"}; !reflect.DeepEqual(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	broken := errors.New("broken")
	if err := WriteBundle(io.Discard, []Entry{{"a", "", func(io.Writer) error { return broken }}}, time.Now()); !errors.Is(err, broken) {
		t.Errorf("an entry that fails: %v, want its error", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01{\"syslog\":{\"transport\":\"tls\",\"host\":\"x\"}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := decode(text); err == nil && c.Syslog != nil && c.Syslog.Check() != nil {
			t.Errorf("%q gives %+v", text, c.Syslog)
		}
	})
}
