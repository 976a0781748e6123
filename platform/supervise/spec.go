package supervise

import (
	"syscall"
	"time"
)

// UnitName is a unit's file name with its suffix: "maild.service".
type UnitName string

// Units is everything LoadUnits found, checked against each other.
type Units struct {
	Services []Service // sorted so that After= of each names only earlier ones
	Sockets  []Socket  // sorted by name
}

// Service is one *.service file: what is to run, and under which rules.
type Service struct {
	Name        UnitName
	Description string
	After       []UnitName // services that must have been tried first
	Required    bool       // RequiredBy=: the box is not "ready" without it
	Rescue      bool       // WantedBy=rescue.target: runs when the box can't use its disk
	RescueOnly  bool       // and at no other time
	Borrows     []UnitName // Sockets=: sockets of other services that are handed to it in a rescue

	Exec             []string // absolute path and arguments
	WorkingDirectory string   // "" is "/"
	Environment      []string // KEY=value
	Notify           bool     // Type=notify: ready when it says READY=1

	Restart             RestartPolicy
	RestartDelay        time.Duration // first pause; doubles up to MaxRestartDelay
	RestartPreventExits []int         // exit codes that mean "do not start me again"
	WatchdogEvery       time.Duration // 0: none; killed when silent for longer
	StartTimeout        time.Duration // 0: none
	StopTimeout         time.Duration // SIGTERM to SIGKILL
	KillAll             bool          // KillMode=control-group: SIGTERM goes to every process, not the main one only

	Confine Confinement
}

// Confinement is what the child gives up before it becomes the service.
type Confinement struct {
	User                string // "": stays root
	Group               string // "": the user's own
	SupplementaryGroups []string
	Ambient             Capabilities
	Bounding            Capabilities
	NoNewPrivileges     bool
	UMask               int
	LimitNOFILE         uint64 // 0: inherited
	LimitCORE           *uint64
	Memory              MemoryLimit
	TasksMax            int64  // 0: none
	RuntimeDirectory    string // one name below /run, "" none
	RuntimeMode         uint32 // permission bits of RuntimeDirectory
	Paths               Paths
	Calls               Calls
}

// MemoryLimit is MemoryMax=: bytes, or a share of the machine's memory.
// The zero value is no limit.
type MemoryLimit struct {
	Bytes   int64
	Percent int // 1..100; only when Bytes is 0
}

// Of returns the limit in bytes on a machine with total bytes, 0 for none.
func (m MemoryLimit) Of(total int64) int64 {
	if m.Percent > 0 {
		return total / 100 * int64(m.Percent)
	}
	return m.Bytes
}

// Socket is one *.socket file: a listening TCP socket that PID 1 opens and
// keeps, so that connections wait in its backlog while the service restarts.
type Socket struct {
	Name      UnitName
	FDName    string // FileDescriptorName=: what the service knows it by
	Address   string // host:port; the host is empty or an IP address
	Backlog   int
	V6Only    bool
	NoDelay   bool
	KeepAlive bool
	Service   UnitName
}

// RestartPolicy is Restart=.
type RestartPolicy int

// The policies the supervisor knows.
const (
	RestartNo        RestartPolicy = iota // once
	RestartOnFailure                      // after a bad exit, a signal, a timeout
	RestartAlways                         // whatever happened
)

// Defaults, as in systemd-system.conf(5) where that has one.
const (
	defaultStartTimeout = 90 * time.Second
	defaultStopTimeout  = 90 * time.Second
	defaultRestartDelay = time.Second // systemd has 100 ms; too hectic for a disk that is in trouble
	defaultBacklog      = 1024
	defaultUMask        = 0o022
	defaultRuntimeMode  = 0o755
)

// stopSignal asks a service to finish.
const stopSignal = syscall.SIGTERM
