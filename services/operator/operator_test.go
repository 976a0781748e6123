package operator_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/lan"
	"github.com/sanduk-mail/sanduk/services/office"
	"github.com/sanduk-mail/sanduk/services/operator"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/tlscert"
)

func TestMain(m *testing.M) {
	boxctl := func() {
		os.Exit(operator.Run(context.Background(), os.Args[1:], operator.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}))
	}
	if os.Getenv(asBoxctl) != "" {
		boxctl()
	}
	testscript.Main(m, map[string]func(){"boxctl": boxctl})
}

// asBoxctl in its environment makes the test's program be boxctl.
const asBoxctl = "SANDUK_TEST_AS_BOXCTL"

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"setup": setUp, "fill": fill, "serve": serve, "garble": garble, "expunge": expunge, "endtoken": endToken, "enqueue": enqueue, "newest": newest,
		},
	})
}

// machine is a computer with nothing but a loopback interface.
type machine struct{}

func (machine) OnLink() ([]netip.Prefix, error) { return nil, nil }
func (machine) Gateways() ([]netip.Addr, error) { return nil, nil }
func (machine) Addresses() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
}
func (machine) Show(context.Context, office.Screen) error   { return nil }
func (machine) Keep(context.Context, directory.Box) error   { return nil }
func (machine) Settle(context.Context, directory.Box) error { return nil }
func (machine) Admit(context.Context, lan.Admission) error  { return nil }
func (machine) SetUpBegins(context.Context) error           { return nil }
func (machine) SetUpDone(context.Context) error             { return nil }

func open(ts *testscript.TestScript, dir string) *office.Office {
	ts.Check(os.MkdirAll(dir, 0o700))
	o, err := openOffice(dir)
	ts.Check(err)
	return o
}

func openOffice(dir string) (*office.Office, error) {
	silent := resolver.New(resolver.Options{Exchange: func(context.Context, netip.AddrPort, bool, *dns.Msg) (*dns.Msg, error) {
		return nil, errors.New("a test asks nobody")
	}})
	return office.Open(context.Background(), office.Options{
		DNS: silent, Outgoing: office.Outgoing{DNS: silent},
		Data: dir, Version: "test", Dev: true, Machine: machine{},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Log: slog.New(slog.DiscardHandler),
	})
}

// setUp is "setup DIR DOCUMENT": a data directory that has been set up.
func setUp(ts *testscript.TestScript, _ bool, args []string) {
	o := open(ts, ts.MkAbs(args[0]))
	if len(args) > 1 {
		document, err := setup.Parse([]byte(ts.ReadFile(args[1])))
		ts.Check(err)
		ts.Check(o.SetUp(context.Background(), document))
	}
	ts.Check(o.Close())
}

// fill is "fill DIR ADDRESS N": so many messages for a person in INBOX, in a log of
// small segments.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	var mbox strings.Builder
	for i := range n {
		fmt.Fprintf(&mbox, "From x@example.test Sat Jan  1 00:00:00 2022\nSubject: letter %d\n\n%s\n\n", i, strings.Repeat(fmt.Sprintf("line %d\n", i), 60))
	}
	ts.Check(os.WriteFile(ts.MkAbs("INBOX.mbox"), []byte(mbox.String()), 0o600))
	ts.Check(ts.Exec("boxctl", "token", "add", "filler", "--data", dir))
	ts.Check(os.WriteFile(ts.MkAbs("filler"), []byte(ts.ReadFile("stdout")), 0o600))
	o, err := office.Open(context.Background(), office.Options{
		Data: dir, Version: "test", Dev: true, Machine: machine{}, Tuning: office.Tuning{Segment: 64 << 10},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Log: slog.New(slog.DiscardHandler),
	})
	ts.Check(err)
	stop := serveOffice(ts, o, dir)
	ts.Check(ts.Exec("boxctl", "import", args[1], "INBOX.mbox", "--box", ts.Getenv("BOX"), "--ca", ts.Getenv("CA"), "--token-file", "filler"))
	stop()
}

// garble is "garble FILE": the middle of it is not what was written.
func garble(ts *testscript.TestScript, _ bool, args []string) {
	text := []byte(ts.ReadFile(args[0]))
	for i := len(text) / 2; i < len(text)*3/4; i++ {
		text[i] ^= 0x55
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// newest is "newest DIR": checks a box of which the newest file of the log was removed. The
// ring still speaks of that file, mostly; where its last batch had settled before the box
// stopped, only an index does, and check says so once.
func newest(ts *testscript.TestScript, _ bool, args []string) {
	says := func(fails bool, command string, wanted ...string) (said string) {
		err := ts.Exec("boxctl", append(strings.Fields(command), "--data", args[0])...)
		if said = ts.ReadFile("stdout"); fails != (err != nil) {
			ts.Fatalf("boxctl %s: %v; it was to fail: %v\n%s", command, err, fails, said)
		}
		for _, w := range wanted {
			if !regexp.MustCompile("(?m)" + w).MatchString(said) {
				ts.Fatalf("boxctl %s doesn't say %s:\n%s", command, w, said)
			}
		}
		return said
	}
	said := says(true, "check", "^In detail:$")
	if strings.Contains(said, "its index had seen more") {
		if strings.Contains(said, "mended:") || strings.Contains(said, "All is well") {
			ts.Fatalf("what is lost is called mended:\n%s", said)
		}
		return
	}
	for _, w := range []string{
		`^found:     file mail/log/00000003.seg is missing or can't be read, with 4[0-9] messages of alice@example.test$`,
		`^found:     the index of alice@example.test says more, or something else, than what is left of the log$`,
		`^  Don't use boxctl rebuild now`, `^damage:    file mail/log/00000003.seg is missing$`,
		`^problem:   alice@example.test: messages 25[0-9] to 300 \(4[0-9] in all\) of folder "INBOX" \(m1\): in the index, but not in the log$`,
	} {
		if !regexp.MustCompile("(?m)" + w).MatchString(said) {
			ts.Fatalf("check doesn't say %s:\n%s", w, said)
		}
	}
	if found := regexp.MustCompile(`record|lacks|in all, what|subject|--all lists them`).FindString(said); found != "" {
		ts.Fatalf("check says %q:\n%s", found, said)
	}
	// After a rebuild from what is left no rebuild is spoken of any more.
	says(false, "rebuild --anyway")
	said = says(true, "check", `^found:     the index of admin@example.test, alice@example.test is already made from what is left of the log$`, "there is nothing more to rebuild")
	if strings.Contains(said, "boxctl rebuild") {
		ts.Fatalf("check speaks of a rebuild again:\n%s", said)
	}
}

// serve is "serve DIR": a running box until the script ends; BOX is its address
// and CA the file with its authority.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Defer(serveOffice(ts, open(ts, dir), dir))
}

// serveOffice serves an office until stop is called.
func serveOffice(ts *testscript.TestScript, o *office.Office, dir string) (stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Serve(ctx, map[string]net.Listener{"https": l}) }()
	files, err := durable.NewOS(dir)
	ts.Check(err)
	defer files.Close()
	certs, err := tlscert.Open(tlscert.Options{FS: files, Identity: tlscert.Identity{Names: []string{"mail.example.test", "mailbox.local", "localhost"}, Addresses: machine{}.Addresses()}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs.CA()}), 0o600))
	ts.Setenv("BOX", "https://"+l.Addr().String())
	ts.Setenv("CA", ts.MkAbs("ca.pem"))
	return func() {
		cancel()
		ts.Check(errors.Join(<-done, o.Close()))
	}
}

// openLog opens the log of a box that does not run. end closes it, when what has been
// opened on it is closed.
func openLog(ts *testscript.TestScript, dir string) (files *durable.OS, j *journal.Journal, end func()) {
	files, err := durable.NewOS(ts.MkAbs(dir) + "/mail")
	ts.Check(err)
	j, err = journal.Open(files, journal.Options{Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	return files, j, func() {
		ts.Check(errors.Join(j.Close(), files.Close()))
		j.Release()
	}
}

// endToken is "endtoken NAME FILE": removes the token of the name from the running
// box with the token in the file.
func endToken(ts *testscript.TestScript, _ bool, args []string) {
	where := []string{"--box", ts.Getenv("BOX"), "--ca", ts.Getenv("CA"), "--token-file", ts.MkAbs(args[1])}
	ts.Check(ts.Exec("boxctl", append([]string{"token", "list"}, where...)...))
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if fields := strings.Fields(line); fields[3] == args[0] {
			ts.Check(ts.Exec("boxctl", append([]string{"token", "remove", fields[0]}, where...)...))
		}
	}
}
