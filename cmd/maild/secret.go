package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// keepSecret keeps what the process has in its memory, mail and keys, from being
// read by others of its user, and from being written out when it dies. It has to
// be done here: becoming this program undid what PID 1 had said about it.
func keepSecret() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep the memory to itself: %w", err)
	}
	return nil
}
