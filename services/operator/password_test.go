package operator

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal; the test skips where there is none.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestPasswordOnTerminal(t *testing.T) {
	t.Parallel()
	keyboard, screen := terminal(t)
	var said strings.Builder
	task := &task{Streams: Streams{In: screen, Err: &said}}
	if _, err := io.WriteString(keyboard, "three green lamps\nthree green lamps\n"); err != nil {
		t.Fatal(err)
	}
	got, err := task.askPassword(t.Context(), "New password", true)
	if err != nil || got != "three green lamps" || !echoes(t, screen) {
		t.Errorf("got %q, %v, echo %t; want the password and the echo back", got, err, echoes(t, screen))
	}
	if want := "New password: \nAnd once more: \n"; said.String() != want {
		t.Errorf("it says %q; want %q", said.String(), want)
	}
}

// Ctrl-C ends the context: the prompt must not go on waiting for a line, nor
// leave the terminal without its echo.
func TestPasswordPromptIsInterrupted(t *testing.T) {
	t.Parallel()
	_, screen := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	task := &task{Streams: Streams{In: screen, Err: io.Discard}}
	if _, err := task.askPassword(ctx, "New password", true); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("askPassword = %v; want that it was given up", err)
	}
	if !echoes(t, screen) {
		t.Error("the terminal has lost its echo")
	}
}
