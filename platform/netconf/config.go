package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
)

// Mode says where a box's IPv4 (or static IPv6) address comes from.
type Mode string

const (
	ModeDHCP   Mode = "dhcp"   // every card asks for its own address; the default
	ModeStatic Mode = "static" // one card has the address in Config, the others ask
)

const (
	// maxConfigSize bounds network.json: the longest legal one is below 2 KiB.
	maxConfigSize = 16 << 10
	// maxNameservers is what resolv.conf's readers look at.
	maxNameservers = 3
	// maxTimeServers bounds the list of NTP servers from any one source; four
	// are enough to outvote a liar.
	maxTimeServers = 4
	// maxVLAN is the highest number of a VLAN; 4095 is reserved (IEEE 802.1Q).
	maxVLAN = 4094
	// maxHostLen is the longest DNS name in text form (RFC 1035 §2.3.4).
	maxHostLen = 253
)

// Config is what the admin chose: the "network" object of the set-up file and
// the content of network.json. The zero Config means DHCP on every card.
type Config struct {
	Mode Mode `json:"mode"`
	// Interface names the card that gets the static address. Empty: the first
	// one with a cable, and the address follows the cable to another card.
	Interface string `json:"interface,omitempty"`
	// VLAN is the number that the office's packets carry on the cable (IEEE 802.1Q), 1 to
	// 4094; 0: none. It holds for Interface, or for every card.
	VLAN uint16 `json:"vlan,omitempty"`
	// Address with its prefix length, IPv4 or IPv6, for instance 192.168.1.20/24.
	Address netip.Prefix `json:"address,omitzero"`
	// Gateway of the same family as Address; may be left out.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// Address6 and Gateway6 add a static IPv6 address next to a static IPv4 one.
	Address6 netip.Prefix `json:"address6,omitzero"`
	Gateway6 netip.Addr   `json:"gateway6,omitzero"`
	// DNS servers replace those the network offers; at most three.
	DNS []netip.Addr `json:"dns,omitempty"`
	// DNSTLS is the name in the certificates of those servers: they are asked over TLS (RFC
	// 7858) then, and in no other way.
	DNSTLS string `json:"dns_tls,omitempty"`
	// NTP servers (names or addresses) come before those the network offers.
	NTP []string `json:"ntp,omitempty"`
}

// ConfigError says which field of a [Config] is wrong, in the reader's words.
type ConfigError struct {
	Field  string // as in the JSON: "address", "dns", …; "" for the whole object
	Public string // one sentence for the person who typed it
}

func (e *ConfigError) Error() string {
	if e.Field == "" {
		return "network: " + e.Public
	}
	return "network." + e.Field + ": " + e.Public
}

// rawConfig is Config as it stands in JSON, before each field is understood, so
// that an error can name the field and repeat what was typed.
type rawConfig struct {
	Mode      string   `json:"mode"`
	Interface string   `json:"interface"`
	VLAN      int      `json:"vlan"`
	Address   string   `json:"address"`
	Gateway   string   `json:"gateway"`
	Address6  string   `json:"address6"`
	Gateway6  string   `json:"gateway6"`
	DNS       []string `json:"dns"`
	DNSTLS    string   `json:"dns_tls"`
	NTP       []string `json:"ntp"`
}

// ParseConfig reads the JSON of a "network" object, at most 16 KiB of it.
// Unknown fields, and anything that could not work, are refused as a whole with
// a *[ConfigError].
func ParseConfig(data []byte) (Config, error) {
	if len(data) > maxConfigSize {
		return Config{}, &ConfigError{"", "The network settings are too long."}
	}
	var raw rawConfig
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return Config{}, jsonError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Config{}, &ConfigError{"", "There is something behind the end of the network settings."}
	}
	return raw.config()
}

// ReadConfig reads network.json. A file that does not exist is the zero Config.
func ReadConfig(name string) (Config, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{Mode: ModeDHCP}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("read network settings: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("read network settings: %w", err)
	}
	return ParseConfig(data)
}

func jsonError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &ConfigError{wrong.Field, fmt.Sprintf("This should not be a %s.", wrong.Value)}
	}
	// encoding/json has no type for this one; its text names the field.
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		name = strings.Trim(name, `"`)
		return &ConfigError{name, "The box does not know this setting."}
	}
	return &ConfigError{"", "The network settings are not valid JSON."}
}

func (raw rawConfig) config() (Config, error) {
	c := Config{Mode: Mode(raw.Mode), Interface: raw.Interface}
	if c.Mode == "" {
		c.Mode = ModeDHCP
	}
	var err error
	switch c.Mode {
	case ModeDHCP:
		if raw.Address != "" || raw.Gateway != "" || raw.Address6 != "" || raw.Gateway6 != "" {
			return Config{}, &ConfigError{"address", `An address can only be given with "mode": "static".`}
		}
	case ModeStatic:
		if err = raw.addresses(&c); err != nil {
			return Config{}, err
		}
	default:
		return Config{}, &ConfigError{"mode", fmt.Sprintf(`%q is not known: use "dhcp" or "static".`, clip(raw.Mode))}
	}
	if !validInterface(c.Interface) {
		return Config{}, &ConfigError{"interface", fmt.Sprintf("%q can't be the name of a network card.", clip(c.Interface))}
	}
	if raw.VLAN < 0 || raw.VLAN > maxVLAN {
		return Config{}, &ConfigError{"vlan", fmt.Sprintf("%d is not the number of a VLAN: it is from 1 to %d.", raw.VLAN, maxVLAN)}
	}
	c.VLAN = uint16(raw.VLAN)
	if c.DNS, err = parseDNS(raw.DNS); err != nil {
		return Config{}, err
	}
	if raw.DNSTLS != "" {
		switch {
		case !validHost(raw.DNSTLS):
			return Config{}, &ConfigError{"dns_tls", fmt.Sprintf("%q is not the name of a DNS server, as it stands in its certificate.", clip(raw.DNSTLS))}
		case len(c.DNS) == 0:
			return Config{}, &ConfigError{"dns_tls", "DNS over TLS needs the addresses of the servers too."}
		}
	}
	c.DNSTLS = raw.DNSTLS
	if c.NTP, err = parseNTP(raw.NTP); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (raw rawConfig) addresses(c *Config) error {
	var err error
	if c.Address, err = parseStatic("address", raw.Address); err != nil {
		return err
	}
	if c.Gateway, err = parseGateway("gateway", raw.Gateway, c.Address); err != nil {
		return err
	}
	if raw.Address6 == "" && raw.Gateway6 == "" {
		return nil
	}
	if c.Address.Addr().Is6() {
		return &ConfigError{"address6", "The first address is an IPv6 address already."}
	}
	if c.Address6, err = parseStatic("address6", raw.Address6); err != nil {
		return err
	}
	if c.Address6.Addr().Is4() {
		return &ConfigError{"address6", fmt.Sprintf("%s is not an IPv6 address.", c.Address6.Addr())}
	}
	c.Gateway6, err = parseGateway("gateway6", raw.Gateway6, c.Address6)
	return err
}

func parseStatic(field, text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, &ConfigError{field, "A static network needs an address, for instance 192.168.1.20/24."}
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return netip.Prefix{}, &ConfigError{field, fmt.Sprintf("%s lacks the length of the network, for instance /24.", clip(text))}
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, &ConfigError{field, fmt.Sprintf("%q is not an address like 192.168.1.20/24.", clip(text))}
	}
	if !usableHost(p) {
		return netip.Prefix{}, &ConfigError{field, fmt.Sprintf("%s can't be the address of a computer.", p)}
	}
	return p, nil
}

func parseGateway(field, text string, own netip.Prefix) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	gw, err := netip.ParseAddr(text)
	if err != nil || gw.Is4In6() || gw.Zone() != "" {
		return netip.Addr{}, &ConfigError{field, fmt.Sprintf("%q is not an address like 192.168.1.1.", clip(text))}
	}
	switch {
	case gw.Is4() != own.Addr().Is4():
		return netip.Addr{}, &ConfigError{field, "The gateway and the address must both be IPv4 or both be IPv6."}
	case gw == own.Addr():
		return netip.Addr{}, &ConfigError{field, "The gateway is the router's address, not the box's own."}
	case gw.Is6() && gw.IsLinkLocalUnicast(): // always reachable, whatever the prefix
	case !own.Contains(gw):
		return netip.Addr{}, &ConfigError{field, fmt.Sprintf("%s is not in the network %s.", gw, own.Masked())}
	}
	return gw, nil
}

func parseDNS(texts []string) ([]netip.Addr, error) {
	if len(texts) > maxNameservers {
		return nil, &ConfigError{"dns", "At most three DNS servers can be given."}
	}
	var list []netip.Addr
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil || !usableServer(a) {
			return nil, &ConfigError{"dns", fmt.Sprintf("%q is not the address of a DNS server.", clip(text))}
		}
		list = append(list, a)
	}
	return list, nil
}

func parseNTP(texts []string) ([]string, error) {
	if len(texts) > maxTimeServers {
		return nil, &ConfigError{"ntp", "At most four time servers can be given."}
	}
	for _, text := range texts {
		if !validHost(text) {
			return nil, &ConfigError{"ntp", fmt.Sprintf("%q is not the name of a time server.", clip(text))}
		}
	}
	return texts, nil
}

// validHost allows an address or a DNS name of letters, digits, dots, hyphens.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > maxHostLen || s[0] == '-' || s[0] == '.' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) < 0
}

// validInterface keeps to names the kernel accepts (15 bytes), and to
// characters that can stand in a path below /sys and /proc.
func validInterface(s string) bool {
	return len(s) <= 15 && !strings.ContainsAny(s, "/. \t\r\n:%") && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// usableHost reports whether p's address can belong to one computer: unicast,
// not loopback, neither first (network) nor last (broadcast) of an IPv4 net.
func usableHost(p netip.Prefix) bool {
	a := p.Addr()
	if !usableServer(a) || a.Zone() != "" || p.Bits() == 0 {
		return false
	}
	if !a.Is4() || p.Bits() >= 31 { // RFC 3021: a /31 has two usable addresses
		return true
	}
	return a != p.Masked().Addr() && a != lastAddr(p)
}

// usableServer reports whether a can be talked to: unicast, not loopback, not
// the unspecified or limited broadcast address, not 0/8 or 240/4.
func usableServer(a netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6() {
		return false
	}
	if a.Is4() {
		first := a.As4()[0]
		return first != 0 && first < 240
	}
	return true
}

// lastAddr is the broadcast address of an IPv4 prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// clip shortens what somebody typed before it is repeated in a message.
func clip(s string) string {
	const most = 60 // one line of a message
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
