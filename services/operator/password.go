package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxInput bounds what is read as a password: more is another file by mistake.
const maxInput = 4096

// askPassword prompts for a password on a terminal, twice when it is a new one,
// and reads one line from anything else. When ctx ends, which is what Ctrl-C
// does, it gives up and leaves the terminal as it was.
func (t *task) askPassword(ctx context.Context, what string, twice bool) (string, error) {
	in := bufio.NewReader(io.LimitReader(t.In, 2*maxInput))
	file, isFile := t.In.(*os.File)
	if t.flags.passwordStdin || !isFile || !isTerminal(file) {
		return readLine(in)
	}
	quiet, err := noEcho(file)
	if err != nil {
		return "", fmt.Errorf("turn the terminal's echo off: %w", err)
	}
	defer quiet()
	first, err := t.prompt(ctx, in, what)
	if err != nil || !twice {
		return first, err
	}
	second, err := t.prompt(ctx, in, "And once more")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ: nothing was changed")
	}
	return first, nil
}

// prompt asks on the terminal. The goroutine that still reads when ctx has ended
// ends with the program.
func (t *task) prompt(ctx context.Context, in *bufio.Reader, what string) (string, error) {
	fmt.Fprintf(t.Err, "%s: ", what)
	defer fmt.Fprintln(t.Err)
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := readLine(in)
		read <- answer{line, err}
	}()
	select {
	case got := <-read:
		return got.line, got.err
	case <-ctx.Done():
		return "", errors.New("given up: nothing was changed")
	}
}

// readLine reads one line without its end. A file may lack the line's end.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case len(line) > maxInput:
		return "", errors.New("the password on standard input is too long")
	case line == "":
		return "", errors.New("no password was given: type it, or give it on standard input")
	}
	return line, nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// noEcho hides what is typed, until restore.
func noEcho(f *os.File) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &quiet); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, before) }, nil // nothing left to do if it fails
}
