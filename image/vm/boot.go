package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Boot is one run of a machine, from power on to power off or reset.
type Boot struct {
	// Log is the file that has everything the serial port said in this boot.
	Log string

	cmd     *exec.Cmd
	dir     string // for the sockets
	control *control
	serial  net.Conn
	said    *transcript
	stderr  *bytes.Buffer
	ports   map[int]int
	world   map[int]int   // the same of the other network
	ended   chan struct{} // closed when QEMU is gone
	err     error         // QEMU's, valid once ended is closed
	logFile *os.File

	falseStart *regexp.Regexp
}

// connectTime is how long QEMU may take to connect to our sockets; it does so before it runs anything.
const connectTime = 20 * time.Second

// Boot switches the machine on. A guest that resets ends the boot, like one that powers off: the next Boot is the next
// start, with a log of its own.
func (m *Machine) Boot(ctx context.Context) (*Boot, error) {
	m.boots++
	logName := filepath.Join(m.o.Dir, fmt.Sprintf("serial-%d.log", m.boots))
	logFile, err := os.Create(logName)
	if err != nil {
		return nil, err
	}
	// Socket paths are limited to 107 bytes, and a test's own directory can be longer.
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		logFile.Close()
		return nil, err
	}
	b := &Boot{
		Log: logName, dir: dir, stderr: new(bytes.Buffer), logFile: logFile,
		said: newTranscript(logFile, m.o.Console), ended: make(chan struct{}),
		falseStart: m.o.FalseStart,
	}
	if err := b.start(ctx, m); err != nil {
		if b.cmd != nil && b.cmd.Process != nil {
			b.Kill()
		}
		logFile.Close()
		os.RemoveAll(dir)
		return nil, fmt.Errorf("vm: %w", err)
	}
	return b, nil
}

// start runs QEMU, which connects to us: nothing that the guest writes can get lost.
func (b *Boot) start(ctx context.Context, m *Machine) error {
	serial, control := filepath.Join(b.dir, "serial"), filepath.Join(b.dir, "control")
	serialListener, err := net.Listen("unix", serial)
	if err != nil {
		return err
	}
	defer serialListener.Close()
	controlListener, err := net.Listen("unix", control)
	if err != nil {
		return err
	}
	defer controlListener.Close()

	tpm := filepath.Join(b.dir, "tpm")
	if m.o.TPM != "" {
		if err := startTPM(m.o.TPM, tpm); err != nil {
			return err
		}
	}
	b.cmd = exec.Command(m.o.kind().program, m.arguments(serial, control, tpm)...)
	b.cmd.Stderr = b.stderr
	ownGroup(b.cmd)
	if err := b.cmd.Start(); err != nil {
		return err
	}
	go b.reap()
	if b.serial, err = b.accept(serialListener); err != nil {
		return err
	}
	go b.said.follow(b.serial)
	conn, err := b.accept(controlListener)
	if err != nil {
		return err
	}
	b.control = newControl(conn)
	if _, err := b.control.do(ctx, "qmp_capabilities", nil); err != nil {
		return err
	}
	if err := b.readPorts(ctx); err != nil {
		return err
	}
	go b.watch()
	return nil
}

// reap waits for QEMU's end.
func (b *Boot) reap() {
	b.err = b.cmd.Wait()
	close(b.ended)
}

func (b *Boot) accept(l net.Listener) (net.Conn, error) {
	if err := l.(*net.UnixListener).SetDeadline(time.Now().Add(connectTime)); err != nil {
		return nil, err
	}
	type result struct {
		conn net.Conn
		err  error
	}
	got := make(chan result, 1)
	go func() {
		conn, err := l.Accept()
		got <- result{conn, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return nil, fmt.Errorf("qemu does not connect: %w", r.err)
		}
		return r.conn, nil
	case <-b.ended:
		return nil, fmt.Errorf("qemu ended at once: %v\n%s", b.err, strings.TrimSpace(b.stderr.String()))
	}
}

// forward matches a line of QEMU's list of forwarded ports: protocol, fd, host address and port, guest address and port.
var forward = regexp.MustCompile(`TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)`)

// readPorts asks QEMU which host ports it took.
func (b *Boot) readPorts(ctx context.Context) error {
	raw, err := b.control.do(ctx, "human-monitor-command", map[string]any{"command-line": "info usernet"})
	if err != nil {
		return err
	}
	b.ports, b.world = make(map[int]int), make(map[int]int)
	ports := b.ports
	for line := range strings.Lines(strings.ReplaceAll(strings.ReplaceAll(string(raw), `\r`, ""), `\n`, "\n")) {
		switch {
		case strings.Contains(line, "(world):"):
			ports = b.world
		case strings.Contains(line, "(net):"):
			ports = b.ports
		}
		if m := forward.FindStringSubmatch(line); m != nil {
			host, _ := strconv.Atoi(m[1])
			guest, _ := strconv.Atoi(m[2])
			ports[guest] = host
		}
	}
	return nil
}

// Addr returns where on this machine a forwarded guest port answers, or "" when it is not forwarded.
func (b *Boot) Addr(guest int) string {
	host, ok := b.ports[guest]
	if !ok {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(host))
}

// WorldAddr is Addr through the guest's card in the other network.
func (b *Boot) WorldAddr(guest int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.world[guest]))
}

// WaitSerial waits until the serial port's text, from the start of this boot, matches re, and returns the match's
// submatches. The error has the last lines of the log.
func (b *Boot) WaitSerial(ctx context.Context, re *regexp.Regexp, timeout time.Duration) ([]string, error) {
	return b.said.wait(ctx, re, timeout)
}

// Serial returns everything the serial port has said in this boot, without terminal commands.
func (b *Boot) Serial() string {
	text, _, _ := b.said.text()
	return text
}

// Type sends text to the guest's serial port, as a person at a terminal would.
func (b *Boot) Type(text string) error {
	_, err := io.WriteString(b.serial, text)
	return err
}

// Press sends a key to the guest's keyboard, named as QEMU names them: "ret", "n", "f1".
func (b *Boot) Press(ctx context.Context, key string) error {
	_, err := b.control.do(ctx, "send-key", map[string]any{"keys": []map[string]string{{"type": "qcode", "data": key}}})
	return err
}

// Events returns what QEMU has told since the start: SHUTDOWN with its reason, WATCHDOG, RESET and others.
func (b *Boot) Events() []Event { return b.control.list() }

// Screenshot writes the guest's screen to a PNG file.
func (b *Boot) Screenshot(ctx context.Context, file string) error {
	full, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	_, err = b.control.do(ctx, "screendump", map[string]any{"filename": full, "format": "png"})
	return err
}

// HardwareClock is what the machine's clock with the battery shows.
func (b *Boot) HardwareClock(ctx context.Context) (time.Time, error) {
	raw, err := b.control.do(ctx, "qom-get", map[string]any{"path": "/machine", "property": "rtc-time"})
	if err != nil {
		return time.Time{}, err
	}
	var at struct {
		Year  int `json:"tm_year"` // from 1900
		Month int `json:"tm_mon"`  // from 0
		Day   int `json:"tm_mday"`
		Hour  int `json:"tm_hour"`
		Min   int `json:"tm_min"`
		Sec   int `json:"tm_sec"`
	}
	if err := json.Unmarshal(raw, &at); err != nil {
		return time.Time{}, fmt.Errorf("qemu: the hardware clock: %w", err)
	}
	return time.Date(1900+at.Year, time.Month(at.Month+1), at.Day, at.Hour, at.Min, at.Sec, 0, time.UTC), nil
}

// PressPower pushes the power button: the guest is asked to shut down.
func (b *Boot) PressPower(ctx context.Context) error {
	_, err := b.control.do(ctx, "system_powerdown", nil)
	return err
}

// Cable plugs the network cable in or pulls it out.
func (b *Boot) Cable(ctx context.Context, plugged bool) error {
	_, err := b.control.do(ctx, "set_link", map[string]any{"name": "net", "up": plugged})
	return err
}

// Unplug pulls out what hangs on USB: "stick0", "stick1", … as in Options.Sticks, or "disk", the machine's own where its
// Controller is USB.
func (b *Boot) Unplug(ctx context.Context, what string) error {
	_, err := b.control.do(ctx, "device_del", map[string]any{"id": "plugged-" + what})
	return err
}

// Plug connects a raw image file to USB as what Unplug has pulled out, or as something new. The file is not locked: QEMU
// may let go of what was pulled out only later.
func (b *Boot) Plug(ctx context.Context, what, file string) error {
	_, err := b.control.do(ctx, "blockdev-add", map[string]any{
		"driver": "raw", "node-name": "again-" + what, "file": map[string]any{"driver": "file", "filename": file, "locking": "off"},
	})
	if err != nil {
		return err
	}
	_, err = b.control.do(ctx, "device_add", map[string]any{"driver": "usb-storage", "bus": "usb.0", "id": "plugged-" + what, "drive": "again-" + what})
	return err
}

// Reset pushes the reset button, which ends this boot.
func (b *Boot) Reset(ctx context.Context) error {
	_, err := b.control.do(ctx, "system_reset", nil)
	return err
}

// Stop freezes the guest, and Continue lets it go on.
func (b *Boot) Stop(ctx context.Context) error {
	_, err := b.control.do(ctx, "stop", nil)
	return err
}

// Continue lets a frozen guest go on.
func (b *Boot) Continue(ctx context.Context) error {
	_, err := b.control.do(ctx, "cont", nil)
	return err
}

// Wait waits for the end of this boot and returns why it ended: the last SHUTDOWN event, or an error when QEMU failed
// or the time is over.
func (b *Boot) Wait(ctx context.Context, timeout time.Duration) (Event, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-b.ended:
	case <-timer.C:
		return Event{}, fmt.Errorf("the machine is still on after %v; its serial port ends with:\n%s", timeout, tail(b.Serial()))
	case <-ctx.Done():
		return Event{}, ctx.Err()
	}
	<-b.control.gone // so that the last event has been read
	events := b.Events()
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Name == "SHUTDOWN" {
			return events[i], b.close()
		}
	}
	return Event{}, errors.Join(fmt.Errorf("qemu ended: %v: %s", b.err, strings.TrimSpace(b.stderr.String())), b.close())
}

// PowerOff pushes the power button and waits for the guest to switch itself off.
func (b *Boot) PowerOff(ctx context.Context, timeout time.Duration) error {
	if err := b.PressPower(ctx); err != nil {
		return err
	}
	e, err := b.Wait(ctx, timeout)
	if err != nil {
		return err
	}
	if e.Reason != "guest-shutdown" {
		return fmt.Errorf("the machine ended by %s, want guest-shutdown", e.Reason)
	}
	return nil
}

// Done is closed when the machine is off.
func (b *Boot) Done() <-chan struct{} { return b.ended }

// Kill pulls the plug and waits until QEMU is gone. What the guest wrote and did not flush may or may not be on the
// disk afterwards: QEMU has handed it to this machine's kernel. It does nothing when the machine is off.
func (b *Boot) Kill() {
	select {
	case <-b.ended:
	default:
		_ = b.cmd.Process.Kill() // it may have ended this moment
		<-b.ended
	}
	_ = b.close() // a log that cannot be closed is no reason to stop
}

func (b *Boot) close() error {
	if b.serial != nil {
		b.serial.Close()
	}
	if b.control != nil {
		b.control.conn.Close()
	}
	os.RemoveAll(b.dir)
	if err := b.logFile.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
