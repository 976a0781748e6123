package vm

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// Arch is the architecture of a machine, as Debian calls it.
type Arch string

// Architectures.
const (
	AMD64 Arch = "amd64"
	ARM64 Arch = "arm64"
)

// kind is what QEMU needs for an architecture.
type kind struct {
	program string
	machine string
	// The firmware: the code is shared and read only, the variables are each machine's own.
	code, vars string
	pkg        string // Debian's package of the firmware
}

// kind of the machine. Secure firmware of PCs needs system management mode, in which alone it writes its variables.
func (o *Options) kind() kind {
	switch {
	case o.Arch == ARM64:
		return kind{"qemu-system-aarch64", "virt", "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd", "qemu-efi-aarch64"}
	case o.SecureBoot:
		return kind{"qemu-system-x86_64", "q35,smm=on", "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"}
	}
	return kind{"qemu-system-x86_64", "q35", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"}
}

// Controller is what the disk hangs on.
type Controller string

// Disk controllers.
const (
	VirtioDisk Controller = "virtio"
	AHCI       Controller = "ahci"
	NVMe       Controller = "nvme"
	USB        Controller = "usb"
)

// NIC is the kind of network card.
type NIC string

// Network cards.
const (
	VirtioNIC NIC = "virtio"
	E1000e    NIC = "e1000e"
	NoNIC     NIC = "none"
)

// Direct starts a kernel without firmware and loader, which saves ten seconds where these are not what is tested.
type Direct struct{ Kernel, Initrd, Cmdline string } // Initrd may be empty

// Options describe a machine. Zero values give the usual one.
type Options struct {
	Dir   string // the machine's own directory: disk, firmware variables, logs; made when missing
	Image string // raw disk image to copy when Dir has no disk yet; may be empty with Direct
	// DiskURL is where QEMU finds the disk when another program serves it, such as nbd+unix:///?socket=FILE; empty: it
	// opens the file itself.
	DiskURL string

	Arch       Arch // "": AMD64. Others have virtio disks and cards only, no screen, and TCG
	Accel      Accel
	ReadOnly   bool  // the disk, which hangs on virtio then, can't be written
	DiskSize   int64 // bytes the disk grows to; 0: 4 GiB
	Memory     int   // MiB; 0: 512, the least a box has
	CPUs       int   // 0: 2
	Controller Controller
	NIC        NIC
	Extra      []string // further raw disk images, written to as they are
	Sticks     []string // the same, as USB sticks
	Direct     *Direct
	// TPM is a directory with the memory of a TPM 2.0, which is made if it is missing; "": the machine has none.
	TPM string
	// SecureBoot gives firmware with Secure Boot, in setup mode: it enforces nothing before keys are enrolled.
	SecureBoot bool
	// Bare leaves out screen, keyboard and USB, whose drivers take seconds of an emulated start.
	Bare bool
	// Ports maps guest ports to ports on 127.0.0.1; 0 there takes a free one, different at each boot.
	Ports map[int]int
	// World gives the guest a second card, in another network with a router of its own, to which the same ports are
	// forwarded: Boot.WorldAddr.
	World bool
	// Restrict cuts the guest off from everything but the forwarded ports: an office with its Internet line down.
	Restrict bool
	// IPv6Only takes IPv4 away from the user network. Port forwards need IPv4, so there are none then.
	IPv6Only bool
	// RTC is the hardware clock's time at start, as QEMU's -rtc base= takes it; empty: now.
	RTC string
	// FalseStart matches what the guest says when its start does not count and is made once more; nil: what Linux says
	// when the host was too busy, see again.go.
	FalseStart *regexp.Regexp
	// Console gets what the guest writes to its serial port, as it comes; nil: only the log does.
	Console io.Writer
}

// defaults of Options.
const (
	defaultDisk   = 4 << 30
	defaultMemory = 512
	defaultCPUs   = 2
)

// Machine is a virtual box with its disk.
type Machine struct {
	o     Options
	boots int
}

// New prepares a machine in its directory. A disk and firmware variables that are there already are kept.
func New(o Options) (*Machine, error) {
	if o.DiskSize == 0 {
		o.DiskSize = defaultDisk
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.CPUs == 0 {
		o.CPUs = defaultCPUs
	}
	if o.Controller == "" {
		o.Controller = VirtioDisk
	}
	if o.NIC == "" {
		o.NIC = VirtioNIC
	}
	if o.FalseStart == nil {
		o.FalseStart = timerMissing()
	}
	if o.Arch == ARM64 {
		o.Accel, o.Bare = TCG, true
	}
	if o.Accel == "" {
		return nil, errors.New("vm: no acceleration chosen")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	m := &Machine{o: o}
	if o.Image != "" && !exists(m.Disk()) {
		if err := CopySparse(m.Disk(), o.Image); err != nil {
			return nil, fmt.Errorf("vm: copy the image: %w", err)
		}
	}
	if o.Image != "" {
		if err := m.Grow(o.DiskSize); err != nil {
			return nil, err
		}
	}
	return m, m.firmware()
}

// Disk is the machine's disk, a raw image. It may be changed while the machine is off.
func (m *Machine) Disk() string { return filepath.Join(m.o.Dir, "disk.img") }

func (m *Machine) vars() string { return filepath.Join(m.o.Dir, "vars.fd") }

// Grow makes the disk at least size bytes long, as a larger disk that was copied to would be.
func (m *Machine) Grow(size int64) error {
	info, err := os.Stat(m.Disk())
	if err != nil {
		return err
	}
	if info.Size() >= size {
		return nil
	}
	return os.Truncate(m.Disk(), size)
}

// SetPorts changes the forwarded ports for boots to come.
func (m *Machine) SetPorts(ports map[int]int) { m.o.Ports = ports }

// SetReadOnly changes for boots to come whether the disk can be written.
func (m *Machine) SetReadOnly(yes bool) { m.o.ReadOnly = yes }

// SetDirect changes for boots to come whether firmware and loader are left out; nil: they are not.
func (m *Machine) SetDirect(d *Direct) error {
	m.o.Direct = d
	return m.firmware()
}

// firmware gives a machine that needs them variables of its own.
func (m *Machine) firmware() error {
	if m.o.Direct != nil || exists(m.vars()) {
		return nil
	}
	k := m.o.kind()
	if err := CopySparse(m.vars(), k.vars); err != nil {
		return fmt.Errorf("vm: firmware variables (Debian's package %s): %w", k.pkg, err)
	}
	return nil
}

// SetRTC changes the hardware clock for boots to come.
func (m *Machine) SetRTC(base string) { m.o.RTC = base }

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// CopySparse copies a file and keeps its holes: an image of half a gigabyte has thirty megabytes in it.
func CopySparse(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	temp := to + ".new"
	out, err := os.Create(temp)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Truncate(info.Size()); err != nil {
		return err
	}
	if err := copyData(out, in, 0, info.Size()); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(temp, to)
}

// arguments is QEMU's command line for one boot; sockets are where QEMU finds serial port and control.
func (m *Machine) arguments(serial, control, tpm string) []string {
	o, k := m.o, m.o.kind()
	a := []string{
		"-name", "sanduk", "-machine", k.machine, "-accel", o.Accel.option(), "-cpu", o.Accel.cpu(),
		"-m", fmt.Sprint(o.Memory), "-smp", fmt.Sprint(o.CPUs),
		"-nodefaults", "-no-user-config", "-display", "none", "-action", "reboot=shutdown,shutdown=pause", // see watch
		"-chardev", "socket,id=serial,path=" + serial, "-serial", "chardev:serial",
		"-chardev", "socket,id=control,path=" + control, "-mon", "chardev=control,mode=control",
		"-device", "i6300esb", "-device", "virtio-rng-pci",
	}
	if o.TPM != "" {
		a = append(a, "-chardev", "socket,id=tpm,path="+tpm, "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0")
	}
	if o.Bare {
		a = append(a, "-vga", "none")
	} else {
		a = append(a, "-vga", "std", "-device", "qemu-xhci,id=usb", "-device", "usb-kbd")
	}
	if d := o.Direct; d != nil {
		a = append(a, "-kernel", d.Kernel, "-append", d.Cmdline)
		if d.Initrd != "" {
			a = append(a, "-initrd", d.Initrd)
		}
	} else {
		if o.SecureBoot {
			a = append(a, "-global", "driver=cfi.pflash01,property=secure,value=on")
		}
		a = append(a,
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+k.code,
			"-drive", "if=pflash,unit=1,format=raw,file="+m.vars())
	}
	if exists(m.Disk()) {
		disk := drive("disk", cmp.Or(o.DiskURL, m.Disk()), o.Controller)
		if o.ReadOnly {
			disk[1] += ",readonly=on"
		}
		a = append(a, disk...)
	}
	for i, file := range o.Extra {
		a = append(a, drive(fmt.Sprintf("extra%d", i), file, VirtioDisk)...)
	}
	for i, file := range o.Sticks {
		a = append(a, drive(fmt.Sprintf("stick%d", i), file, USB)...)
	}
	if o.RTC != "" {
		a = append(a, "-rtc", "base="+o.RTC)
	}
	return append(a, m.network()...)
}

// drive attaches a raw file. Flushes of the guest go through to the file.
func drive(id, file string, c Controller) []string {
	a := []string{"-drive", "if=none,format=raw,cache=writeback,discard=unmap,id=" + id + ",file=" + file}
	device := map[Controller]string{
		VirtioDisk: "virtio-blk-pci,drive=" + id,
		AHCI:       "ide-hd,drive=" + id, // q35's own controller is AHCI
		NVMe:       "nvme,serial=" + id + ",drive=" + id,
		USB:        "usb-storage,bus=usb.0,id=plugged-" + id + ",drive=" + id,
	}[c]
	return append(a, "-device", device)
}

func (m *Machine) network() []string {
	if m.o.NIC == NoNIC {
		return nil
	}
	net := "user,id=net"
	if m.o.Restrict {
		net += ",restrict=on"
	}
	if m.o.IPv6Only {
		net += ",ipv4=off,ipv6=on"
	} else {
		for _, guest := range slices.Sorted(maps.Keys(m.o.Ports)) {
			net += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", m.o.Ports[guest], guest)
		}
	}
	model := "virtio-net-pci"
	if m.o.NIC == E1000e {
		model = "e1000e"
	}
	cards := []string{"-netdev", net, "-device", model + ",netdev=net,mac=52:54:00:53:44:4b"}
	if m.o.World {
		world := "user,id=world,net=10.0.9.0/24"
		for _, guest := range slices.Sorted(maps.Keys(m.o.Ports)) {
			world += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:0-:%d", guest)
		}
		cards = append(cards, "-netdev", world, "-device", model+",netdev=world,mac=52:54:00:53:44:4c")
	}
	return cards
}
