package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/image/disk"
)

// PutESP writes a file to the root of the disk's EFI system partition, as somebody does who has the stick in another
// computer. The machine must be off.
func (m *Machine) PutESP(name string, data []byte) error {
	_, err := m.mtool(data, "mcopy", "-o", "-", "::"+name)
	return err
}

// MakeESPDir makes a directory on the EFI system partition; its parent must be there.
func (m *Machine) MakeESPDir(name string) error {
	_, err := m.mtool(nil, "mmd", "-D", "s", "::"+name)
	return err
}

// RemoveESP removes a file from the EFI system partition; one that is not there is no error.
func (m *Machine) RemoveESP(name string) error {
	files, err := m.ListESP()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(files, func(f string) bool { return strings.EqualFold(f, name) }) {
		return nil
	}
	_, err = m.mtool(nil, "mdel", "::"+name)
	return err
}

// RenameESP gives a file on the EFI system partition another name in the same directory.
func (m *Machine) RenameESP(from, to string) error {
	_, err := m.mtool(nil, "mren", "::"+from, "::"+to)
	return err
}

// GetESP reads a file of the EFI system partition.
func (m *Machine) GetESP(name string) ([]byte, error) {
	return m.mtool(nil, "mtype", "::"+name)
}

// ListESP lists all files of the EFI system partition, with slashes and without a leading one.
func (m *Machine) ListESP() ([]string, error) {
	out, err := m.mtool(nil, "mdir", "-b", "-/", "::")
	if err != nil {
		return nil, err
	}
	var files []string
	for line := range strings.Lines(string(out)) {
		name := strings.TrimPrefix(strings.TrimSpace(line), "::/")
		if name != "" && !strings.HasSuffix(name, "/") {
			files = append(files, name)
		}
	}
	return files, nil
}

// mtool runs one of the mtools on the partition. Its configuration check would refuse disks whose FAT has a geometry
// that no floppy had.
func (m *Machine) mtool(stdin []byte, name string, args ...string) ([]byte, error) {
	image := fmt.Sprintf("%s@@%d", m.Disk(), disk.ESPStart)
	cmd := exec.Command(name, append([]string{"-i", image}, args...)...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "TZ=UTC")
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("EFI system partition: %s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// ReplaceESP copies the EFI system partition of a newly built image onto the machine's disk and leaves the partition
// table and everything behind it: a new version on an old box.
func (m *Machine) ReplaceESP(image string) error {
	in, err := os.Open(image)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(m.Disk(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	// Zeros first: what the old image had and the new one has not must read as zero.
	if err := unix.Fallocate(int(out.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, disk.ESPStart, disk.ESPSize); err != nil {
		return fmt.Errorf("clear the EFI system partition: %w", err)
	}
	if err := copyData(out, in, disk.ESPStart, disk.ESPStart+disk.ESPSize); err != nil {
		return fmt.Errorf("copy the EFI system partition: %w", err)
	}
	return out.Close()
}

// copyData copies what is between from and to, holes left out, to the same place in another file.
func copyData(out io.WriterAt, in *os.File, from, to int64) error {
	for at := from; at < to; {
		data, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || data >= to {
			return nil // only a hole is left
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		hole = min(hole, to)
		if _, err := io.Copy(io.NewOffsetWriter(out, data), io.NewSectionReader(in, data, hole-data)); err != nil {
			return err
		}
		at = hole
	}
	return nil
}
