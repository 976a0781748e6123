package operator

import (
	"bufio"
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
// and reads one line from anything else.
func (t *task) askPassword(what string, twice bool) (string, error) {
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
	fmt.Fprintf(t.Err, "%s: ", what)
	first, err := readLine(in)
	fmt.Fprintln(t.Err)
	if err != nil || !twice {
		return first, err
	}
	fmt.Fprint(t.Err, "And once more: ")
	second, err := readLine(in)
	fmt.Fprintln(t.Err)
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ: nothing was changed")
	}
	return first, nil
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
