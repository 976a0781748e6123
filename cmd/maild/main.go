// Maild is all mail protocols and the web pages of an office in one process:
// SMTP, IMAP, POP3, HTTPS. On a box PID 1 hands it its sockets and it runs
// without any privilege; with --dev it opens the development ports on loopback
// by itself.
//
//	maild --data DIR
//	maild --dev --data DIR [--setup FILE]
//	maild --rescue
//
// --rescue is for a box that can't use its disk: a page that says so, and words for other
// mail servers (services/rescue).
//
// A box gives it nothing else. Retention, upkeep, segment and indexing are for
// tests, where days have to pass in seconds; so are memory, for a small box, and dns, dns-anchor, mx-port and ca,
// where the world is a small one.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // the box has no zone files

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/office"
)

// Set by the image build (-ldflags "-X main.version=… -X main.built=…").
var (
	version = "development"
	built   string // RFC 3339
)

func main() {
	dev := flag.Bool("dev", false, "serve on the development ports of 127.0.0.1, without PID 1")
	inNeed := flag.Bool("rescue", false, "serve what a box shows that can't use its disk, and nothing else")
	data := flag.String("data", "", "`directory` that holds the office's mail; it is made if it is missing")
	setup := flag.String("setup", "", "`file` with the set-up document, used once, on a box that has not been set up, and then erased")
	var tuning office.Tuning
	flag.DurationVar(&tuning.Retention, "retention", 0, "how long what was deleted can be put back (30 days)")
	flag.DurationVar(&tuning.Upkeep, "upkeep", 0, "how often what is due is let go and its space given back (an hour)")
	flag.Int64Var(&tuning.Segment, "segment", 0, "`bytes` of one file of the log (64 MiB)")
	flag.DurationVar(&tuning.Indexing, "indexing", 0, "how long after a change mail is indexed for searches (a minute)")
	memory := flag.Int64("memory", machineMemory(), "`bytes` of memory that the machine is taken to have")
	var outgoing outgoingFlags
	flag.StringVar(&outgoing.dns, "dns", "", "`host:port` of the DNS server that is asked (the system's)")
	flag.StringVar(&outgoing.anchor, "dns-anchor", "", "`file` with the root's DS records that DNSSEC is proven from, with --dns (IANA's)")
	flag.UintVar(&outgoing.port, "mx-port", 0, "port of other mail servers (25)")
	flag.StringVar(&outgoing.ca, "ca", "", "`file` with the certificates, PEM, that other servers' are checked against (the system's)")
	flag.Parse()
	if *data == "" && !*inNeed || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	handler := logbook.ServiceHandler(os.Stderr, slog.LevelInfo) // as PID 1 keeps it
	if *dev {
		handler = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})
	}
	log := slog.New(handler)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	serve := func() error {
		return run(ctx, log, *dev, *data, *setup, office.Memory(*memory), tuning, outgoing)
	}
	if *inNeed {
		serve = func() error { return serveRescue(ctx, log) }
	}
	if err := serve(); err != nil {
		log.Error("maild ends", "err", err)
		fmt.Fprintln(os.Stderr, "maild:", err)
		os.Exit(1)
	}
}

// run is the wiring: sockets and machine from PID 1 or from the developer's
// computer, one office between them.
func run(ctx context.Context, log *slog.Logger, dev bool, data, setup string, memory office.Memory, tuning office.Tuning, flags outgoingFlags) error {
	if !dev {
		if err := keepSecret(); err != nil {
			return err
		}
	}
	listeners, err := listen(dev)
	if err != nil {
		return err
	}
	machine, trusted, err := openMachine(dev)
	if err != nil {
		return err
	}
	machine.setup = setup
	if locked, err := machine.locked(ctx); err != nil {
		return err
	} else if locked {
		return machine.waitForPhrase(ctx, listeners, log)
	}
	dns, outgoing, err := flags.outgoing()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	debug.SetMemoryLimit(memory.CollectorLimit(debug.SetMemoryLimit(-1)))
	starting, started := context.WithCancel(ctx)
	defer started()
	go askForTime(starting, log)
	o, err := office.Open(ctx, office.Options{Data: data, Version: version, Trusted: trusted, Built: clock.Built(built), Dev: dev, Machine: machine, Sure: machine.sure(ctx, log), Computer: machine.computer(), Networking: machine.networking(), Encryption: machine.encryption(), Watcher: machine.watcher(), Errands: machine.errands(), Log: log, Memory: memory, Tuning: tuning, DNS: dns, Outgoing: outgoing})
	if err != nil {
		return err
	}
	document, err := setupDocument(dev, setup, o.ClaimCode() == "")
	if err == nil && document != nil {
		err = o.SetUpFromFile(ctx, document)
	}
	if err != nil && dev {
		return closeAfter(o, fmt.Errorf("set up from %s: %w", setup, err))
	}
	if err != nil { // a box still shows its page, and says there what is wrong
		log.Error("the set-up file was refused", "err", err)
		machine.refused(err)
	}
	if dev && o.ClaimCode() != "" {
		fmt.Printf("setup: https://127.0.0.1:%d/setup#%s\n", devPorts()["https"], o.ClaimCode())
	}
	started()
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Warn("PID 1 was not told that we are ready", "err", err)
	}
	go feedWatchdog(ctx, o.Alive, log)
	return closeAfter(o, o.Serve(ctx, listeners))
}

// machineMemory is what the machine has, in bytes; 0 where it doesn't say.
func machineMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

func closeAfter(o *office.Office, err error) error {
	if closed := o.Close(); err == nil {
		return closed
	}
	return err
}
