// Command vm runs the built image in QEMU for a person to try it; "make run" calls it. It forwards the box's ports to
// 127.0.0.1, shows the box's console, prints the address of the set-up page, and switches the box off when it is
// interrupted. Package image/run does the work.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/image/run"
	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/services/setup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	image := flag.String("image", "build/sanduk-pc-amd64.img", "disk `image` to run")
	dir := flag.String("dir", "build/run", "keep the box's disk in this `directory`")
	fresh := flag.Bool("fresh", false, "begin with an empty disk")
	provisioning := flag.String("setup", "", "provisioning `file` for a box that has not been set up")
	accelCache := flag.String("accel-cache", "build/accel.json", "`file` that remembers whether KVM works")
	check := flag.Bool("check", false, "only say whether the ports are free and what the box will say of the provisioning file")
	flag.Parse()
	if *check {
		reviewSetup(*provisioning)
		return run.CheckPorts(run.Ports())
	}
	if _, err := os.Stat(*image); err != nil {
		return run.ErrNoImage
	}
	accel, why, err := vm.ChooseAccel(ctx, *accelCache, time.Now())
	if err != nil {
		return err
	}
	fmt.Printf("run: QEMU with %s (%s)\n", accel, why)
	in, restore := keyboard(int(os.Stdin.Fd()))
	defer restore()
	return run.Run(ctx, run.Options{
		Image: *image, Dir: *dir, Fresh: *fresh, Setup: *provisioning, Accel: accel, Ports: run.Ports(), Out: os.Stdout, In: in,
	})
}

// reviewSetup warns of a provisioning file that the box will refuse: here it can
// be mended before the box has been built.
func reviewSetup(name string) {
	if name == "" {
		return
	}
	document, err := os.ReadFile(name)
	if err == nil {
		_, err = setup.Parse(document)
	}
	if err != nil {
		fmt.Printf("run: the box will not use %s: %v\n", name, err)
	}
}

// keyboard returns the terminal, set to give each key at once and not to show it: the box's console does. Ctrl-C stays a
// signal. Without a terminal there is nothing to type on.
func keyboard(fd int) (io.Reader, func()) {
	// In the background a change to the terminal would stop this process.
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return nil, func() {}
	}
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, func() {}
	}
	raw := *old
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(fd, unix.TCSETS, &raw) != nil {
		return nil, func() {}
	}
	// A terminal that has gone away cannot be set back, and need not be.
	return os.Stdin, func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, old) }
}
