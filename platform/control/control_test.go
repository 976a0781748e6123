package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
)

func golden() map[string]any {
	when := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	args := func(v any) json.RawMessage {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return raw
	}
	request := func(v Verb, a any) Request {
		r := Request{Version: Version, Verb: v}
		if a != nil {
			r.Args = args(a)
		}
		return r
	}
	return map[string]any{
		"request-status":        request(VerbStatus, nil),
		"request-try-network":   request(VerbNetwork, NetworkArgs{Network: json.RawMessage(`{"mode":"dhcp"}`), Trial: true}),
		"request-network-later": request(VerbNetwork, NetworkArgs{Network: json.RawMessage(`{"mode":"dhcp"}`), Later: true}),
		"request-name-later":    request(VerbHostname, HostnameArgs{Hostname: "mail.example.test", Later: true}),
		"reply-network":         Reply{Version: Version, Data: args(NetworkState{Network: json.RawMessage(`{"mode":"dhcp"}`), TrialMS: 90000, WentBack: true})},
		"request-firewall":      request(VerbFirewall, FirewallArgs{Policy: json.RawMessage(`{"set_up":true}`)}),
		"request-network":       request(VerbNetwork, NetworkArgs{Network: json.RawMessage(`{"mode":"static","address":"192.168.1.20/24"}`)}),
		"request-hostname":      request(VerbHostname, HostnameArgs{Hostname: "mail.example.test"}),
		"request-clock":         request(VerbClock, ClockArgs{UnixMilli: 1795330800000}),
		"request-disks":         request(VerbDisks, nil),
		"request-reboot":        request(VerbReboot, nil),
		"request-factory-reset": request(VerbFactoryReset, nil),
		"request-poweroff":      request(VerbPowerOff, nil),
		"request-console":       request(VerbConsole, ConsoleArgs{State: "waiting", Hostname: "h", ClaimCode: "a-b-c-1", Fingerprint: "7F:2A", Progress: "1 of 2"}),
		"request-setup-begin":   request(VerbSetupBegin, nil),
		"request-setup-done":    request(VerbSetupDone, nil),
		"request-vault":         request(VerbVault, nil),
		"request-unlock":        request(VerbUnlock, PhraseArgs{Phrase: "0000 1111"}),
		"request-new-phrase":    request(VerbNewPhrase, nil),
		"request-keep-phrase":   request(VerbKeepPhrase, PhraseArgs{Phrase: "0000 1111", Ask: true}),
		"request-encrypt-anew":  request(VerbEncryptAnew, PhraseArgs{Phrase: "0000 1111"}),
		"request-plain-anew":    request(VerbPlainAnew, nil),
		"reply-vault":           Reply{Version: Version, Data: args(VaultState{Encrypted: true, Locked: true, Cipher: "aes-256", Phrase: true, TPM: true, Ask: true, HasTPM: true})},
		"reply-phrase":          Reply{Version: Version, Data: args(PhraseArgs{Phrase: "0000 1111"})},
		"request-time":          request(VerbTime, nil),
		"request-errand":        request(VerbErrand, nil),
		"request-errand-done":   request(VerbErrandDone, ErrandResult{ID: 7, Code: "a-b-c-1000", Administrators: []string{"admin@example.test"}, Minutes: 30}),
		"request-rescue":        request(VerbRescue, nil),
		"request-rescue-act":    request(VerbRescueAct, RescueOrder{Act: RescueErase, Code: "abcd-efgh", Word: RescueWord}),
		"reply-rescue": Reply{Version: Version, Data: args(Rescue{
			Fault: "damaged", Problem: "p", Said: "e2fsck", Disk: &DiskHealth{Device: "sda", Model: "m", Serial: "s", Known: true, Hours: 1},
			Version: "1.0.0", Previous: "0.9.0", Acts: []RescueAct{RescueCheck, RescueRestart}, Doing: "d", Done: "o", Ending: true,
		})},
		"reply-time":       Reply{Version: Version, Data: args(Time{Sure: true, Source: "time servers", Problem: "p"})},
		"request-log":      request(VerbLog, LogArgs{After: logbook.Position{File: 7, Offset: 99}, Back: 5}),
		"request-log-back": request(VerbLog, LogArgs{Backward: true, Before: logbook.Position{File: 7, Offset: 99}}),
		"reply-log":        Reply{Version: Version, Data: args(LogPage{Lines: []json.RawMessage{json.RawMessage(`{"msg":"m"}`)}, Next: logbook.Position{File: 7, Offset: 110}, Lost: true})},
		"reply-sensors":    Reply{Version: Version, Data: args([]Sensor{{Name: "cpu", Celsius: 47.5, Critical: 100}})},
		"reply-empty":      Reply{Version: Version},
		"reply-error":      Reply{Version: Version, Error: &Error{Code: CodeDenied, Text: "no"}},
		"reply-status": Reply{Version: Version, Data: args(Status{
			Version: "1.0.0", State: "running", Hostname: "mail", UptimeMS: 5, Time: when, Watchdog: "i6300ESB timer",
			Units:     []Unit{{Name: "maild.service", State: "ready", Required: true, Degraded: true, Text: "t", LastEnd: "e", Starts: 2, Since: when, Memory: 7}},
			Memory:    Memory{Total: 2, Available: 1},
			Data:      &Space{Total: 4, Free: 3},
			Boot:      []Phase{{Name: "mounts", MS: 1, Err: "x"}},
			Addresses: []string{"192.168.1.20/24"}, Problem: "p",
		})},
		"reply-disks": Reply{Version: Version, Data: args([]Disk{{Device: "sda", Model: "m", Serial: "s", Bytes: 9, Own: true}})},
	}
}

var update = flag.Bool("update", false, "write testdata/*.json anew; only together with a new Version")

// TestGoldenFrames: what stands in testdata is what goes over the wire. A
// difference is a change of protocol and needs a new Version.
func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	for name, frame := range golden() {
		file := filepath.Join("testdata", fmt.Sprintf("v%d-%s.json", Version, name))
		got, err := json.Marshal(frame)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: frame has changed without a new Version\n got %s\nwant %s", name, got, want)
		}
		if r, ok := frame.(Request); ok {
			parsed, err := ParseRequest(want)
			if err != nil || !reflect.DeepEqual(parsed, r) {
				t.Errorf("%s: ParseRequest = %+v, %v, want %+v", name, parsed, err, r)
			}
		}
	}
}

// serve starts a server with rules and returns its socket.
func serve(t *testing.T, rules map[Verb]Rule) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path, rules, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return path
}

func allow(fn func(context.Context, json.RawMessage) (any, error)) Rule {
	return Rule{Users: []uint32{uint32(os.Getuid())}, Handle: fn}
}

func TestClientAndServer(t *testing.T) {
	t.Parallel()
	var shown ConsoleArgs
	path := serve(t, map[Verb]Rule{
		VerbStatus: allow(func(context.Context, json.RawMessage) (any, error) {
			return Status{Version: "1", State: "running"}, nil
		}),
		VerbConsole: allow(func(_ context.Context, raw json.RawMessage) (any, error) {
			return nil, Strict(raw, &shown)
		}),
		VerbHostname: allow(func(context.Context, json.RawMessage) (any, error) {
			return nil, Invalid("hostname: it has a space in it")
		}),
		VerbReboot: allow(func(context.Context, json.RawMessage) (any, error) {
			return nil, errors.New("secret reason")
		}),
		VerbDisks: allow(func(context.Context, json.RawMessage) (any, error) {
			return strings.Repeat("x", MaxFrame), nil
		}),
	})
	c := NewClient(path)
	defer c.Close()
	ctx := t.Context()
	if s, err := c.Status(ctx); err != nil || s.State != "running" {
		t.Errorf("Status = %+v, %v", s, err)
	}
	want := ConsoleArgs{State: "waiting", ClaimCode: "a-b"}
	if err := c.PushConsole(ctx, want); err != nil || shown != want {
		t.Errorf("PushConsole: %v, the server got %+v, want %+v", err, shown, want)
	}
	var e *Error
	if err := c.SetHostname(ctx, "a b"); !errors.As(err, &e) || e.Code != CodeInvalid || !strings.Contains(e.Text, "space") {
		t.Errorf("SetHostname = %v, want the server's words", err)
	}
	if err := c.Reboot(ctx); !errors.As(err, &e) || e.Code != CodeInternal || strings.Contains(e.Text, "secret") {
		t.Errorf("Reboot = %v, want an internal error without its cause", err)
	}
	if err := c.PowerOff(ctx); !errors.As(err, &e) || e.Code != CodeInvalid {
		t.Errorf("a verb without a rule = %v, want invalid", err)
	}
	if _, err := c.Disks(ctx); !errors.As(err, &e) || e.Code != CodeInternal {
		t.Errorf("a reply above MaxFrame = %v, want internal", err)
	}
	if err := c.SetNetwork(ctx, json.RawMessage(`"`+strings.Repeat("x", MaxFrame)+`"`)); !errors.As(err, &e) || e.Code != CodeInvalid {
		t.Errorf("a request above MaxFrame = %v, want invalid", err)
	}
	if _, err := c.Status(ctx); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestClientConnectsAnew(t *testing.T) {
	t.Parallel()
	status := allow(func(context.Context, json.RawMessage) (any, error) { return Status{}, nil })
	path := filepath.Join(t.TempDir(), "control")
	c := NewClient(path)
	defer c.Close()
	if _, err := c.Status(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a server: %v, want ErrNotExist", err)
	}
	for range 2 { // PID 1 does not restart, but it closes idle connections
		s, err := Listen(path, map[Verb]Rule{VerbStatus: status}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Serve(ctx) })
		if _, err := c.Status(t.Context()); err != nil {
			t.Errorf("Status: %v", err)
		}
		cancel()
		wg.Wait()
	}
}

func TestServerDenies(t *testing.T) {
	t.Parallel()
	called := false
	handle := func(context.Context, json.RawMessage) (any, error) { called = true; return nil, nil }
	s := &Server{log: slog.New(slog.DiscardHandler), rules: map[Verb]Rule{
		VerbStatus: {Users: []uint32{101, 102}, Handle: handle},
		VerbReboot: {Users: []uint32{102}, Handle: handle},
	}}
	reply := func(uid uint32, line string) Reply {
		t.Helper()
		var r Reply
		if err := json.Unmarshal(s.answer(t.Context(), uid, []byte(line)), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := reply(101, `{"v":1,"verb":"reboot"}`); r.Error == nil || r.Error.Code != CodeDenied || called {
		t.Errorf("uid 101 asks for reboot: %+v, called %v; want denied", r, called)
	}
	if r := reply(102, `{"v":1,"verb":"reboot"}`); r.Error != nil || !called {
		t.Errorf("uid 102 asks for reboot: %+v", r)
	}
	if s.known(65534) || !s.known(101) || !s.known(0) {
		t.Error("known: strangers are to be refused at once, root and listed users not")
	}
	for _, line := range []string{
		``, `x`, `{}`, `{"v":2,"verb":"reboot"}`, `{"v":1}`, `{"v":1,"verb":"shell"}`, `{"v":1,"verb":"status","extra":1}`,
		`{"v":1,"verb":"status"}{"v":1,"verb":"reboot"}`, `[1]`, `{"v":1,"verb":"status"} x`,
	} {
		called = false
		if r := reply(102, line); r.Error == nil || r.Error.Code != CodeInvalid || called {
			t.Errorf("%q: %+v, called %v; want invalid", line, r, called)
		}
	}
}

func TestServerBoundsLines(t *testing.T) {
	t.Parallel()
	path := serve(t, map[Verb]Rule{VerbStatus: allow(func(context.Context, json.RawMessage) (any, error) { return nil, nil })})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	endless := bytes.Repeat([]byte("x"), 4*MaxFrame)
	_, _ = conn.Write(endless) // the server may hang up in the middle
	if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
		t.Errorf("an endless line was answered: %q", line)
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, frame := range golden() {
		raw, err := json.Marshal(frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ParseRequest(line)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Code != CodeInvalid {
				t.Errorf("error %v is not invalid", err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRequest(again); err != nil {
			t.Errorf("%s: accepted, but not when written again: %v", line, err)
		}
	})
}
