package main

import (
	"cmp"
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/sanduk-mail/sanduk/platform/logbook"
)

// built is set by the image build (-ldflags "-X main.built=…"), in RFC 3339.
var built string

func main() {
	var n netd
	flag.StringVar(&n.config, "config", "/data/box/network.json", "file with the network settings")
	flag.StringVar(&n.policy, "firewall", "/data/box/firewall.json", "file with what the packet filter lets in")
	flag.StringVar(&n.run, "run", cmp.Or(os.Getenv("RUNTIME_DIRECTORY"), "/run/netd"), "directory for resolv.conf, status.json, clock.json")
	flag.StringVar(&n.state, "state", os.Getenv("STATE_DIRECTORY"), "directory for the saved time and the leases; empty: they are not saved")
	flag.StringVar(&n.name, "name", "mailbox", "the box's name in .local")
	level := flag.String("log", "info", "least level to log: debug, info, warn, error")
	flag.Parse()
	var l slog.Level
	if err := l.UnmarshalText([]byte(*level)); err != nil {
		l = slog.LevelInfo
	}
	n.log = slog.New(logbook.ServiceHandler(os.Stderr, l))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := n.serve(ctx); err != nil {
		n.log.Error("network manager ended", "error", err)
		os.Exit(1)
	}
}
