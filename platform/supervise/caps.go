package supervise

import (
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/sys/unix"
)

// Capabilities is a set of Linux capabilities; bit n is capability n.
type Capabilities uint64

// allCapabilities is every capability of this kernel generation
// (CAP_CHECKPOINT_RESTORE is the last). Dropping one that the running kernel
// does not know is skipped, see dropBounding.
const allCapabilities Capabilities = 1<<(unix.CAP_CHECKPOINT_RESTORE+1) - 1

// Has says whether capability c (a unix.CAP_ number) is in the set.
func (s Capabilities) Has(c int) bool { return s&(1<<c) != 0 }

// Len is the number of capabilities in the set.
func (s Capabilities) Len() int { return bits.OnesCount64(uint64(s)) }

// capabilityNumber knows the names that may stand in a unit file. It is the
// list of what a service of this box could ever sensibly need: a name outside
// it is refused although the kernel may know it.
func capabilityNumber(name string) (int, bool) {
	switch name {
	case "CAP_CHOWN":
		return unix.CAP_CHOWN, true
	case "CAP_DAC_OVERRIDE":
		return unix.CAP_DAC_OVERRIDE, true
	case "CAP_KILL":
		return unix.CAP_KILL, true
	case "CAP_SETGID":
		return unix.CAP_SETGID, true
	case "CAP_SETUID":
		return unix.CAP_SETUID, true
	case "CAP_NET_ADMIN":
		return unix.CAP_NET_ADMIN, true
	case "CAP_NET_BIND_SERVICE":
		return unix.CAP_NET_BIND_SERVICE, true
	case "CAP_NET_RAW":
		return unix.CAP_NET_RAW, true
	case "CAP_SYS_TIME":
		return unix.CAP_SYS_TIME, true
	case "CAP_SYS_NICE":
		return unix.CAP_SYS_NICE, true
	case "CAP_IPC_LOCK":
		return unix.CAP_IPC_LOCK, true
	}
	return 0, false
}

// parseCapabilities reads a list separated by spaces; empty is the empty set.
func parseCapabilities(value string) (Capabilities, error) {
	var set Capabilities
	for name := range strings.FieldsSeq(value) {
		n, ok := capabilityNumber(name)
		if !ok {
			return 0, fmt.Errorf("unknown capability %q", name)
		}
		set |= 1 << n
	}
	return set, nil
}
