package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// confine runs this program's forbidden acts with exactly the rights of a service: its unit file from the image, its account,
// PID 1's own runner and shim. Only the program is another.
func confine(name string) (string, error) {
	found, err := supervise.LoadUnits(os.DirFS("/etc/sanduk/units"))
	if err != nil {
		return "", err
	}
	var out output
	for _, s := range found.Services {
		if s.Name != supervise.UnitName(name+".service") {
			continue
		}
		s.Name = supervise.UnitName(name + "-forbidden.service")
		s.Exec = []string{"/bin/trouble", forbiddenMode, name}
		s.Confine.Paths.Exec = []string{"/bin/trouble"}
		runner := &supervise.Runner{
			Children: supervise.NewChildren(), Self: "/proc/self/exe", Cgroups: "/sys/fs/cgroup/sanduk", RunDir: "/run", TotalMemory: 512 << 20,
			Lookup: account, Output: func(supervise.UnitName) io.WriteCloser { return &out },
		}
		p, err := runner.Start(&s)
		if err != nil {
			return "", err
		}
		select {
		case <-p.Done():
		case <-time.After(time.Minute):
			_ = p.Kill()
			return "", fmt.Errorf("the acts of %s hang: %s", name, out.text())
		}
		if !out.wait() || !p.Exit().Clean() {
			return "", fmt.Errorf("the acts of %s %v: %s", name, p.Exit(), out.text())
		}
		return out.text(), nil
	}
	return "", fmt.Errorf("no service is called %q", name)
}

// output is what the acts print.
type output struct {
	mu     sync.Mutex
	b      bytes.Buffer
	closed bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// wait says whether all has been read.
func (o *output) wait() bool {
	for range 1000 {
		o.mu.Lock()
		closed := o.closed
		o.mu.Unlock()
		if closed {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

func account(name, _ string, _ []string) (supervise.Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return supervise.Account{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return supervise.Account{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return supervise.Account{UID: uid, GID: gid}, err
}
