package rival

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/lan"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/office"
	"github.com/sanduk-mail/sanduk/services/units"
)

// serveVariable makes the test program the server of that name, in a process beside the senders.
const serveVariable = "SANDUK_RIVAL_SERVE"

// relayVariable is the port of the server on relayHost to which mail for elsewhere goes; without it none does.
const relayVariable = "SANDUK_RIVAL_RELAY"

// unsignedVariable has the box leave signing to its provider.
const unsignedVariable = "SANDUK_RIVAL_UNSIGNED"

const password = "olive harbour 42 lamps"

func TestMain(m *testing.M) {
	serve, ok := map[string]func(context.Context) error{"sanduk": serveOffice, "sink": serveSink}[os.Getenv(serveVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stop()
	os.Exit(0)
}

// process is a server in a process of its own.
type process struct {
	smtp, imaps, submissions, pop3s string

	id   int
	stop func()
}

// cpu is how long the process has kept processors busy (proc(5), stat: utime and stime, in hundredths of a second).
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.id))
	if err != nil {
		b.Fatal(err)
	}
	var user, system time.Duration
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return (user + system) * 10 * time.Millisecond
}

// startSelf starts this program again as a server on free ports, with data in dir.
func startSelf(b *testing.B, name, dir string) *process {
	b.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(append(os.Environ(), serveVariable+"="+name), unitEnvironment(b)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		if err := cmd.Wait(); err != nil {
			b.Errorf("%s: %v", name, err)
		}
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addrs := strings.Fields(line)
	if err != nil || len(addrs) != 4 {
		stop()
		b.Fatalf("%s did not start: %v", name, err)
	}
	return &process{addrs[0], addrs[1], addrs[2], addrs[3], cmd.Process.Pid, stop}
}

// unitEnvironment is what the box gives maild.
func unitEnvironment(b *testing.B) []string {
	b.Helper()
	all, err := supervise.LoadUnits(units.FS)
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(all.Services, func(s supervise.Service) bool { return s.Name == "maild.service" })
	return all.Services[i].Environment
}

// tidySignal has the box give the machine back what it doesn't use, so that what it takes from then on is seen.
const tidySignal = syscall.SIGUSR1

// serveOffice is the box's mail service, as cmd/maild starts it.
func serveOffice(ctx context.Context) error {
	debug.SetMemoryLimit(office.Memory(0).CollectorLimit(debug.SetMemoryLimit(-1))) // as maild does
	o, err := office.Open(ctx, office.Options{
		Data: os.Args[1], Version: "bench", Dev: true, Machine: machine{},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	setup, err := document()
	if err != nil {
		return err
	}
	if err := o.SetUpFromFile(ctx, setup); err != nil {
		return errors.Join(err, o.Close())
	}
	if os.Getenv(unsignedVariable) != "" {
		if err := o.SetSigning(ctx, mail.Signing{Domain: domain, Provider: true}); err != nil {
			return errors.Join(err, o.Close())
		}
	}
	listeners := make(map[string]net.Listener)
	for _, name := range []string{"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return errors.Join(err, o.Close())
		}
		listeners[name] = l
	}
	tidy := make(chan os.Signal, 1)
	signal.Notify(tidy, tidySignal)
	go func() {
		for range tidy {
			debug.FreeOSMemory()
		}
	}()
	fmt.Println(listeners["smtp"].Addr(), listeners["imaps"].Addr(), listeners["submissions"].Addr(), listeners["pop3s"].Addr())
	return errors.Join(profiled("sanduk", func() error { return o.Serve(ctx, listeners) }), o.Close())
}

func document() ([]byte, error) {
	accounts := make([]map[string]string, people)
	for i := range accounts {
		accounts[i] = map[string]string{"address": person(i), "name": person(i), "password": password}
	}
	outbound := map[string]any{"mode": "none"}
	if port, err := strconv.Atoi(os.Getenv(relayVariable)); err == nil {
		outbound = map[string]any{"mode": "smarthost", "host": relayHost, "port": port, "tls": "none"}
	}
	return json.Marshal(map[string]any{
		"outbound": outbound,
		"hostname": "mail." + domain, "domains": []string{domain}, "timezone": "Europe/Tirane", "accounts": accounts,
		"admin": map[string]string{"address": "admin@" + domain, "password": password},
	})
}

// machine is a computer on which nothing has to be done.
type machine struct{}

func (machine) OnLink() ([]netip.Prefix, error)             { return nil, nil }
func (machine) Gateways() ([]netip.Addr, error)             { return nil, nil }
func (machine) Addresses() []netip.Addr                     { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} }
func (machine) Show(context.Context, office.Screen) error   { return nil }
func (machine) Keep(context.Context, directory.Box) error   { return nil }
func (machine) Settle(context.Context, directory.Box) error { return nil }
func (machine) Admit(context.Context, lan.Admission) error  { return nil }
func (machine) SetUpBegins(context.Context) error           { return nil }
func (machine) SetUpDone(context.Context) error             { return nil }

// serveSink takes everything and keeps nothing.
func serveSink(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return sink{}, nil }))
	s.Domain = "sink." + domain
	context.AfterFunc(ctx, func() { s.Close() })
	fmt.Println(l.Addr(), "-", "-", "-")
	return profiled("sink", func() error {
		if err := s.Serve(l); ctx.Err() == nil {
			return err
		}
		return nil
	})
}

type sink struct{}

func (sink) Mail(string, *smtp.MailOptions) error { return nil }
func (sink) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (sink) Reset()                               {}
func (sink) Logout() error                        { return nil }
func (sink) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// profileVariable names a directory into which each server writes what it did with the processors while it served, as
// NAME.cpu, and all that it allocated, as NAME.allocs: for go tool pprof.
const profileVariable = "SANDUK_RIVAL_PROFILE"

func profiled(name string, serve func() error) error {
	dir := os.Getenv(profileVariable)
	if dir == "" {
		return serve()
	}
	f, err := os.Create(filepath.Join(dir, name+".cpu"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = serve()
	pprof.StopCPUProfile()
	allocs, createErr := os.Create(filepath.Join(dir, name+".allocs"))
	if createErr != nil {
		return errors.Join(err, f.Close(), createErr)
	}
	return errors.Join(err, f.Close(), pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
}
