package firewall

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
)

// What bounds a policy. Nobody needs a tenth of it.
const (
	maxPolicySize = 64 << 10
	maxNetworks   = 256
	maxPorts      = 16 // that one service has
)

// Policy is what the administrator lets in, beside the office's own networks. The zero
// Policy is that of a box that is not set up: only the networks in which it stands, and
// port 25.
type Policy struct {
	// SetUp ends that the routers themselves count as the office's.
	SetUp bool `json:"set_up"`
	// Office are networks elsewhere that are the office's too.
	Office []netip.Prefix `json:"office,omitempty"`
	// Doors let further networks use single ports; the whole world is 0.0.0.0/0 and ::/0.
	Doors []Door `json:"doors,omitempty"`
}

// Door lets networks use ports, over TCP.
type Door struct {
	Ports    []uint16       `json:"ports"`
	Networks []netip.Prefix `json:"networks"`
}

// Parse reads a policy. Everything about it that could not be made rules is refused as a
// whole; the error says what.
func Parse(data []byte) (Policy, error) {
	var p Policy
	if len(data) > maxPolicySize {
		return p, fmt.Errorf("firewall: the policy has more than %d bytes", maxPolicySize)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("firewall: read the policy: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Policy{}, errors.New("firewall: there is something behind the policy")
	}
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// Read reads the policy from a file. One that does not exist is the zero Policy.
func Read(name string) (Policy, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Policy{}, nil
	}
	if err != nil {
		return Policy{}, fmt.Errorf("firewall: read the policy: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPolicySize+1))
	if err != nil {
		return Policy{}, fmt.Errorf("firewall: read the policy: %w", err)
	}
	return Parse(data)
}

func (p *Policy) check() error {
	n := len(p.Office)
	all := slices.Clone(p.Office)
	for _, d := range p.Doors {
		switch {
		case len(d.Ports) == 0 || slices.Contains(d.Ports, 0):
			return errors.New("firewall: a door has no port")
		case len(d.Ports) > maxPorts:
			return fmt.Errorf("firewall: a door has more than %d ports", maxPorts)
		}
		n += len(d.Networks)
		all = append(all, d.Networks...)
	}
	if n > maxNetworks {
		return fmt.Errorf("firewall: the policy has more than %d networks", maxNetworks)
	}
	for _, network := range all {
		if !network.IsValid() || network.Addr().Is4In6() {
			return fmt.Errorf("firewall: %s is no network", network)
		}
	}
	return nil
}

// Surroundings are where the box stands.
type Surroundings struct {
	OnLink  []netip.Prefix // the networks of its cards
	Routers []netip.Addr
}
