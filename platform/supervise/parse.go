package supervise

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// maxUnitFile bounds a unit file in bytes: they are written by hand, and the
// largest has some fifty lines.
const maxUnitFile = 64 << 10

// UnitError names the place of a mistake in a unit file.
type UnitError struct {
	File      UnitName
	Section   string // "" when the file as a whole is wrong
	Directive string // "" when the section is
	Err       error
}

func (e *UnitError) Error() string {
	where := string(e.File)
	if e.Section != "" {
		where += " [" + e.Section + "]"
	}
	if e.Directive != "" {
		where += " " + e.Directive + "="
	}
	return fmt.Sprintf("%s: %v", where, e.Err)
}

// Unwrap returns what is wrong at that place.
func (e *UnitError) Unwrap() error { return e.Err }

// ErrUnknown is in the chain of a UnitError for a section or directive that
// the supervisor does not implement. Silently ignoring one could mean running
// a service with more rights than its file says.
var ErrUnknown = errors.New("not known to this supervisor")

// setter applies one directive's value.
type setter func(value string) error

// readUnit reads a unit file and hands each directive to its setter.
// table maps "Section.Directive".
func readUnit(name UnitName, r io.Reader, table map[string]setter) error {
	limited := &io.LimitedReader{R: r, N: maxUnitFile + 1}
	sections, err := unit.DeserializeSections(limited)
	if err != nil {
		return &UnitError{File: name, Err: err}
	}
	if limited.N <= 0 {
		return &UnitError{File: name, Err: fmt.Errorf("larger than %d bytes", maxUnitFile)}
	}
	if len(sections) == 0 {
		return &UnitError{File: name, Err: errors.New("has no section")}
	}
	for _, s := range sections {
		if !knowsSection(table, s.Section) {
			return &UnitError{File: name, Section: s.Section, Err: ErrUnknown}
		}
		for _, e := range s.Entries {
			set := table[s.Section+"."+e.Name]
			if set == nil {
				return &UnitError{File: name, Section: s.Section, Directive: e.Name, Err: ErrUnknown}
			}
			if err := set(e.Value); err != nil {
				return &UnitError{File: name, Section: s.Section, Directive: e.Name, Err: err}
			}
		}
	}
	return nil
}

func knowsSection(table map[string]setter, section string) bool {
	for key := range table {
		if strings.HasPrefix(key, section+".") {
			return true
		}
	}
	return false
}

// The helpers below turn a destination into a setter.

func text(dst *string) setter {
	return func(v string) error { *dst = v; return nil }
}

func into[T any](dst *T, parse func(string) (T, error)) setter {
	return func(v string) error {
		x, err := parse(v)
		if err != nil {
			return err
		}
		*dst = x
		return nil
	}
}

// add collects words over several lines, as systemd's list directives do.
func add(dst *[]string) setter {
	return func(v string) error {
		words, err := parseWords(v)
		if err != nil {
			return err
		}
		*dst = append(*dst, words...)
		return nil
	}
}

// only accepts a directive whose other values would ask for something that is
// not offered; it is there for the real systemd's sake.
func only(values ...string) setter {
	return func(v string) error {
		for _, want := range values {
			if v == want {
				return nil
			}
		}
		return fmt.Errorf("%q is not offered (only %s)", v, strings.Join(values, ", "))
	}
}

// choose maps a closed list of words to values.
func choose[T any](dst *T, words map[string]T) setter {
	return func(v string) error {
		x, ok := words[v]
		if !ok {
			return fmt.Errorf("%q is not offered", v)
		}
		*dst = x
		return nil
	}
}

func parseService(name UnitName, r io.Reader) (Service, error) {
	s := Service{
		Name:         name,
		RestartDelay: defaultRestartDelay,
		StartTimeout: defaultStartTimeout,
		StopTimeout:  defaultStopTimeout,
		KillAll:      true,
	}
	s.Confine.Bounding = allCapabilities
	s.Confine.UMask = defaultUMask
	s.Confine.RuntimeMode = defaultRuntimeMode
	if err := readUnit(name, r, serviceTable(&s)); err != nil {
		return Service{}, err
	}
	if len(s.Exec) == 0 {
		return Service{}, &UnitError{File: name, Section: "Service", Directive: "ExecStart", Err: errors.New("missing")}
	}
	if extra := s.Confine.Ambient &^ s.Confine.Bounding; extra != 0 {
		return Service{}, &UnitError{File: name, Section: "Service", Directive: "AmbientCapabilities",
			Err: errors.New("asks for more than CapabilityBoundingSet= leaves")}
	}
	return s, checkLayers(&s)
}

// checkLayers refuses a unit whose layers would not hold each other up.
func checkLayers(s *Service) error {
	c := &s.Confine
	wrong := func(directive, why string) error {
		return &UnitError{File: s.Name, Section: "Service", Directive: directive, Err: errors.New(why)}
	}
	switch calls := c.Calls; {
	case len(calls.Allow) == 0 && (len(calls.Families) > 0 || calls.Namespaces || calls.NoNewCode):
		return wrong("SystemCallFilter", "missing; what restricts single calls is part of it")
	case len(calls.Allow) > 0 && !slices.Contains(calls.Allow, "execve"):
		return wrong("SystemCallFilter", "lacks execve, without which the service cannot be started")
	case len(calls.Allow) > 0 && !c.NoNewPrivileges, c.Paths.Limited() && !c.NoNewPrivileges:
		return wrong("NoNewPrivileges", "must be yes with SystemCallFilter= or paths")
	case c.Paths.Limited() && !slices.Contains(c.Paths.Exec, s.Exec[0]):
		return wrong("ExecPaths", "lacks the program of ExecStart=")
	}
	return nil
}

// serviceTable is the fixed list of what may stand in a *.service file.
func serviceTable(s *Service) map[string]setter {
	c := &s.Confine
	return map[string]setter{
		"Unit.Description":                 text(&s.Description),
		"Unit.Documentation":               func(string) error { return nil },
		"Unit.After":                       addNames(&s.After),
		"Unit.StartLimitIntervalSec":       only("0"), // never given up: degraded is a state, not an end
		"Service.Type":                     choose(&s.Notify, map[string]bool{"notify": true, "exec": false, "simple": false}),
		"Service.NotifyAccess":             only("main"),
		"Service.ExecStart":                once(into(&s.Exec, parseCommand)),
		"Service.WorkingDirectory":         into(&s.WorkingDirectory, parsePath),
		"Service.Environment":              add(&s.Environment),
		"Service.User":                     into(&c.User, parseAccount),
		"Service.Group":                    into(&c.Group, parseAccount),
		"Service.SupplementaryGroups":      add(&c.SupplementaryGroups),
		"Service.AmbientCapabilities":      once(into(&c.Ambient, parseCapabilities)),
		"Service.CapabilityBoundingSet":    once(into(&c.Bounding, parseCapabilities)),
		"Service.NoNewPrivileges":          into(&c.NoNewPrivileges, parseBool),
		"Service.UMask":                    into(&c.UMask, func(v string) (int, error) { n, err := parseOctal(v); return int(n), err }),
		"Service.LimitNOFILE":              into(&c.LimitNOFILE, func(v string) (uint64, error) { n, err := parseNumber(v, 16, 1<<20); return uint64(n), err }),
		"Service.LimitCORE":                into(&c.LimitCORE, func(v string) (*uint64, error) { n, err := parseNumber(v, 0, 1<<40); u := uint64(n); return &u, err }),
		"Service.MemoryMax":                into(&c.Memory, parseMemory),
		"Service.TasksMax":                 into(&c.TasksMax, func(v string) (int64, error) { return parseNumber(v, 1, 1<<22) }),
		"Service.RuntimeDirectory":         into(&c.RuntimeDirectory, parseRunName),
		"Service.RuntimeDirectoryMode":     into(&c.RuntimeMode, parseOctal),
		"Service.ProtectSystem":            only("strict"), // on the box the image is read-only for everybody
		"Service.ReadOnlyPaths":            addPaths(&c.Paths.Read),
		"Service.ReadWritePaths":           addPaths(&c.Paths.Write),
		"Service.InaccessiblePaths":        addPaths(&c.Paths.Hidden),
		"Service.NoExecPaths":              only("/"),
		"Service.ExecPaths":                addPaths(&c.Paths.Exec),
		"Service.PrivateDevices":           into(&c.Paths.Devices, parseBool),
		"Service.SystemCallFilter":         parseCalls(&c.Calls.Allow),
		"Service.SystemCallArchitectures":  only("native"),
		"Service.SystemCallErrorNumber":    only("EPERM"),
		"Service.RestrictAddressFamilies":  once(into(&c.Calls.Families, parseFamilies)),
		"Service.RestrictNamespaces":       into(&c.Calls.Namespaces, parseBool),
		"Service.MemoryDenyWriteExecute":   into(&c.Calls.NoNewCode, parseBool),
		"Service.Restart":                  choose(&s.Restart, map[string]RestartPolicy{"no": RestartNo, "on-failure": RestartOnFailure, "always": RestartAlways}),
		"Service.RestartSec":               into(&s.RestartDelay, parseSpan),
		"Service.RestartPreventExitStatus": addExits(&s.RestartPreventExits),
		"Service.WatchdogSec":              into(&s.WatchdogEvery, parseSpan),
		"Service.TimeoutStartSec":          into(&s.StartTimeout, parseSpan),
		"Service.TimeoutStopSec":           into(&s.StopTimeout, parseSpan),
		"Service.KillMode":                 choose(&s.KillAll, map[string]bool{"control-group": true, "mixed": false}),
		"Service.Sockets":                  addNames(&s.Borrows),
		"Install.WantedBy":                 wanted(s),
		"Install.RequiredBy":               required(&s.Required),
	}
}

// once refuses a second line, which systemd would take as a second command.
func once(set setter) setter {
	seen := false
	return func(v string) error {
		if seen {
			return errors.New("stands here twice")
		}
		seen = true
		return set(v)
	}
}

// wanted reads when a service runs: in ordinary times, in a rescue, or in both.
func wanted(s *Service) setter {
	return func(v string) error {
		ordinary := false
		for target := range strings.FieldsSeq(v) {
			switch target {
			case "multi-user.target":
				ordinary = true
			case "rescue.target":
				s.Rescue = true
			default:
				return fmt.Errorf("%q is not offered (only multi-user.target, rescue.target)", target)
			}
		}
		s.RescueOnly = s.Rescue && !ordinary
		return nil
	}
}

func required(dst *bool) setter {
	check := only("multi-user.target")
	return func(v string) error {
		*dst = true
		return check(v)
	}
}

func addNames(dst *[]UnitName) setter {
	return func(v string) error {
		var words []string
		if err := add(&words)(v); err != nil {
			return err
		}
		for _, w := range words {
			*dst = append(*dst, UnitName(w))
		}
		return nil
	}
}

func addExits(dst *[]int) setter {
	return func(v string) error {
		for f := range strings.FieldsSeq(v) {
			n, err := parseNumber(f, 1, 255)
			if err != nil {
				return err
			}
			*dst = append(*dst, int(n))
		}
		return nil
	}
}

// addPaths collects clean absolute paths over several lines.
func addPaths(dst *[]string) setter {
	return func(v string) error {
		words, err := parseWords(v)
		if err != nil {
			return err
		}
		for _, w := range words {
			if _, err := parsePath(w); err != nil {
				return err
			}
		}
		*dst = append(*dst, words...)
		return nil
	}
}

// parseAccount reads a user or group name as useradd(8) allows them; numbers
// are refused because the name is what the image's account list knows.
func parseAccount(v string) (string, error) {
	if v == "" || len(v) > 31 || strings.Trim(v, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || v[0] < 'a' || v[0] > 'z' {
		return "", fmt.Errorf("%q is not an account name", v)
	}
	return v, nil
}

// parseRunName reads a single directory name below /run.
func parseRunName(v string) (string, error) {
	if v == "" || v != path.Base(v) || v[0] == '.' || strings.Trim(v, plainWord) != "" {
		return "", fmt.Errorf("%q is not one directory name", v)
	}
	return v, nil
}

func parsePath(v string) (string, error) {
	if !path.IsAbs(v) || path.Clean(v) != v {
		return "", fmt.Errorf("%q is not a clean absolute path", v)
	}
	return v, nil
}

func parseSocket(name UnitName, r io.Reader) (Socket, error) {
	s := Socket{Name: name, Backlog: defaultBacklog}
	err := readUnit(name, r, map[string]setter{
		"Unit.Description":          func(string) error { return nil },
		"Unit.Documentation":        func(string) error { return nil },
		"Socket.ListenStream":       once(into(&s.Address, parseListen)),
		"Socket.FileDescriptorName": into(&s.FDName, parseFDName),
		"Socket.Backlog":            into(&s.Backlog, func(v string) (int, error) { n, err := parseNumber(v, 1, 65535); return int(n), err }),
		"Socket.BindIPv6Only":       choose(&s.V6Only, map[string]bool{"both": false, "ipv6-only": true}),
		"Socket.NoDelay":            into(&s.NoDelay, parseBool),
		"Socket.KeepAlive":          into(&s.KeepAlive, parseBool),
		"Socket.Accept":             only("no"),
		"Socket.Service":            func(v string) error { s.Service = UnitName(v); return nil },
		"Install.WantedBy":          only("sockets.target"),
	})
	if err != nil {
		return Socket{}, err
	}
	missing := map[string]bool{"ListenStream": s.Address == "", "FileDescriptorName": s.FDName == "", "Service": s.Service == ""}
	for _, directive := range []string{"ListenStream", "FileDescriptorName", "Service"} {
		if missing[directive] {
			return Socket{}, &UnitError{File: name, Section: "Socket", Directive: directive, Err: errors.New("missing")}
		}
	}
	return s, nil
}

// parseListen reads ListenStream=: a port (all addresses) or IP:port.
func parseListen(v string) (string, error) {
	if _, err := strconv.Atoi(v); err == nil {
		v = "[::]:" + v
	}
	ap, err := netip.ParseAddrPort(v)
	if err != nil || ap.Port() == 0 || ap.Addr().Zone() != "" {
		return "", fmt.Errorf("%q is neither a port nor an IP address with a port", v)
	}
	return net.JoinHostPort(ap.Addr().String(), strconv.Itoa(int(ap.Port()))), nil
}

// parseFDName reads FileDescriptorName=; sd_listen_fds_with_names(3) separates
// names with colons, so none may hold one.
func parseFDName(v string) (string, error) {
	if v == "" || len(v) > 255 || strings.Trim(v, strings.ReplaceAll(plainWord, ":", "")) != "" {
		return "", fmt.Errorf("%q is not a file descriptor name", v)
	}
	return v, nil
}
