package vm

import (
	"context"
	"regexp"
	"time"
)

// timerMissing is how Linux ends when the interrupts of the timer do not come while it looks for them, for 40 ms of real
// time: a test for broken hardware, which it leaves out under hypervisors that it knows. An emulated machine whose host
// is busy with other things fails it now and then, before anything of ours has run. Such a start does not count.
func timerMissing() *regexp.Regexp {
	return regexp.MustCompile(`Kernel panic - not syncing: IO-APIC \+ timer doesn't work!`)
}

// maxFalseStarts in a row: then it is no accident any more.
const maxFalseStarts = 3

// watch ends QEMU, which only pauses, when the guest has switched off or reset its machine; or presses the reset button
// of one that had a false start.
func (b *Boot) watch() {
	for n := 0; ; n++ {
		select {
		case <-b.control.gone:
			return
		case <-b.control.off:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*firmwareTime)
		if n < maxFalseStarts && b.falseStart.MatchString(b.Serial()) && b.again(ctx) == nil {
			cancel()
			continue
		}
		_, _ = b.control.do(ctx, "quit", nil) // it may be gone before it has answered
		cancel()
		return
	}
}

// again resets a machine that is off and lets it run.
func (b *Boot) again(ctx context.Context) error {
	b.said.forget()
	reboot := func(action string) error {
		_, err := b.control.do(ctx, "set-action", map[string]any{"reboot": action})
		return err
	}
	if err := reboot("reset"); err != nil {
		return err
	}
	if _, err := b.control.do(ctx, "system_reset", nil); err != nil {
		return err
	}
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for { // until the reset has been carried out it refuses to go on
		_, err := b.control.do(ctx, "cont", nil)
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return err
		case <-b.control.gone:
			return errGone
		case <-pause.C:
		}
	}
	// Firmware may reset the machine once more before it says anything: that does not end the boot either.
	if _, err := b.said.wait(ctx, regexp.MustCompile(`\S`), firmwareTime); err != nil {
		return err
	}
	return reboot("shutdown")
}

// firmwareTime is how long firmware may take to say something, emulated on a busy machine.
const firmwareTime = 2 * time.Minute
