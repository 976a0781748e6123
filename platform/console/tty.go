package console

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenTTY opens a terminal such as /dev/tty0 or /dev/ttyS0 for the console. With
// keys, it is set so that every key arrives at once and unseen; without, its
// settings are left alone. It never becomes the controlling terminal.
func OpenTTY(name string, keys bool) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open console: %w", err)
	}
	if !keys {
		return f, nil
	}
	if err := rawKeys(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("open console %s: %w", name, err)
	}
	return f, nil
}

// rawKeys turns off line editing, echo and signals; output stays as it is.
func rawKeys(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var ioctlErr error
	err = conn.Control(func(fd uintptr) {
		t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			ioctlErr = err
			return
		}
		t.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL | unix.ISIG | unix.IEXTEN
		t.Iflag &^= unix.IXON | unix.ICRNL | unix.INLCR | unix.ISTRIP
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		ioctlErr = unix.IoctlSetTermios(int(fd), unix.TCSETS, t)
	})
	if err != nil {
		return err
	}
	return ioctlErr
}

// Size returns a function for [NewScreen] that asks the terminal for its size.
func Size(f *os.File) func() (width, height int) {
	return func() (width, height int) {
		conn, err := f.SyscallConn()
		if err != nil {
			return 0, 0
		}
		_ = conn.Control(func(fd uintptr) { // unknown size: the default is used
			if w, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ); err == nil {
				width, height = int(w.Col), int(w.Row)
			}
		})
		return width, height
	}
}
