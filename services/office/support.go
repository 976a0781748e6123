package office

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/monitor"
	"github.com/sanduk-mail/sanduk/services/web"
)

// bundleTime bounds the making of a bundle.
const bundleTime = 2 * time.Minute

// SupportFiles lists what a bundle has, before anybody asks for one.
func (m monitors) SupportFiles() (list []web.SupportFile) {
	for _, e := range m.o.supportEntries(context.Background(), nil) {
		list = append(list, web.SupportFile{Name: e.Name, About: e.About})
	}
	return list
}

// WriteSupport writes a bundle.
func (m monitors) WriteSupport(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, bundleTime)
	defer cancel()
	return monitor.WriteBundle(w, m.o.supportEntries(ctx, monitor.NewVeil()), time.Now())
}

// supportEntries are the files of a bundle. What is settings is written field by field,
// so that a new one is not in it until somebody has thought about it.
func (o *Office) supportEntries(ctx context.Context, veil *monitor.Veil) []monitor.Entry {
	veiled := func(write func() (any, error)) func(io.Writer) error {
		return func(w io.Writer) error {
			v, err := write()
			if err != nil {
				v = map[string]string{"not_known": err.Error()}
			}
			text, err := veil.JSON(v)
			if err == nil {
				_, err = io.WriteString(w, text+"\n")
			}
			return err
		}
	}
	entries := []monitor.Entry{
		{Name: "health.json", About: "What the box has found to be wrong, as the page shows it.", Write: veiled(func() (any, error) {
			return doctor{o}.Health(ctx), nil
		})},
		{Name: "settings.json", About: "Names of the office's domains, the number of people, the time zone, which ways mail goes and who watches over the box; no passwords.", Write: veiled(func() (any, error) {
			return o.supportSettings(ctx)
		})},
		{Name: "queue.json", About: "How many messages wait, for which domains.", Write: veiled(func() (any, error) {
			return o.queue.Stats().Counts(), nil
		})},
		{Name: "metrics.txt", About: "All figures, as for Prometheus.", Write: func(w io.Writer) error { return monitor.Write(w, o.figures(ctx)) }},
	}
	if o.options.Watcher == nil {
		return entries
	}
	return append(entries,
		monitor.Entry{Name: "machine.json", About: "What the machine says of itself: version, programs, memory, disk, addresses in the network, updates.", Write: veiled(func() (any, error) {
			v, err := o.options.Watcher.Vitals(ctx)
			return map[string]any{"status": v.Status, "sensors": v.Sensors, "clock": v.Clock}, err
		})},
		monitor.Entry{Name: "log.jsonl", About: fmt.Sprintf("The last lines of the box's log, %d MB at most, with those of the kernel; subjects of mail are left out.", monitor.MaxLog>>20), Write: func(w io.Writer) error {
			return o.writeLog(ctx, w, veil)
		}},
	)
}

// supportSettings are what whoever gives support asks first.
func (o *Office) supportSettings(ctx context.Context) (any, error) {
	people, err := o.directory.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	domains, err := o.directory.Domains(ctx)
	if err != nil {
		return nil, err
	}
	routes, err := o.directory.Routes(ctx)
	if err != nil {
		return nil, err
	}
	type way struct {
		Domain, Way, Host string
		Port              uint16
		TLS               string
		LogIn             bool
	}
	var ways []way
	for _, r := range routes {
		ways = append(ways, way{r.Domain, string(r.Way), r.Host, r.Port, string(r.TLS), r.User != ""})
	}
	var names []string
	for _, d := range domains {
		names = append(names, d.Name)
	}
	watched := o.monitor.Settings()
	collector := ""
	if watched.Syslog != nil {
		collector = string(watched.Syslog.Transport) + " " + watched.Syslog.Address()
	}
	return map[string]any{
		"version": o.options.Version, "hostname": o.hostname(), "timezone": o.zone().String(), "domains": names, "people": len(people), "routes": ways,
		"log_goes_to": collector, "metrics": watched.MetricsHash != "", "letters": !watched.Silent, "date_known": o.sure(),
	}, nil
}

// writeLog writes the end of the log, veiled.
func (o *Office) writeLog(ctx context.Context, w io.Writer, veil *monitor.Veil) error {
	var at logbook.Position
	back := int64(monitor.MaxLog)
	for written := int64(0); written < monitor.MaxLog; back = 0 {
		page, err := o.options.Watcher.Log(ctx, at, back)
		if err != nil {
			return err
		}
		if len(page.Lines) == 0 {
			return nil
		}
		for _, l := range page.Lines {
			n, err := fmt.Fprintln(w, veil.Line(l))
			if err != nil {
				return err
			}
			written += int64(n)
		}
		at = page.Next
	}
	return nil
}
