package vm

import (
	"fmt"
	"net"
	"os"
	"os/exec"
)

// startTPM runs a TPM in software (Debian's swtpm) behind a socket at path, for one run of QEMU: it ends when QEMU lets
// go of it. What it remembers stands in the directory memory.
func startTPM(memory, path string) error {
	if err := os.MkdirAll(memory, 0o700); err != nil {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false) // QEMU connects by its name
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	cmd := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+memory, "--ctrl", "type=unixio,fd=3", "--terminate")
	cmd.ExtraFiles = []*os.File{socket}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("a TPM (scripts/deps test): %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
