package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/setup"
)

// TestAskForTime plays PID 1's end of the notify socket.
func TestAskForTime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		askForTime(ctx, slog.New(slog.DiscardHandler))
		close(ended)
	}()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, err := socket.Read(buffer)
	if got, want := string(buffer[:n]), "EXTEND_TIMEOUT_USEC=120000000"; err != nil || got != want {
		t.Errorf("PID 1 reads %q, %v; want %q", got, err, want)
	}
	cancel()
	<-ended
}

func TestNetworkJSON(t *testing.T) {
	t.Parallel()
	for want, network := range map[string]setup.Network{
		`{"mode":"dhcp"}`: {Mode: setup.NetworkDHCP},
		`{"address":"192.0.2.20/24","mode":"static"}`: {Mode: setup.NetworkStatic, Address: netip.MustParsePrefix("192.0.2.20/24")},
		`{"address":"192.0.2.20/24","dns":["192.0.2.1"],"gateway":"192.0.2.1","mode":"static"}`: {
			Mode: setup.NetworkStatic, Address: netip.MustParsePrefix("192.0.2.20/24"),
			Gateway: netip.MustParseAddr("192.0.2.1"), DNS: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
	} {
		if got, err := networkJSON(network); err != nil || string(got) != want {
			t.Errorf("networkJSON(%+v) = %s, %v; want %s", network, got, err, want)
		}
	}
}

func TestSetupDocument(t *testing.T) {
	t.Parallel()
	if text, err := setupDocument(true, "", false); text != nil || err != nil {
		t.Errorf("without a file: got %q, %v; want nothing", text, err)
	}
	name := filepath.Join(t.TempDir(), "setup.json")
	if _, err := setupDocument(true, name, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was named and is not there: %v; want ErrNotExist", err)
	}
	if text, err := setupDocument(true, name, true); text != nil || err != nil {
		t.Errorf("a file that was used: got %q, %v; want nothing", text, err)
	}
	if err := os.WriteFile(name, []byte(strings.Repeat(" ", maxFile+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := setupDocument(true, name, false); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a file that is too large: %v; want it refused", err)
	}
}

// TestSetUpFileErased: the file that was named holds passwords, and is used once.
func TestSetUpFileErased(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "setup.json")
	if err := os.WriteFile(name, []byte(`{"password": "secret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machine{setup: name}
	for range 2 { // a second time, as behind a crash
		if err := m.SetUpDone(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the set-up file is still there: %v", err)
		}
	}
}
