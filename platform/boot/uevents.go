package boot

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// uevent is the kernel's word about a device.
type uevent struct {
	Action, Subsystem, Modalias, Device string
	Type                                string // of a block device: "disk", "partition"
}

// wholeDisk says whether it is about a disk rather than a part of one.
func (e uevent) wholeDisk() bool { return e.Subsystem == "block" && e.Type == "disk" }

// maxUevent bounds a message in bytes (UEVENT_BUFFER_SIZE is 2048, plus the
// header).
const maxUevent = 8 << 10

// kernelGroup is the multicast group on which the kernel itself speaks; udev's
// is another.
const kernelGroup = 1

func listenUevents() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, err
	}
	// A burst at start (a USB hub with everything on it) must fit.
	const receiveBuffer = 1 << 20
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("uevents: %w", err)
	}
	return os.NewFile(uintptr(fd), "uevents"), nil
}

// parseUevent reads a message: "ACTION@PATH", then NAME=VALUE, each ended by a
// zero byte.
func parseUevent(msg []byte) (uevent, bool) {
	var e uevent
	fields := bytes.Split(msg, []byte{0})
	if !bytes.Contains(fields[0], []byte("@")) {
		return e, false
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(string(f), "=")
		switch name {
		case "ACTION":
			e.Action = value
		case "SUBSYSTEM":
			e.Subsystem = value
		case "MODALIAS":
			e.Modalias = value
		case "DEVNAME":
			e.Device = value
		case "DEVTYPE":
			e.Type = value
		}
	}
	return e, e.Action != ""
}

// watchDevices loads modules for devices that appear later, listens to power
// buttons that do, and tells of disks that come and go.
func (m *Machine) watchDevices(ctx context.Context, events *os.File) {
	stop := context.AfterFunc(ctx, func() { _ = events.Close() })
	defer stop()
	buf := make([]byte, maxUevent)
	for {
		n, err := events.Read(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			// ENOBUFS: some were lost. Looking at everything again finds them.
			m.log.Warn("device events lost", "err", err)
			m.drivers.ask(scanModaliases("/sys", "*"))
			continue
		}
		e, ok := parseUevent(buf[:n])
		if ok && e.Action == "remove" && e.wholeDisk() {
			m.tellDisk(m.attached.unplugged(e.Device), e.Device)
		}
		if !ok || e.Action != "add" {
			continue
		}
		if e.wholeDisk() {
			m.diskCame(e.Device)
		}
		m.drivers.seen.Add(1)
		if e.Modalias != "" {
			m.drivers.ask([]string{e.Modalias})
		}
		if e.Subsystem == "block" {
			m.spawn(func() { m.updates.lookAtStick(e.Device, true) })
		}
		if e.Subsystem == "input" && strings.HasPrefix(e.Device, "input/event") {
			m.listenButton(ctx, e.Device)
		}
	}
}
