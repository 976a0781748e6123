package office

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// probeFile is written to see whether the disk takes writes.
const probeFile = "private/probe"

// probeEvery is how long the box stays without new mail at most when its disk
// has come back.
const probeEvery = 15 * time.Second

// What the screen and the pages say meanwhile.
const (
	readOnlyWhat = "The disk takes no writes: mail can be read, but nothing new comes in."
	readOnlyToDo = "Restart the box. If this comes back, the disk must be replaced."
)

// endure is for when the journal or the store can't go on. A new start mends
// that, but not on a disk that takes no writes, like one that the kernel has
// made read-only after an error: there the box would only be lost for reading
// too. So the servers stay, what they are asked to write fails for the time
// being, and endure returns when the disk takes a write, or ctx ends.
func endure(ctx context.Context, probe func() error, say func(error)) {
	err := probe()
	if err == nil {
		return
	}
	say(err)
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for err != nil {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err = probe()
	}
}

// probe tells why the disk takes no writes.
func (o *Office) probe() error {
	if err := o.probeRoom(); err != nil {
		return err
	}
	if err := durable.ReplaceBytes(o.files, probeFile, 0o600, []byte("The disk took this.\n")); err != nil {
		return fmt.Errorf("office: probe the disk: %w", err)
	}
	if err := o.files.Remove(probeFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("office: probe the disk: %w", err)
	}
	return nil
}

// sayReadOnly puts it on the screen and into the log.
func (o *Office) sayReadOnly(err error) {
	o.readOnly.Store(true)
	o.log.Error("the disk takes no writes: mail can be read, but none is received or changed", "err", err)
	select {
	case o.setUp <- struct{}{}: // wakes attend
	default:
	}
}
