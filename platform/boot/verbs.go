package boot

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/firewall"
	"github.com/sanduk-mail/sanduk/platform/netconf"
	"github.com/sanduk-mail/sanduk/platform/supervise"
)

const networkUnit supervise.UnitName = "netd.service"

// openControl opens the control socket with the machine's verbs.
func (m *Machine) openControl(ctx context.Context) error {
	var mail, any []uint32
	for _, name := range []string{mailAccount, networkAccount} {
		account, err := lookupAccount(name, "", nil)
		if err != nil {
			return err
		}
		if name == mailAccount {
			mail = append(mail, uint32(account.UID))
		}
		any = append(any, uint32(account.UID))
	}
	if m.recovering() {
		return m.listenControl(ctx, m.rescueRules(mail, any))
	}
	return m.listenControl(ctx, map[control.Verb]control.Rule{
		control.VerbStatus:       {Users: any, Handle: m.verbStatus},
		control.VerbNetwork:      {Users: mail, Handle: m.verbNetwork},
		control.VerbKeepNetwork:  {Users: mail, Handle: m.verbKeepNetwork},
		control.VerbNetworkState: {Users: mail, Handle: m.verbNetworkState},
		control.VerbFirewall:     {Users: mail, Handle: m.verbFirewall},
		control.VerbHostname:     {Users: mail, Handle: m.verbHostname},
		control.VerbClock:        {Users: mail, Handle: m.verbClock},
		control.VerbTime:         {Users: any, Handle: m.verbTime},
		control.VerbLog:          {Users: mail, Handle: m.verbLog},
		control.VerbSensors:      {Users: mail, Handle: m.verbSensors},
		control.VerbDiskHealth:   {Users: mail, Handle: m.verbDiskHealth},
		control.VerbDisks:        {Users: mail, Handle: m.verbDisks},
		control.VerbReboot:       {Users: mail, Handle: m.verbEnd(Reboot)},
		control.VerbPowerOff:     {Users: mail, Handle: m.verbEnd(PowerOff)},
		control.VerbConsole:      {Users: mail, Handle: m.verbConsole},
		control.VerbSetupBegin:   {Users: mail, Handle: m.verbSetupBegin},
		control.VerbSetupDone:    {Users: mail, Handle: m.verbSetupDone},
		control.VerbUpdate:       {Users: mail, Handle: m.verbUpdate},
		control.VerbGoBack:       {Users: mail, Handle: m.verbGoBack},
		control.VerbFactoryReset: {Users: mail, Handle: m.verbFactoryReset},
		control.VerbErrand:       {Users: mail, Handle: m.errands.verbNext},
		control.VerbErrandDone:   {Users: mail, Handle: m.errands.verbDone},
		control.VerbVault:        {Users: mail, Handle: m.verbVault},
		control.VerbUnlock:       {Users: mail, Handle: m.verbUnlock},
		control.VerbNewPhrase:    {Users: mail, Handle: m.verbNewPhrase},
		control.VerbKeepPhrase:   {Users: mail, Handle: m.verbKeepPhrase},
		control.VerbEncryptAnew:  {Users: mail, Handle: m.verbEncryptAnew},
		control.VerbPlainAnew:    {Users: mail, Handle: m.verbPlainAnew},
	})
}

// rescueRules are those of a box in recovery: nothing that stops or changes it is done
// without the code.
func (m *Machine) rescueRules(page, any []uint32) map[control.Verb]control.Rule {
	return map[control.Verb]control.Rule{
		control.VerbStatus:    {Users: any, Handle: m.verbStatus},
		control.VerbTime:      {Users: any, Handle: m.verbTime},
		control.VerbConsole:   {Users: page, Handle: m.verbConsole},
		control.VerbRescue:    {Users: page, Handle: m.verbRescue},
		control.VerbRescueAct: {Users: page, Handle: m.verbRescueAct},
	}
}

func (m *Machine) listenControl(ctx context.Context, rules map[control.Verb]control.Rule) error {
	server, err := control.Listen(control.SocketPath, rules, m.log)
	if err != nil {
		return err
	}
	m.spawn(func() {
		if err := server.Serve(ctx); err != nil {
			m.log.Error("control socket ended", "err", err)
		}
	})
	return nil
}

func (m *Machine) verbStatus(context.Context, json.RawMessage) (any, error) {
	s := control.Status{Version: string(m.cfg.Release.Version), UptimeMS: m.uptime().Milliseconds(), Time: time.Now()}
	s.Hostname, _ = os.Hostname() // "" when the kernel does not say
	memory, err := readMemory("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	s.Memory = memory
	if dog := m.dog.Load(); dog != nil {
		s.Watchdog = dog.Name
	}
	if total, free, err := space(dataDir); err == nil && m.boxFS != nil {
		s.Data = &control.Space{Total: total, Free: free}
	}
	addresses, err := netconf.Addresses()
	if err != nil {
		m.log.Warn("addresses unknown", "err", err)
	}
	for _, a := range addresses {
		s.Addresses = append(s.Addresses, a.Prefix.String())
	}
	for _, u := range m.supervisor.Status() {
		s.Units = append(s.Units, control.Unit{
			Name: string(u.Unit), State: string(u.State), Required: u.Required, Degraded: u.Degraded,
			Text: u.Text, LastEnd: u.LastEnd, Starts: u.Starts, Since: u.Since,
			Memory: m.runner.Memory(u.Unit),
		})
	}
	s.Update = m.updates.status()
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Boot, s.SecureBoot = m.phases, m.secure
	switch {
	case m.stopping:
		s.State = "stopping"
	case m.problem != nil:
		s.State, s.Problem = "recovery", m.problem.Text
	case !m.answered:
		s.State = "starting"
	case m.attached.problem() != "":
		s.State, s.Problem = "degraded", m.attached.problem()
	case m.supervisor.Degraded():
		s.State = "degraded"
	default:
		s.State = "running"
	}
	return s, nil
}

// errNoData is for verbs that store something while the data disk is not there.
var errNoData = control.Invalid("the data disk is not in use; restart the box first")

func (m *Machine) verbFirewall(_ context.Context, raw json.RawMessage) (any, error) {
	var args control.FirewallArgs
	if err := control.Strict(raw, &args); err != nil {
		return nil, err
	}
	if _, err := firewall.Parse(args.Policy); err != nil {
		return nil, control.Invalid("%v", err)
	}
	if m.boxFS == nil {
		return nil, errNoData
	}
	if err := durable.ReplaceBytes(m.boxFS, firewallFile, 0o644, args.Policy); err != nil {
		return nil, err
	}
	m.log.Info("what the packet filter lets in changed")
	return nil, m.supervisor.Reload(networkUnit)
}

func (m *Machine) verbHostname(_ context.Context, raw json.RawMessage) (any, error) {
	var args control.HostnameArgs
	if err := control.Strict(raw, &args); err != nil {
		return nil, err
	}
	if err := checkHostname(args.Hostname); err != nil {
		return nil, control.Invalid("hostname: %v", err)
	}
	if m.boxFS == nil {
		return nil, errNoData
	}
	if err := durable.ReplaceBytes(m.boxFS, hostnameFile, 0o644, []byte(args.Hostname+"\n")); err != nil || args.Later {
		return nil, err
	}
	if err := unix.Sethostname([]byte(args.Hostname)); err != nil {
		return nil, err
	}
	m.log.Info("hostname changed", "hostname", args.Hostname)
	return nil, m.supervisor.Reload(networkUnit)
}

// verbClock takes the browser's time, but only while no time server has been
// heard: a person's computer is a worse clock than those.
func (m *Machine) verbClock(_ context.Context, raw json.RawMessage) (any, error) {
	var args control.ClockArgs
	if err := control.Strict(raw, &args); err != nil {
		return nil, err
	}
	if s, err := clock.ReadState(clockState); err == nil && s.Trusted {
		return nil, control.Invalid("the box has the right time from a time server already")
	}
	t := time.UnixMilli(args.UnixMilli)
	if floor, _ := clock.Floor(t, m.cfg.Release.Built, time.Time{}); !floor.Equal(t) {
		return nil, control.Invalid("that cannot be the right time: %s", t.UTC().Format(time.DateTime))
	}
	m.log.Info("clock set by the administrator", "was", time.Now(), "now", t)
	if err := clock.Set(t); err != nil {
		return nil, err
	}
	m.takeTime(clock.SourceAdmin)
	m.writeHardwareClock()
	return nil, nil
}

func (m *Machine) verbDisks(context.Context, json.RawMessage) (any, error) {
	disks, err := system().Disks()
	if err != nil {
		return nil, err
	}
	list := []control.Disk{}
	for _, d := range disks {
		list = append(list, control.Disk{
			Device: d.Name, Model: d.Model, Serial: d.Serial, Bytes: d.Bytes(),
			Own: m.own != nil && m.own.Disk.Name == d.Name,
		})
	}
	return list, nil
}

func (m *Machine) verbEnd(a Action) func(context.Context, json.RawMessage) (any, error) {
	return func(context.Context, json.RawMessage) (any, error) {
		m.request(a, "control socket")
		return nil, nil
	}
}

// maxClaimCode is in bytes.
const maxClaimCode = 100

func (m *Machine) verbConsole(_ context.Context, raw json.RawMessage) (any, error) {
	var args control.ConsoleArgs
	if err := control.Strict(raw, &args); err != nil {
		return nil, err
	}
	for name, line := range map[string]string{"state": args.State, "hostname": args.Hostname, "fingerprint": args.Fingerprint, "progress": args.Progress} {
		if len(line) > control.MaxLine {
			return nil, control.Invalid("%s: longer than %d bytes", name, control.MaxLine)
		}
	}
	if len(args.ClaimCode) > maxClaimCode {
		return nil, control.Invalid("claim_code: longer than %d bytes", maxClaimCode)
	}
	m.mu.Lock()
	m.pushed = args
	m.mu.Unlock()
	m.show()
	return nil, nil
}

// setupFile is used once and then erased: it holds passwords.
const setupFile = "setup.json"

func (m *Machine) verbSetupDone(ctx context.Context, _ json.RawMessage) (any, error) {
	m.espMu.Lock()
	defer m.espMu.Unlock()
	if m.espDevice == "" {
		return nil, nil // started without a boot partition: nothing can stand there
	}
	if err := m.tools.EraseFromESP(ctx, m.espDevice, espDir, setupFile); err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(setupDir, setupFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	m.log.Info("provisioning erased")
	return nil, nil
}
