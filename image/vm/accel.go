package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Accel is how QEMU runs the guest's instructions.
type Accel string

// The two that there are.
const (
	KVM Accel = "kvm" // by the processor; needs a /dev/kvm that works
	TCG Accel = "tcg" // translated; everywhere, some ten times slower
)

// option is QEMU's -accel argument. TCG takes turns between the guest's processors: with a thread for each, the guest's
// kernel was seen to lose a processor for good (soft lockups in the network's softirq and between two of them) in one
// of some hundred starts, the more the busier the host.
func (a Accel) option() string {
	if a == TCG {
		return "tcg,thread=single"
	}
	return string(a)
}

// cpu is QEMU's -cpu argument: with TCG the richest model that needs nothing from the host.
func (a Accel) cpu() string {
	if a == TCG {
		return "max"
	}
	return "host"
}

const (
	// accelVariable lets a person choose.
	accelVariable = "SANDUK_QEMU_ACCEL"
	// probeTime is generous: the guest needs half a second where KVM works, and where it does not it often hangs.
	probeTime = 5 * time.Second
	// probeExit is what QEMU returns when the guest has written probeValue to the debug port: value*2+1.
	probeValue = 0x10
	probeExit  = probeValue*2 + 1
	// probeKept is how long an answer counts: the machine under a virtual machine may change.
	probeKept = 24 * time.Hour
)

// ChooseAccel returns what the variable SANDUK_QEMU_ACCEL asks for: kvm, tcg, or auto (also when it is empty). For
// auto it starts a tiny guest with KVM, because a /dev/kvm that is there may still not work, and keeps the answer in
// cache for a day.
func ChooseAccel(ctx context.Context, cache string, now time.Time) (a Accel, why string, err error) {
	switch v := os.Getenv(accelVariable); v {
	case "kvm", "tcg":
		return Accel(v), accelVariable + " says so", nil
	case "", "auto":
	default:
		return "", "", fmt.Errorf("%s=%q: want auto, tcg or kvm", accelVariable, v)
	}
	var kept struct {
		Accel Accel     `json:"accel"`
		Why   string    `json:"why"`
		Time  time.Time `json:"time"`
	}
	if raw, err := os.ReadFile(cache); err == nil && json.Unmarshal(raw, &kept) == nil &&
		now.Sub(kept.Time) < probeKept && (kept.Accel == KVM || kept.Accel == TCG) {
		return kept.Accel, kept.Why, nil
	}
	kept.Accel, kept.Why, kept.Time = KVM, "KVM works", now.UTC()
	if err := probe(ctx); err != nil {
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		kept.Accel, kept.Why = TCG, "KVM does not work here: "+err.Error()
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return "", "", err
	}
	if err := os.MkdirAll(filepath.Dir(cache), 0o755); err != nil {
		return "", "", err
	}
	return kept.Accel, kept.Why, os.WriteFile(cache, raw, 0o644)
}

// probe starts a guest whose boot sector does nothing but leave.
func probe(ctx context.Context) error {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return errors.New("there is no /dev/kvm")
	}
	dir, err := os.MkdirTemp("", "vmprobe")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sector := make([]byte, 512)
	copy(sector, []byte{0xb0, probeValue, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd}) // mov al, value; out 0xf4, al; hlt; jmp back
	sector[510], sector[511] = 0x55, 0xaa
	disk := filepath.Join(dir, "boot")
	if err := os.WriteFile(disk, sector, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	err = exec.CommandContext(ctx, "qemu-system-x86_64", "-machine", "pc", "-accel", "kvm", "-cpu", "host", "-m", "32",
		"-nodefaults", "-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
		"-drive", "file="+disk+",format=raw,if=ide").Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the test guest did not start within %v", probeTime)
	case errors.As(err, &exit) && exit.ExitCode() == probeExit:
		return nil
	case err == nil:
		return errors.New("the test guest ended too early")
	}
	return err
}
