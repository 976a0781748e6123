package netconf

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// maxStatusSize bounds what a reader of the status file takes in; eight cards
// with ten addresses each make 8 KiB.
const maxStatusSize = 64 << 10

// Source says where a card's main address came from.
type Source string

const (
	SourceNone      Source = ""
	SourceDHCP      Source = "dhcp"
	SourceStatic    Source = "static"
	SourceLinkLocal Source = "link-local" // nobody gave us an address
	SourceRouter    Source = "router"     // IPv6 only, from a router advertisement
)

// Status is how the network stands; netd writes it to status.json in its run
// directory at every change.
type Status struct {
	Cards []Card `json:"cards"`
	// DNS is what resolv.conf says.
	DNS []netip.Addr `json:"dns"`
	// NTP is the time servers the admin or the network named, best first.
	NTP []string `json:"ntp"`
	// Name is the name answered by mDNS, "mailbox.local"; empty while it is
	// being tried out. Filled in by cmd/netd.
	Name string `json:"name,omitempty"`
}

// Card is one wired network card.
type Card struct {
	Name      string         `json:"name"`
	MAC       string         `json:"mac"`
	Cable     bool           `json:"cable"`
	SpeedMbit int            `json:"speed_mbit,omitempty"` // 0: the card doesn't say
	Source    Source         `json:"source"`
	Addresses []netip.Prefix `json:"addresses"` // without IPv6 link-local ones
	Gateway   netip.Addr     `json:"gateway,omitzero"`
	// Problem is one sentence for the reader, or empty.
	Problem string `json:"problem,omitempty"`

	index int
}

// Index is the kernel's number of the card. It is known in the process that runs
// the manager only, not after [ReadStatus].
func (c Card) Index() int { return c.index }

// ReadStatus reads what netd wrote last, from /run/netd/status.json.
func ReadStatus(name string) (Status, error) {
	f, err := os.Open(name)
	if err != nil {
		return Status{}, fmt.Errorf("read network status: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStatusSize+1))
	if err != nil {
		return Status{}, fmt.Errorf("read network status: %w", err)
	}
	if len(b) > maxStatusSize {
		return Status{}, fmt.Errorf("read network status: more than %d bytes", maxStatusSize)
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, fmt.Errorf("read network status: %w", err)
	}
	return s, nil
}

// Lines describes every card in one line, for the console:
// "eth0  1 Gbit/s, DHCP, 192.168.1.20".
func (s Status) Lines() []string {
	var lines []string
	for _, c := range s.Cards {
		lines = append(lines, c.Name+"  "+c.describe())
	}
	return lines
}

// Problems lists what a person should look at, in sentences; none when all is
// well. A card without a cable is a problem only when no card has one.
func (s Status) Problems() []string {
	if len(s.Cards) == 0 {
		return []string{"No network card was found. Plug in a USB network adapter, or put in another card."}
	}
	var list []string
	cable := false
	for _, c := range s.Cards {
		cable = cable || c.Cable
		if c.Problem != "" {
			list = append(list, c.Problem)
		}
	}
	if !cable {
		return []string{"No network cable is plugged in. Plug one into the box and into your switch or router."}
	}
	return list
}

func (c Card) describe() string {
	if !c.Cable {
		return "no cable"
	}
	parts := []string{"up"}
	if c.SpeedMbit > 0 {
		parts = []string{formatSpeed(c.SpeedMbit)}
	}
	if name := c.Source.String(); name != "" {
		parts = append(parts, name)
	}
	if len(c.Addresses) == 0 {
		parts = append(parts, "waiting for an address")
	} else {
		parts = append(parts, c.Addresses[0].Addr().String())
	}
	return strings.Join(parts, ", ")
}

func (s Source) String() string {
	switch s {
	case SourceDHCP:
		return "DHCP"
	case SourceStatic:
		return "fixed"
	case SourceLinkLocal:
		return "no DHCP server"
	case SourceRouter:
		return "IPv6"
	}
	return ""
}

// summary is the one line for the supervisor.
func (s Status) summary() string {
	if p := s.Problems(); len(p) > 0 {
		return p[0]
	}
	return strings.Join(s.Lines(), "; ")
}

func formatSpeed(mbit int) string {
	switch {
	case mbit >= 1000 && mbit%1000 == 0:
		return fmt.Sprintf("%d Gbit/s", mbit/1000)
	case mbit >= 1000:
		return fmt.Sprintf("%.1f Gbit/s", float64(mbit)/1000)
	default:
		return fmt.Sprintf("%d Mbit/s", mbit)
	}
}
