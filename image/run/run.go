package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// Port is a guest port and where it answers on this machine's loopback.
type Port struct {
	Name        string
	Guest, Host int
}

// Ports are the box's ports and their fixed places on 127.0.0.1.
func Ports() []Port {
	return []Port{
		{"smtp", 25, 2525}, {"submission", 587, 2587}, {"submissions", 465, 2465},
		{"imap", 143, 2143}, {"imaps", 993, 2993}, {"pop3", 110, 2110}, {"pop3s", 995, 2995},
		{"http", 80, 2080}, {"https", 443, 2443},
	}
}

// Options say what to run.
type Options struct {
	Image string // disk image
	Dir   string // where the machine is kept
	Fresh bool   // begin with an empty disk
	Setup string // provisioning file to put onto the EFI system partition; empty: none
	Accel vm.Accel
	Ports []Port
	Out   io.Writer // messages and the box's console
	In    io.Reader // what goes to the box's serial port; nil: nothing
}

const (
	// offTime is how long the box may take to end its services and unmount its disk; it gives them 20 s itself.
	offTime = 40 * time.Second
	// development is the file that makes the box trust QEMU's gateway, as which every caller on this machine appears, and
	// answer to the address under which its ports are forwarded.
	development = `{"trusted_networks": ["10.0.2.2/32"], "addresses": ["127.0.0.1"]}` + "\n"
	// crashLoop is how many starts in a row may end before they are ready. More are a fault to look at.
	crashLoop = 5
)

// Run runs the box until ctx ends, and then switches it off. A box that restarts itself is started again.
func Run(ctx context.Context, o Options) error {
	if err := CheckPorts(o.Ports); err != nil {
		return err
	}
	if o.Fresh {
		if err := os.RemoveAll(o.Dir); err != nil {
			return err
		}
	}
	c := newConsole(o.Out)
	m, err := prepare(o, c)
	if err != nil {
		return err
	}
	for _, p := range o.Ports {
		c.say("%-12s 127.0.0.1:%d", p.Name, p.Host)
	}
	for early := 0; ; {
		again, ready, err := once(ctx, o, m, c)
		if err != nil || !again {
			return err
		}
		if early++; ready {
			early = 0
		}
		if early >= crashLoop {
			return fmt.Errorf("the box has restarted %d times without becoming ready; its serial logs are in %s", early, o.Dir)
		}
		c.say("run: the box restarts")
	}
}

// CheckPorts names every port that is taken, instead of QEMU's message about the first.
func CheckPorts(ports []Port) error {
	var taken []string
	for _, p := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.Host))
		if err != nil {
			taken = append(taken, fmt.Sprintf("%d (%s)", p.Host, p.Name))
			continue
		}
		l.Close()
	}
	if len(taken) > 0 {
		return fmt.Errorf("these ports on 127.0.0.1 are taken by another program: %s. Is the box running already, or make dev? End it and start again", strings.Join(taken, ", "))
	}
	return nil
}

// prepare makes or finds the machine, gives it the newly built version, and puts the files for it in place.
func prepare(o Options, c *console) (*vm.Machine, error) {
	ports := make(map[int]int)
	for _, p := range o.Ports {
		ports[p.Guest] = p.Host
	}
	m, err := vm.New(vm.Options{Dir: o.Dir, Image: o.Image, Accel: o.Accel, Ports: ports, Console: c})
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(o.Image)
	if err != nil {
		return nil, err
	}
	// The mark names the build on the disk. A box that has updated itself since keeps what it has.
	mark := filepath.Join(o.Dir, "built")
	built := fmt.Sprintf("%d %d\n", info.Size(), info.ModTime().UnixNano())
	if old, err := os.ReadFile(mark); err != nil || string(old) != built {
		if err := m.ReplaceESP(o.Image); err != nil {
			return nil, err
		}
		if err := os.WriteFile(mark, []byte(built), 0o644); err != nil {
			return nil, err
		}
	}
	if err := m.PutESP("dev.json", []byte(development)); err != nil {
		return nil, err
	}
	if o.Setup != "" {
		data, err := os.ReadFile(o.Setup)
		if err != nil {
			return nil, fmt.Errorf("provisioning file: %w", err)
		}
		if err := m.PutESP("setup.json", data); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// codeLine is what the box writes to its serial port, on a line of its own, when it waits to be set up.
var codeLine = regexp.MustCompile(`(?m)^sanduk: setup code (\S+)\r?\n`)

// readyLine is what the box writes when mail works.
var readyLine = regexp.MustCompile(`(?m)^sanduk: ready\b`)

// waitForever is longer than anybody lets it run.
const waitForever = 365 * 24 * time.Hour

// once runs the box from power on to its end. again: it restarted by itself; ready: it had been of use.
func once(ctx context.Context, o Options, m *vm.Machine, c *console) (again, ready bool, err error) {
	b, err := m.Boot(ctx)
	if err != nil {
		return false, false, err
	}
	defer b.Kill()
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	go announce(watch, o, b, c)
	if o.In != nil {
		go forward(b, o.In)
	}
	select {
	case <-b.Done():
		c.end()
		ready := readyLine.MatchString(b.Serial())
		e, err := b.Wait(ctx, offTime)
		if err != nil {
			return false, ready, err
		}
		if e.Reason == "guest-shutdown" {
			c.say("run: the box has switched itself off")
			return false, ready, nil
		}
		return true, ready, nil
	case <-ctx.Done():
	}
	c.end()
	c.say("run: switching the box off")
	off, cancelOff := context.WithTimeout(context.WithoutCancel(ctx), offTime)
	defer cancelOff()
	err = b.PowerOff(off, offTime)
	c.end()
	if err != nil {
		b.Kill()
		return false, false, fmt.Errorf("the box did not switch itself off and was cut off: %w", err)
	}
	c.say("run: the box is off; its disk is kept in %s", o.Dir)
	return false, true, nil
}

// announce prints where the pages are from here once they are there, and the set-up page's address once the box has
// said its code. The addresses that the box itself shows are those of the virtual network.
func announce(ctx context.Context, o Options, b *vm.Boot, c *console) {
	i := slices.IndexFunc(o.Ports, func(p Port) bool { return p.Name == "https" })
	if i < 0 {
		return
	}
	pages := fmt.Sprintf("https://127.0.0.1:%d", o.Ports[i].Host)
	go func() {
		if _, err := b.WaitSerial(ctx, readyLine, waitForever); err == nil {
			c.say("run: the box's pages are at %s/ from here", pages)
		}
	}()
	if m, err := b.WaitSerial(ctx, codeLine, waitForever); err == nil {
		c.say("setup: %s/setup#%s", pages, m[1])
	}
}

// forward sends what a person types to the box.
func forward(b *vm.Boot, in io.Reader) {
	buf := make([]byte, 256)
	for {
		n, err := in.Read(buf)
		if n > 0 && b.Type(string(buf[:n])) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

// ErrNoImage says what to do when there is nothing to run.
var ErrNoImage = errors.New("there is no image: make image builds one")
