// Init is the box's first process (PID 1): it mounts, loads, checks, opens the
// sockets, starts the services and keeps them running. What it does stands in
// platform/boot; what it runs, in services/units.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/sanduk-mail/sanduk/platform/boot"
	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/platform/update"
	"github.com/sanduk-mail/sanduk/services/units"
)

// unitDir is in the image, which is signed and read-only: the unit files there were checked when it was built.
const unitDir = "/etc/sanduk/units"

// keyDir has the keys whose updates the image takes.
const keyDir = "/etc/sanduk/update-keys"

// releaseFile says what image this is.
const releaseFile = "/etc/os-release"

func main() {
	if supervise.IsShim(os.Args) {
		os.Exit(supervise.RunShim(os.Args))
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: this is the first process of a Sanduk box; it cannot be started by hand")
		os.Exit(2)
	}
	cfg := boot.Config{
		Units: os.DirFS(unitDir), Keys: os.DirFS(keyDir), Schema: update.Schema(units.Schema()),
	}
	var err error
	if cfg.Release, err = boot.ReadRelease(releaseFile); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err) // the box runs all the same, without updates
	}
	for _, p := range units.Probes() {
		cfg.Probes = append(cfg.Probes, boot.Probe(p))
	}
	err = boot.Run(cfg)
	// Reached only when even the restart failed: PID 1 ends, the kernel panics
	// and restarts by itself.
	fmt.Fprintln(os.Stderr, "init:", err)
	time.Sleep(time.Second)
	os.Exit(1)
}
