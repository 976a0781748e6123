package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// typed is an event as the files of dialogues have it.
func typed(e Event) string {
	if e.Key == 0 {
		return string(e.Rune)
	}
	for name, k := range keyNames() {
		if k == e.Key {
			return "<" + name + ">"
		}
	}
	return "<?>"
}

func keyNames() map[string]Key {
	return map[string]Key{
		"F1": KeyNetwork, "F2": KeyRestart, "F3": KeyPowerOff, "F4": KeyPrevious, "F5": KeySupport, "F8": KeyInstall, "F9": KeyReset,
		"Enter": KeyEnter, "Esc": KeyBack, "Back": KeyErase,
	}
}

// play types what a line of a file of dialogues says.
func play(t *testing.T, line string, events chan<- Event) {
	t.Helper()
	for line != "" {
		name, rest, found := strings.Cut(strings.TrimPrefix(line, "<"), ">")
		if line[0] != '<' || !found {
			events <- Event{Rune: rune(line[0])}
			line = line[1:]
			synctest.Wait()
			continue
		}
		line = rest
		if pause, ok := strings.CutPrefix(name, "wait "); ok {
			d, err := time.ParseDuration(pause)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
		} else if k := keyNames()[name]; k != 0 {
			events <- Event{Key: k}
		} else {
			t.Fatalf("no key is called %q", name)
		}
		synctest.Wait()
	}
}

// fakeBox does what a dialogue asks for, and remembers it.
type fakeBox struct {
	net     Network
	targets []Target
	did     []string
	fail    error
}

func (b *fakeBox) do(format string, args ...any) error {
	b.did = append(b.did, fmt.Sprintf(format, args...))
	return b.fail
}
func (b *fakeBox) Restart()                                 { _ = b.do("restart") }
func (b *fakeBox) PowerOff()                                { _ = b.do("power off") }
func (b *fakeBox) GoBack(context.Context) error             { return b.do("go back") }
func (b *fakeBox) Network(context.Context) (Network, error) { return b.net, nil }
func (b *fakeBox) KeepNetwork(context.Context) error        { return b.do("keep") }
func (b *fakeBox) TryNetwork(_ context.Context, n Network) (time.Duration, error) {
	if n.Static && !strings.Contains(n.Address, "/") {
		return 0, &Refusal{"address", n.Address + " lacks the length of the network, for instance /24."}
	}
	return 90 * time.Second, b.do("try %+v", n)
}
func (b *fakeBox) WriteSupport(context.Context) (string, error) {
	return "It is the file SANDUK-SUPPORT/box-20261123-0715.zip, 1.2 MB.", b.do("support")
}

func (b *fakeBox) FactoryReset(context.Context) error        { return b.do("factory reset") }
func (b *fakeBox) Targets(context.Context) ([]Target, error) { return b.targets, nil }
func (b *fakeBox) Install(_ context.Context, t Target, keep bool, tell func(int)) error {
	for percent := range 35 {
		tell(percent)
	}
	return b.do("install onto %s, keep %v", t.Device, keep)
}
func (b *fakeBox) URL() string { return "https://192.168.1.20" }
func (b *fakeBox) ResetCode(context.Context) (ResetCode, error) {
	return ResetCode{"olive-harbor-seven-4217", []string{"admin@example.test", "bob@example.test"}, 30 * time.Minute}, b.do("code")
}

// boxes are those that the files of dialogues begin with, by the name in their first line.
func boxes() map[string]*fakeBox {
	return map[string]*fakeBox{
		"":        {},
		"static":  {net: Network{Static: true, Address: "192.168.1.20/24", Gateway: "192.168.1.1", DNS: []string{"192.168.1.1"}, VLAN: 7}},
		"stick":   {targets: []Target{{"sda", "WDC WD10EZEX, 1.0 TB, serial WD-1234", false}, {"nvme0n1", "Samsung SSD 980, 500 GB, serial S64D", true}}},
		"refuses": {fail: &Refusal{Text: "No USB stick was found. Plug one in, wait a few seconds, and try again."}},
		"fails":   {fail: errors.New("secret reason")},
	}
}

// TestDialogues plays the files of testdata/dialogues: after each line of keys ("> ") the
// screen has to look as the file says. "# lines" as the first line is a serial line, of
// which what was printed since is compared; a word behind it names the box.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues (%v)", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			synctest.Test(t, func(t *testing.T) { got = playFile(t, string(text)) })
			switch {
			case *update:
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			case got != string(text):
				t.Errorf("got\n%s\n(go test -update writes it anew)", got)
			}
		})
	}
}

// playFile returns the file as it should be.
func playFile(t *testing.T, text string) string {
	t.Helper()
	head, _, _ := strings.Cut(text, "\n")
	kind := strings.Fields(head)[1:]
	box := boxes()[strings.Join(kind[1:], " ")]
	state := samples()["running"]
	if len(box.targets) > 0 {
		state.Keys = append(state.Keys, KeyInstall)
	}
	var printed bytes.Buffer
	lines := NewLines(&printed, "sanduk")
	if err := lines.Show(state); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards view, printed and lines: a timer wakes the desk, not we
	var view View
	events := make(chan Event)
	d := &Desk{
		Box: box, Events: events, Words: kind[0] == "lines", Offered: func() []Key { return state.Keys },
		Show: func(v View) {
			mu.Lock()
			defer mu.Unlock()
			view = v
			s := state
			s.View = v
			if err := lines.Show(s); err != nil {
				t.Error(err)
			}
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	out := head + "\n"
	for line := range strings.Lines(text) {
		keys, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
		if !ok {
			continue
		}
		mu.Lock()
		printed.Reset()
		mu.Unlock()
		box.did = nil
		play(t, keys, events)
		mu.Lock()
		shown, said := view, printed.String()
		mu.Unlock()
		out += "> " + keys + "\n"
		for _, did := range box.did {
			out += "* " + did + "\n"
		}
		if d.Words {
			out += strings.ReplaceAll(said, "\b", "<") + "\n"
			continue
		}
		s := state
		s.View = shown
		out += strings.Join(Render(s, 80, 25), "\n") + "\n"
	}
	cancel()
	<-done
	return out
}

// noise is what other machines say on a serial line: modems, UPSs, printers, firmware,
// a terminal that answers questions about itself, our own words coming back.
func noise() []string {
	return []string{
		"\r\nRING\r\n\r\nCONNECT 9600/ARQ/V34/LAPM\r\nNO CARRIER\r\n", "ATZ\rOK\r\nAT&F1\r\nERROR\r\n",
		"(227.4 227.4 229.1 010 50.0 13.6 25.0 00001001\r", "SM\r\x06\xfeBATT OK\r", "\x1b[?62;1;2;6;9;15;22c\x1b[24;80R\x1b[0n",
		"\x1b[[B\x1b[[B\x1bOQ\x1bOQ", "\x1b[[C\x1b[[C\x1bOR\x1bOR\r\n", "\x1b[[D\x1b[[D", "\x1b3\x1b3\r\r\r", "\x1b[[A1\r\r\r\r\r\r", "\x1b[20~1\r2\r3\ry\ryes\r",
		"sanduk: Type the word \"erase\" and press Enter: \r\n", "\x1b[15~\r\r\r", "\x1b[19~1\r\r",
	}
}

// FuzzNoise: whatever a serial line says, nothing happens for which a word was not typed:
// all that a desk on such a line does is preceded by the word.
func FuzzNoise(f *testing.F) {
	for _, n := range noise() {
		f.Add([]byte(n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := strings.ToLower(string(b))
		for _, word := range []string{"restart", "off", "previous", "use", "keep", "write", "code", "erase", "install"} {
			if strings.Contains(text, word+"\r") || strings.Contains(text, word+"\n") || strings.Contains(text, "\b") || strings.Contains(text, "\x7f") {
				return
			}
		}
		synctest.Test(t, func(t *testing.T) {
			box := &fakeBox{targets: []Target{{Device: "sda", Holds: true}}}
			events := make(chan Event)
			d := &Desk{
				Box: box, Events: events, Words: true, Show: func(v View) {
					if v.Panel != nil && len(v.Panel.Input) > maxInput {
						t.Errorf("%d characters held", len(v.Panel.Input))
					}
				},
				Offered: func() []Key {
					return []Key{KeyNetwork, KeyRestart, KeyPowerOff, KeyPrevious, KeySupport, KeyInstall, KeyReset}
				},
			}
			done := make(chan struct{})
			go func() { defer close(done); d.Run(t.Context()) }()
			var r keyReader
			for _, c := range b {
				if e, ok := r.feed(c); ok {
					events <- e
				}
			}
			close(events)
			<-done
			if len(box.did) > 0 {
				t.Errorf("the box did %q", box.did)
			}
		})
	})
}

// TestLeft: a dialogue whose person has gone away ends, also when noise keeps it awake.
func TestLeft(t *testing.T) {
	for name, pause := range map[string]time.Duration{"silence": idleTime, "noise": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Bool
				events := make(chan Event)
				d := &Desk{Box: &fakeBox{}, Events: events, Show: func(v View) { open.Store(v.Panel != nil) }, Offered: func() []Key { return []Key{KeyNetwork} }}
				go d.Run(t.Context())
				play(t, "<F1>", events)
				if !open.Load() {
					t.Fatal("F1 opens nothing")
				}
				began := time.Now()
				for time.Since(began) < dialogueTime+time.Minute && open.Load() {
					time.Sleep(pause)
					synctest.Wait()
					if name == "noise" {
						play(t, "x", events)
					}
				}
				if open.Load() {
					t.Errorf("open after %v", time.Since(began))
				}
				close(events)
			})
		})
	}
}

// TestSerialLine: what is typed stands behind its question, also when news come between.
func TestSerialLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := NewLines(&b, "sanduk")
	show := func(mail, input, want string) {
		t.Helper()
		b.Reset()
		s := State{Mail: mail}
		s.Panel = &Panel{Title: "Network", Foot: "Esc", Field: "Router", Input: input}
		if err := l.Show(s); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("printed %q, want %q", b.String(), want)
		}
	}
	const page = "\nsanduk: Network\nsanduk: (Esc)\nsanduk: Router: "
	b.Reset()
	if err := l.Show(State{Mail: "one"}); err != nil {
		t.Fatal(err)
	}
	show("one", "", page)
	show("one", "1", "1")
	show("one", "19", "9")
	show("one", "1", "\b \b")
	show("one", "1", "")
	show("two", "1", "sanduk: mail: two\n"+page+"1")
	show("two", "10", "0")
}
