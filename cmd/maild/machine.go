package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/firewall"
	"github.com/sanduk-mail/sanduk/platform/netconf"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/lan"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/office"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// Where PID 1 puts what stood on the boot partition.
const (
	setupFile = "/run/sanduk/setup/setup.json"
	devFile   = "/run/sanduk/setup/dev.json"
)

// maxFile bounds those files, in bytes: a set-up with thousands of people.
const maxFile = 4 << 20

// machine is the computer under the office: the kernel, and on a box PID 1.
type machine struct {
	pid1    *control.Client // nil on a developer's computer
	also    []netip.Addr    // under which the box is reached from outside its machine
	problem string          // with the set-up file, shown on the screen
	setup   string          // the set-up file that was named, "" if none was
}

// openMachine returns it with the networks that are trusted on top of what is
// set up: loopback in development, QEMU's gateway where dev.json says so.
func openMachine(dev bool) (*machine, []netip.Prefix, error) {
	if dev {
		return &machine{}, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, nil
	}
	m := &machine{pid1: control.NewClient(control.SocketPath)}
	text, err := readFile(devFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var extra struct {
		TrustedNetworks []netip.Prefix `json:"trusted_networks"`
		Addresses       []netip.Addr   `json:"addresses"`
	}
	if err := json.Unmarshal(text, &extra); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", devFile, err)
	}
	m.also = extra.Addresses
	return m, extra.TrustedNetworks, nil
}

// setupDocument is the set-up file's text; nil when there is none. On a box that
// is set up, one that was named and is gone was used and erased: the command may
// stay as it is.
func setupDocument(dev bool, name string, isSetUp bool) ([]byte, error) {
	if name == "" && !dev {
		name = setupFile
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	if name == "" {
		return nil, nil
	}
	text, err := readFile(name)
	if isSetUp && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func readFile(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxFile)
	}
	return os.ReadFile(name)
}

// OnLink are the networks of the interfaces.
func (m *machine) OnLink() ([]netip.Prefix, error) { return netconf.OnLinkPrefixes() }

// Gateways are the default routers.
func (m *machine) Gateways() ([]netip.Addr, error) { return netconf.DefaultGateways() }

// Addresses are the box's own, the most useful first.
func (m *machine) Addresses() []netip.Addr {
	if m.pid1 == nil {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	list, err := netconf.Addresses()
	if err != nil {
		return nil // asked again with the next request
	}
	addrs := slices.Clone(m.also)
	for _, a := range list {
		addrs = append(addrs, a.Prefix.Addr())
	}
	return addrs
}

// Show puts the office's state on the box's screen.
func (m *machine) Show(ctx context.Context, s office.Screen) error {
	if m.pid1 == nil {
		return nil
	}
	problem := m.problem
	if s.ClaimCode == "" {
		problem = "" // set up by the page meanwhile: what was wrong with the file is past
	}
	return m.pid1.PushConsole(ctx, control.ConsoleArgs{
		State: s.State, Hostname: s.Hostname, ClaimCode: s.ClaimCode, Fingerprint: s.Fingerprint, Progress: problem,
	})
}

// refused remembers what was wrong with the set-up file.
func (m *machine) refused(err error) {
	text := "The set-up file was not used: " + err.Error()
	if field, ok := errors.AsType[*setup.FieldError](err); ok {
		text = "The set-up file was not used: " + field.Error()
	}
	m.problem = shorten(text, control.MaxLine)
}

// shorten cuts a text to so many bytes, between characters: the screen refuses
// longer ones, and half a sentence that names the field is better than none.
func shorten(text string, most int) string {
	const more = "…"
	if len(text) <= most {
		return text
	}
	text = text[:most-len(more)]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + more
}

// Keep has PID 1 write down the machine's name and its network.
func (m *machine) Keep(ctx context.Context, box directory.Box) error {
	if m.pid1 == nil {
		return nil
	}
	network, err := networkJSON(box.Network)
	if err != nil {
		return err
	}
	return errors.Join(m.pid1.StoreHostname(ctx, string(box.Hostname)), m.pid1.StoreNetwork(ctx, network))
}

// Settle gives the machine its name and its network.
func (m *machine) Settle(ctx context.Context, box directory.Box) error {
	if m.pid1 == nil {
		return nil
	}
	network, err := networkJSON(box.Network)
	if err != nil {
		return err
	}
	return errors.Join(m.pid1.SetHostname(ctx, string(box.Hostname)), m.pid1.SetNetwork(ctx, network))
}

// Admit tells the packet filter whom to let in.
func (m *machine) Admit(ctx context.Context, a lan.Admission) error {
	if m.pid1 == nil {
		return nil
	}
	policy, err := json.Marshal(filterPolicy(a))
	if err != nil {
		return err
	}
	return m.pid1.SetFirewall(ctx, policy)
}

// filterPolicy is an admission in ports.
func filterPolicy(a lan.Admission) firewall.Policy {
	p := firewall.Policy{SetUp: a.SetUp, Office: a.Office}
	for _, door := range a.Doors {
		p.Doors = append(p.Doors, firewall.Door{Ports: portsOf(door.Service, a.ExtraPort), Networks: door.Networks})
	}
	if a.Paths {
		everybody := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		p.Doors = append(p.Doors, firewall.Door{Ports: []uint16{80, 443}, Networks: everybody})
	}
	return p
}

// portsOf are a service's, as the socket units have them.
func portsOf(s mail.Service, extra uint16) []uint16 {
	switch s {
	case mail.ServiceIMAP:
		return []uint16{143, 993}
	case mail.ServicePOP3:
		return []uint16{110, 995}
	}
	ports := []uint16{465, 587}
	if extra != 0 {
		ports = append(ports, extra)
	}
	return ports
}

// networkJSON is the contract's "network" object.
func networkJSON(n setup.Network) (json.RawMessage, error) {
	object := map[string]any{"mode": n.Mode}
	if n.Mode == setup.NetworkStatic {
		object["address"] = n.Address
		if n.Gateway.IsValid() {
			object["gateway"] = n.Gateway
		}
		if len(n.DNS) > 0 {
			object["dns"] = n.DNS
		}
	}
	return json.Marshal(object)
}

// SetUpBegins tells PID 1.
func (m *machine) SetUpBegins(ctx context.Context) error {
	if m.pid1 == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return inWords(m.pid1.SetupBegin(ctx))
}

// SetUpDone erases the set-up file: the one that was named, else on a box the one
// of the boot partition.
func (m *machine) SetUpDone(ctx context.Context) error {
	if m.setup != "" {
		if err := durable.Erase(m.setup); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil // erased before
	}
	if m.pid1 == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return m.pid1.SetupDone(ctx)
}
