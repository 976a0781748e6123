package office

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/monitor"
	"github.com/sanduk-mail/sanduk/services/syslog"
	"github.com/sanduk-mail/sanduk/services/web"
)

// Watcher is what the machine tells of itself.
type Watcher interface {
	// Log reads the box's log, see syslog.Source.
	Log(ctx context.Context, after logbook.Position, back int64) (syslog.Page, error)
	// LogBack reads it towards its beginning, see web.BoxLog.
	LogBack(ctx context.Context, before logbook.Position) (syslog.Page, error)
	Vitals(ctx context.Context) (Vitals, error)
	// Disks lists the machine's disks.
	Disks(ctx context.Context) ([]Disk, error)
}

// Vitals is how the machine is. Bytes are 0 where they are not known.
type Vitals struct {
	Uptime                       time.Duration
	MemoryTotal, MemoryAvailable int64
	DiskTotal, DiskFree          int64
	Clock                        string // whom the time was taken from
	Sensors                      []Sensor
	Services                     []Service
	Drive                        Drive
	Status                       json.RawMessage // all that the machine says of itself
}

// Sensor is a thermometer.
type Sensor struct {
	Name              string
	Celsius, Critical float64 // Critical 0: it doesn't say
}

// Drive is what the disk with the mail says of itself. Numbers are -1 where it doesn't
// tell them.
type Drive struct {
	Device, Model, Serial string
	Known                 bool  // it says how it is
	Failing               bool  // it expects to fail soon
	Reallocated           int64 // places that went bad, and were replaced without loss
	Pending               int64 // places that can't be read now
	Errors                int64 // how often it could not do what it should
	Worn                  int   // percent of what it can be written
	Celsius               int
	Hours                 int64
}

// Service is a program of the box.
type Service struct {
	Name     string
	Ready    bool
	Degraded bool // it fails again and again
	Starts   int
	Memory   int64 // bytes
}

const (
	// nearCritical is how many degrees below what it says it bears a part counts as too hot.
	nearCritical = 5
	// vitalsTime bounds how long the machine is asked.
	vitalsTime = 10 * time.Second
)

// vitals asks the machine; ok is false where there is none to ask.
func (o *Office) vitals(ctx context.Context) (v Vitals, ok bool) {
	if o.options.Watcher == nil {
		return v, false
	}
	ctx, cancel := context.WithTimeout(ctx, vitalsTime)
	defer cancel()
	v, err := o.options.Watcher.Vitals(ctx)
	if err != nil {
		o.log.Warn("the machine does not say how it is", "err", err)
	}
	return v, err == nil
}

// machineFindings are what is wrong with the machine and its certificate.
func (o *Office) machineFindings(ctx context.Context) (list []mail.Finding) {
	if v, ok := o.vitals(ctx); ok {
		list = append(list, v.findings()...)
	}
	if o.sure() {
		list = append(list, o.certificateFindings()...)
	}
	return list
}

func (v *Vitals) findings() (list []mail.Finding) {
	for _, s := range v.Sensors {
		if s.Critical > 0 && s.Celsius >= s.Critical-nearCritical {
			list = append(list, mail.Finding{
				What: fmt.Sprintf("The machine is too hot: %s has %.0f °C, and fails at %.0f.", s.Name, s.Celsius, s.Critical),
				ToDo: "Look whether its fan turns and its openings are free.",
			})
		}
	}
	list = append(list, v.Drive.findings()...)
	for _, s := range v.Services {
		if s.Degraded {
			list = append(list, mail.Finding{
				What: fmt.Sprintf("A part of the box (%s) fails again and again. It is started anew each time.", s.Name),
				ToDo: "Restart the box. If that does not help, make a support bundle (boxctl support bundle).",
			})
		}
	}
	return list
}

// openMonitor opens who watches over the box.
func (o *Office) openMonitor() {
	o.monitor = monitor.Open(o.keeping(o.files), o.log)
	o.exporter = syslog.New(o.monitor.Settings().Syslog, syslog.Options{
		Source: o.readLog, Hostname: o.hostname, Place: o.monitor.Place, Keep: o.monitor.Keep, Ready: o.untilSure, Log: o.log.With("protocol", "syslog"),
	})
}

func (o *Office) readLog(ctx context.Context, after logbook.Position, back int64) (syslog.Page, error) {
	if o.options.Watcher == nil {
		return syslog.Page{Next: after}, nil // on a developer's machine nobody keeps one
	}
	return o.options.Watcher.Log(ctx, after, back)
}

// boxLog is the log as the pages show it; nil on a developer's machine.
func (o *Office) boxLog() web.BoxLog {
	if o.options.Watcher == nil {
		return nil
	}
	return o.options.Watcher
}

// monitors is the office as the pages show who watches over it.
type monitors struct{ o *Office }

// Monitoring is what is set, and how it goes.
func (m monitors) Monitoring() web.Monitoring {
	s, state := m.o.monitor.Settings(), m.o.exporter.State()
	return web.Monitoring{Syslog: s.Syslog, Sent: state.Sent, LastSent: state.Last, Problem: state.Problem, Metrics: s.MetricsHash != "", Letters: !s.Silent}
}

func (m monitors) change(change func(*monitor.Settings)) error {
	m.o.monitoring.Lock()
	defer m.o.monitoring.Unlock()
	s := m.o.monitor.Settings()
	change(&s)
	return m.o.monitor.Set(s)
}

// SetSyslog says who gets the log; nil: nobody.
func (m monitors) SetSyslog(t *syslog.Target) error {
	if err := m.change(func(s *monitor.Settings) { s.Syslog = t }); err != nil {
		return err
	}
	m.o.exporter.Set(t)
	return nil
}

// SetLetters says whether administrators get letters about trouble.
func (m monitors) SetLetters(on bool) error {
	return m.change(func(s *monitor.Settings) { s.Silent = !on })
}

// GiveMetrics has figures given for a new token, and for no other any more.
func (m monitors) GiveMetrics() (token string, err error) {
	var secret [20]byte
	rand.Read(secret[:])
	token = "sanduk_" + strings.ToLower(base32.StdEncoding.EncodeToString(secret[:]))
	return token, m.change(func(s *monitor.Settings) { s.MetricsHash = monitor.HashOf(token) })
}

// EndMetrics has no figures given any more.
func (m monitors) EndMetrics() error {
	return m.change(func(s *monitor.Settings) { s.MetricsHash = "" })
}

// AllowsMetrics says whether figures are given for a token.
func (m monitors) AllowsMetrics(token string) bool { return m.o.monitor.Allows(token) }

// WriteMetrics writes the figures.
func (m monitors) WriteMetrics(ctx context.Context, w io.Writer) error {
	return monitor.Write(w, m.o.figures(ctx))
}

// figures are those of the box now. No name of a person or of another domain is in them.
func (o *Office) figures(ctx context.Context) []monitor.Figure {
	counts, h := o.queue.Stats().Counts(), o.upkeep.Health()
	dead := 0
	for _, hop := range counts.Hops {
		if hop.Dead {
			dead++
		}
	}
	list := []monitor.Figure{
		{Name: "sanduk_info", Help: "The version that runs.", Kind: monitor.Gauge, Values: []monitor.Value{{Labels: []string{"version", o.options.Version}, Number: 1}}},
		monitor.Simple("sanduk_maild_uptime_seconds", "Time since the mail service was started.", time.Since(o.started).Seconds()),
		monitor.Simple("sanduk_findings", "What is to be looked at, see boxctl health.", float64(len(o.findings(ctx)))),
		monitor.Simple("sanduk_clock_sure", "Whether the box is sure of the date.", monitor.Flag(o.sure())),
		monitor.Simple("sanduk_read_only", "Whether the disk takes no writes.", monitor.Flag(o.readOnly.Load())),
		monitor.Simple("sanduk_queue_messages", "Messages on their way out.", float64(counts.Messages)),
		monitor.Simple("sanduk_queue_sending", "Messages that are being sent.", float64(counts.Sending)),
		monitor.Simple("sanduk_queue_dead_hops", "Destinations where nobody answers.", float64(dead)),
		monitor.Simple("sanduk_log_bytes", "Size of the log of all mail.", float64(h.Space.Bytes)),
		monitor.Simple("sanduk_log_dead_bytes", "Of these what will be given back.", float64(h.Space.Dead)),
		monitor.Simple("sanduk_damaged_messages", "Messages that can't be read any more.", float64(len(h.Damage))),
	}
	if people, err := o.directory.Accounts(ctx); err == nil {
		list = append(list, monitor.Simple("sanduk_accounts", "People of the office.", float64(len(people))))
	}
	if leaf, err := x509.ParseCertificate(o.certs.Shown(o.hostname())); err == nil {
		list = append(list, monitor.Simple("sanduk_certificate_end_seconds", "When the certificate ends, in Unix time.", float64(leaf.NotAfter.Unix())))
	}
	if v, ok := o.vitals(ctx); ok {
		list = append(list, v.figures()...)
	}
	return append(append(list, o.counted()...), monitor.Process()...)
}

func (v *Vitals) figures() []monitor.Figure {
	heat := monitor.Figure{Name: "sanduk_temperature_celsius", Help: "Temperature by thermometer.", Kind: monitor.Gauge}
	for i, s := range v.Sensors {
		heat.Values = append(heat.Values, monitor.Value{Labels: []string{"sensor", fmt.Sprint(i), "name", s.Name}, Number: s.Celsius})
	}
	ready := monitor.Figure{Name: "sanduk_service_ready", Help: "Whether a part of the box works.", Kind: monitor.Gauge}
	starts := monitor.Figure{Name: "sanduk_service_starts_total", Help: "How often it was started.", Kind: monitor.Counter}
	memory := monitor.Figure{Name: "sanduk_service_memory_bytes", Help: "Memory that it has in use.", Kind: monitor.Gauge}
	for _, s := range v.Services {
		of := []string{"service", s.Name}
		ready.Values = append(ready.Values, monitor.Value{Labels: of, Number: monitor.Flag(s.Ready)})
		starts.Values = append(starts.Values, monitor.Value{Labels: of, Number: float64(s.Starts)})
		memory.Values = append(memory.Values, monitor.Value{Labels: of, Number: float64(s.Memory)})
	}
	list := []monitor.Figure{
		monitor.Simple("sanduk_uptime_seconds", "Time since the box was started.", v.Uptime.Seconds()),
		monitor.Simple("sanduk_memory_bytes", "Memory of the machine.", float64(v.MemoryTotal)),
		monitor.Simple("sanduk_memory_available_bytes", "Of it what is available.", float64(v.MemoryAvailable)),
		heat, ready, starts, memory,
	}
	if v.DiskTotal > 0 {
		list = append(list, monitor.Simple("sanduk_disk_bytes", "Size of the data disk.", float64(v.DiskTotal)),
			monitor.Simple("sanduk_disk_free_bytes", "What is free there.", float64(v.DiskFree)))
	}
	return list
}
