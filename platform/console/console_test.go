package console

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"rsc.io/qr"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(samples())) {
		s := samples()[name]
		got := strings.Join(Render(s, 80, 25), "\n") + "\n\n" + strings.Join(Facts(s), "\n") + "\n"
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s(go test -update writes it anew)", name, got, want)
		}
	}
}

// TestPaint: colours change nothing but colours.
func TestPaint(t *testing.T) {
	t.Parallel()
	sgr := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	for name, s := range samples() {
		plain := Render(s, 100, 37)
		painted := paint(s, plain)
		for i := range plain {
			if got := sgr.ReplaceAllString(painted[i], ""); got != plain[i] {
				t.Errorf("%s: row %d without colours is %q, want %q", name, i, got, plain[i])
			}
		}
	}
	s := samples()["recovery"]
	rows := strings.Join(paint(s, Render(s, 80, 25)), "\n")
	for _, want := range []string{colourBad + "  " + headlineMark, colourBad + "  " + problemMark, colourTitle + " SANDUK"} {
		if !strings.Contains(rows, want) {
			t.Errorf("recovery has no %q in\n%q", want, rows)
		}
	}
	s = samples()["setup"]
	rows = strings.Join(paint(s, Render(s, 80, 25)), "\n")
	for _, want := range []string{colourStrong + "  " + headlineMark, colourStrong + "█", colourLabel + "  " + labelCode + colourStrong} {
		if !strings.Contains(rows, want) {
			t.Errorf("set-up has no %q in\n%q", want, rows)
		}
	}
}

// TestMailSaysNothingTwice: the line about mail is left out where the headline
// says the same.
func TestMailSaysNothingTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    State
		want string
	}{
		{State{Health: Running, Mail: "Everything is running"}, ""},
		{State{Health: SetUp, Mail: "Not set up yet"}, ""},
		{State{Health: Degraded, Mail: "Everything is running"}, "Everything is running"},
		{State{Health: Running, Mail: "132 in, 45 out today"}, "132 in, 45 out today"},
		{State{Health: Running}, ""},
	} {
		if got := tt.s.mail(); got != tt.want {
			t.Errorf("mail line of %+v = %q, want %q", tt.s, got, tt.want)
		}
	}
}

// TestSizes: whatever the screen, the picture fits it exactly and uses only
// characters of the font.
func TestSizes(t *testing.T) {
	t.Parallel()
	hard := State{
		Product: strings.Repeat("P", 200), Version: "\x1b[2J1", Host: "\x00\x1b]0;x\x07" + strings.Repeat("ü日本", 100),
		Problems: slices.Repeat([]string{strings.Repeat("word ", 60), strings.Repeat("x", 300)}, 20),
		URLs:     slices.Repeat([]string{"https://" + strings.Repeat("a.", 100)}, 20),
		Code:     strings.Repeat("code-", 50), QR: strings.Repeat("q", 5000), Fingerprint: strings.Repeat("7F:", 32),
		Network: slices.Repeat([]string{"eth0  " + strings.Repeat("y", 100)}, 40), Disk: "\n\n\n", Mail: "\t",
		Keys: slices.Repeat([]Key{KeyRestart, KeyPowerOff}, 20), Progress: strings.Repeat("z ", 200),
	}
	page := Panel{
		Title: strings.Repeat("T", 200), Text: slices.Repeat([]string{strings.Repeat("word ", 60)}, 9), Choices: slices.Repeat([]string{strings.Repeat("c", 200)}, 9),
		Problem: "\x1b[2J", Field: strings.Repeat("f ", 60), Input: strings.Repeat("i", maxInput), Code: strings.Repeat("code-", 50), QR: strings.Repeat("q", 60), Foot: strings.Repeat("F ", 90),
	}
	all := samples()
	all["hard"] = hard
	hard.QR = strings.Repeat("q", 60)
	all["hard with code"] = hard
	all["empty"] = State{}
	hard.Panel = &page
	all["hard page"] = hard
	all["empty page"] = State{View: View{Panel: &Panel{}}}
	for name, s := range all {
		for _, size := range [][2]int{{80, 25}, {80, 24}, {40, 10}, {39, 9}, {100, 37}, {128, 48}, {240, 67}, {132, 12}, {50, 60}, {1, 1}, {20, 4}} {
			lines := Render(s, size[0], size[1])
			if len(lines) != size[1] {
				t.Errorf("%s at %v: %d lines", name, size, len(lines))
			}
			for i, l := range lines {
				if n := utf8.RuneCountInString(l); n != size[0] {
					t.Errorf("%s at %v: line %d has %d columns: %q", name, size, i, n, l)
				}
				for _, r := range l {
					if !inFont(r) {
						t.Errorf("%s at %v: line %d has %q, which the font lacks", name, size, i, r)
					}
				}
			}
		}
	}
	if Render(State{}, 0, 5) != nil || Render(State{}, 5, -1) != nil {
		t.Error("a screen without size gets a picture")
	}
}

// TestFont holds our list against an independent table of code page 437. The
// arrows stand in its control characters, which that table does not show.
func TestFont(t *testing.T) {
	t.Parallel()
	for _, r := range fontRunes {
		if b, ok := charmap.CodePage437.EncodeRune(r); (!ok || b < 0x80) && !strings.ContainsRune("↑↓→←•", r) {
			t.Errorf("%q is not in code page 437", r)
		}
	}
}

// TestImportantFirst: what a person needs is never dropped for what is nice.
func TestImportantFirst(t *testing.T) {
	t.Parallel()
	s := samples()["setup"]
	s.Problems = []string{strings.Repeat("The disk needs attention. ", 6)}
	for _, height := range []int{12, 14, 16, 25} {
		picture := strings.Join(Render(s, 80, height), "\n")
		for _, want := range []string{s.Code, s.URLs[0], "The disk needs attention"} {
			if !strings.Contains(picture, want) {
				t.Errorf("80×%d lacks %q:\n%s", height, want, picture)
			}
		}
	}
}

// TestSquareCode reads the drawn characters back into modules.
func TestSquareCode(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"https://192.168.1.20/#olive-harbor-seven-42",
		"https://[2001:db8:1234:5678:5054:ff:fe12:3456]/#olive-harbor-seven-42",
	} {
		lines, err := squareCode(text)
		if err != nil {
			t.Fatal(err)
		}
		code, err := qr.Encode(text, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		for y := -quiet; y < code.Size+quiet; y++ {
			for x := -quiet; x < code.Size+quiet; x++ {
				r := []rune(lines[(y+quiet)/2])[x+quiet]
				light := r == '█' || r == '▀' && (y+quiet)%2 == 0 || r == '▄' && (y+quiet)%2 == 1
				if light == code.Black(x, y) {
					t.Fatalf("module %d,%d of %q is drawn light=%v", x, y, text, light)
				}
			}
		}
	}
	if _, err := squareCode(strings.Repeat("x", 5000)); err == nil {
		t.Error("5000 characters fit into a code")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"\x1b[[B":                  "<F2>",
		"\x1bOQ":                   "<F2>",
		"\x1b[12~":                 "<F2>",
		"\x1b[[C":                  "<F3>",
		"\x1bOR\x1b[13~":           "<F3><F3>",
		"he\x1b[A\x1b[[Blo":        "he<F2>lo",
		"\x1b[[D\x1bOS\x1b[14~":    "<F4><F4><F4>",
		"\x1b[[A\x1b[[E\x1b[20~":   "<F1><F5><F9>",
		"\x1b1\x1b9\x1b8\x1b[15~":  "<F1><F9><F8><F5>",
		"\x1b[1;5A\x1b[24~\x1bOP":  "<F1>",
		"\x1b\x1b[[B":              "<F2>",
		"\x1b[99999999999\x1b[[B":  "99999<F2>",
		"OQ[[B[12~":                "OQ[[B[12~",
		"\x1bx[[B":                 "[[B",
		"\x1b[1\x1b[[B\x1b[1\x1bO": "<F2>",
		"a\x7f\x08\r\n\x03":        "a<Back><Back><Enter><Enter><Esc>",
		"\x00\x07ü\xff\t":          "",
	} {
		var r keyReader
		var got strings.Builder
		for _, b := range []byte(input) {
			if e, ok := r.feed(b); ok {
				got.WriteString(typed(e))
			}
		}
		if got.String() != want {
			t.Errorf("%q: got %q, want %q", input, got.String(), want)
		}
	}
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		events := Events(t.Context(), r)
		write := func(text string) {
			t.Helper()
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
		}
		write("\x1b[[")
		time.Sleep(escapeWait / 2)
		write("C")
		if e := <-events; e.Key != KeyPowerOff {
			t.Errorf("a key in two parts: got %v, want F3", e)
		}
		write("\x1b")
		if e := <-events; e.Key != KeyBack {
			t.Errorf("a lone escape: got %v, want Esc", e)
		}
		write("\x1b[")
		time.Sleep(2 * escapeWait)
		write("x")
		if e := <-events; e.Rune != 'x' {
			t.Errorf("behind half a key: got %v, want x", e)
		}
		write(strings.Repeat("y", 10*maxTyped))
		synctest.Wait()
		if n := len(events); n != maxTyped {
			t.Errorf("%d events wait, want %d", n, maxTyped)
		}
		w.Close()
		for range events { // ends when the terminal has
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[[B\x1b[13~"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r keyReader
		for _, c := range b {
			if e, ok := r.feed(c); ok && e.Key == 0 && (e.Rune < ' ' || e.Rune > '~') {
				t.Fatalf("%q became %v", c, e)
			}
			if len(r.seq) > maxSequence {
				t.Fatalf("%d bytes held", len(r.seq))
			}
		}
	})
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	var c Confirm
	now := time.Now()
	press := func(k Key, after time.Duration, want bool) {
		t.Helper()
		now = now.Add(after)
		do, prompt := c.Press(k, now)
		if do != want || (prompt == "") != want {
			t.Errorf("%v after %v: %v %q, want %v", k, after, do, prompt, want)
		}
	}
	press(KeyRestart, 0, false)
	press(KeyRestart, time.Second, true)
	press(KeyRestart, time.Second, false) // the third is a first one again
	press(KeyPowerOff, time.Second, false)
	press(KeyRestart, time.Second, false)
	press(KeyRestart, confirmWithin, false) // too late
	if got := c.Waiting(now.Add(time.Second)); got != confirmWithin-time.Second {
		t.Errorf("prompt stands for %v more, want %v", got, confirmWithin-time.Second)
	}
	press(KeyRestart, confirmWithin-1, true)
	press(KeyPrevious, 0, false)
	press(KeyPowerOff, time.Second, false) // another key is no yes
	press(KeyPrevious, time.Second, false)
	press(KeyPrevious, time.Second, true)
	if got := c.Waiting(now); got != 0 {
		t.Errorf("prompt stands for %v after it was obeyed", got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := NewLines(&b, "sanduk")
	show := func(s State, want string) {
		t.Helper()
		b.Reset()
		if err := l.Show(s); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != want {
			t.Errorf("printed\n%s\nwant\n%s", got, want)
		}
	}
	s := State{Version: "1.2.0", Health: SetUp, URLs: []string{"https://10.0.2.15"}, Code: "olive-harbor-seven-42", Network: []string{"eth0\x1b[2J  up"}}
	show(s, "sanduk: version 1.2.0\nsanduk: state not set up\nsanduk: open https://10.0.2.15\nsanduk: setup code olive-harbor-seven-42\nsanduk: network eth0[2J  up\n")
	show(s, "")
	s.Health, s.Code = Running, ""
	show(s, "sanduk: state running\n")
	s.Health = SetUp // again: it is news again
	show(s, "sanduk: state not set up\n")
}

func TestScreen(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	width := 80
	s := NewScreen(&b, func() (int, int) { return width, 25 })
	if err := s.Show(samples()["running"]); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, seqUTF8) || !strings.Contains(got, seqNoCursor) || strings.Count(got, seqClear) != 1 {
		t.Errorf("first picture starts with %q", got[:60])
	}
	b.Reset()
	if err := s.Refresh(samples()["running"]); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, seqClear) || strings.Contains(got, "\n") {
		t.Error("a repeated picture clears or scrolls the screen: it flickers")
	}
	b.Reset()
	width = 100
	if err := s.Show(State{}); err != nil || !strings.Contains(b.String(), seqClear) {
		t.Errorf("after a change of size the screen is not cleared (%v)", err)
	}
	b.Reset()
	if err := s.Close(); err != nil || !strings.Contains(b.String(), seqCursor) {
		t.Errorf("cursor not given back (%v)", err)
	}
}

// stuck is a terminal that blocks until the test ends.
type stuck struct{ free chan struct{} }

func (s stuck) Show(State) error    { <-s.free; return nil }
func (s stuck) Refresh(State) error { return nil }

// broken is a terminal that fails always and counts.
type broken struct {
	mu    sync.Mutex
	shows int
}

func (b *broken) Show(State) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shows++
	return errors.New("input/output error")
}
func (b *broken) Refresh(s State) error { return b.Show(s) }

func TestConsole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, log bytes.Buffer
		s := stuck{make(chan struct{})}
		bad := &broken{}
		c := New(slog.New(slog.NewTextHandler(&log, nil)), s, bad, NewLines(&out, "sanduk"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		time.Sleep(time.Minute)
		if out.Len() != 0 {
			t.Errorf("printed %q before there was a state", out.String())
		}
		for i := range 100 {
			c.Show(State{Progress: fmt.Sprintf("%d %%", i)})
		}
		synctest.Wait()
		if got := out.String(); !strings.HasSuffix(got, "progress: 99 %\n") {
			t.Errorf("printed %q, want the newest state last", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		bad.mu.Lock()
		if bad.shows < 20 {
			t.Errorf("drawn %d times in a minute, want every %v", bad.shows, redraw)
		}
		bad.mu.Unlock()
		if n := strings.Count(log.String(), "console can't be written"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
		cancel()
		<-done
		close(s.free)
	})
}
