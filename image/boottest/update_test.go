package boottest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	images "github.com/sanduk-mail/sanduk/image"
	"github.com/sanduk-mail/sanduk/image/variant"
	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// version is the built kernel image as another version of itself.
func version(t *testing.T, v update.Version, change map[string]variant.File) []byte {
	t.Helper()
	built, err := os.ReadFile(artifact(t, "sanduk-pc-amd64.efi"))
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := variant.Kernel(built, v, change)
	if err != nil {
		t.Fatal(err)
	}
	return kernel
}

// admin is the administrator's browser.
type admin struct {
	client *http.Client
	base   string
}

func signIn(t *testing.T, b *vm.Boot) *admin {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &admin{&http.Client{Timeout: 5 * time.Minute, Jar: jar, Transport: &http.Transport{TLSClientConfig: insecure()}}, "https://" + b.Addr(443)}
	who, err := json.Marshal(map[string]string{"address": "admin@" + domain, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	if code, text := a.ask(t, http.MethodPost, "/api/session", who); code/100 != 2 {
		t.Fatalf("signing in: %d %s", code, text)
	}
	return a
}

// ask makes a request of the API.
func (a *admin) ask(t *testing.T, method, path string, body []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 && body[0] == '{' {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := a.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode, string(text)
}

// versions is what GET /api/update says, as far as the tests look.
type versions struct {
	Running    string `json:"running"`
	OnTrial    bool   `json:"on_trial"`
	Previous   string `json:"previous"`
	SecureBoot bool   `json:"secure_boot"`
	Installing *struct{ State, Problem string }
	Last       *struct {
		To     string
		Well   bool
		Reason string
	}
}

func (a *admin) versions(t *testing.T) (v versions) {
	t.Helper()
	code, text := a.ask(t, http.MethodGet, "/api/update", nil)
	if code != http.StatusOK {
		t.Fatalf("GET /api/update: %d %s", code, text)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// install sends an update and restarts the box when it is on the disk.
func (a *admin) install(t *testing.T, b *vm.Boot, v update.Version, kernel []byte) {
	t.Helper()
	bundle, err := variant.Bundle(build, variant.Manifest(v, time.Now()), kernel)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := a.ask(t, http.MethodPost, "/api/update", bundle); code != http.StatusAccepted {
		t.Fatalf("update to %s: %d %s", v, code, text)
	}
	say(t, b, `(?m)^sanduk: update `+regexp.QuoteMeta(string(v))+` installed$`)
	if s := a.versions(t); s.Installing == nil || s.Installing.State != "installed" {
		t.Fatalf("after installing %s: %+v", v, s)
	}
	a.restart(t, b)
}

// restart asks for it and waits for the end of this boot.
func (a *admin) restart(t *testing.T, b *vm.Boot) {
	t.Helper()
	if code, text := a.ask(t, http.MethodPost, "/api/restart", nil); code != http.StatusAccepted {
		t.Fatalf("restart: %d %s", code, text)
	}
	if e, err := b.Wait(t.Context(), offTime); err != nil || e.Reason != "guest-reset" {
		t.Fatalf("restart: %+v, %v", e, err)
	}
}

// panicLine is what the kernel says when PID 1 is gone.
const panicLine = `Kernel panic`

// bootReturning starts the machine again and again, as it does by itself, until the box answers; it says how many starts
// failed before that.
func bootReturning(t *testing.T, m *vm.Machine, failure string) (*vm.Boot, int) {
	t.Helper()
	re := regexp.MustCompile(failure + `|(?m)^sanduk: all ports answering after`)
	for failed := range 6 {
		b := boot(t, m)
		if _, err := b.WaitSerial(t.Context(), re, bootTime); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(failure).MatchString(b.Serial()) {
			return b, failed
		}
		if e, err := b.Wait(t.Context(), bootTime); err != nil || e.Reason != "guest-reset" {
			t.Fatalf("a start that fails ends with %+v, %v, want a reset", e, err)
		}
	}
	t.Fatal("the box has not returned after six starts")
	return nil, 0
}

// TestUpdate installs a good version, takes mail while it is on trial, then one whose PID 1 ends at once, and finds the
// good one and all mail again; at last it goes back by hand.
func TestUpdate(t *testing.T) {
	t.Parallel()
	m := office(t, vm.Options{})
	b := boot(t, m)
	say(t, b, runningLine)
	a := signIn(t, b)
	first := a.versions(t)
	if first.OnTrial || first.Previous != "" {
		t.Errorf("as it was flashed: %+v, want it not on trial, and nothing to go back to", first)
	}
	a.install(t, b, "99.1.0", version(t, "99.1.0", nil))

	b = boot(t, m)
	say(t, b, `(?m)^sanduk: version 99\.1\.0 is on trial$`)
	say(t, b, runningLine)
	if err := send(b, "on trial"); err != nil {
		t.Fatal(err)
	}
	say(t, b, `(?m)^sanduk: version 99\.1\.0 blessed$`)
	a = signIn(t, b)
	if s := a.versions(t); s.Running != "99.1.0" || s.OnTrial || s.Previous != first.Running || s.Last == nil || !s.Last.Well {
		t.Errorf("after the blessing: %+v", s)
	}
	wantESP(t, m, "sanduk_99.1.0.efi", "sanduk_"+first.Running+".efi")
	a.install(t, b, "99.2.0", version(t, "99.2.0", map[string]variant.File{"/init": {Data: []byte("#!/nothing\n"), Mode: 0o755}}))

	b, failed := bootReturning(t, m, panicLine)
	if failed != update.Tries {
		t.Errorf("the broken version was started %d times, want %d", failed, update.Tries)
	}
	say(t, b, runningLine)
	if got := subjects(t, b); !slices.Equal(got, []string{"on trial"}) {
		t.Errorf("inbox after the return = %q", got)
	}
	a = signIn(t, b)
	if s := a.versions(t); s.Running != "99.1.0" || s.OnTrial || s.Last == nil || s.Last.Well || s.Last.To != "99.2.0" {
		t.Errorf("after the return: %+v", s)
	}
	if code, text := a.ask(t, http.MethodPost, "/api/update/previous", nil); code != http.StatusOK || !strings.Contains(text, first.Running) {
		t.Fatalf("going back: %d %s", code, text)
	}
	a.restart(t, b)
	b = boot(t, m)
	say(t, b, runningLine)
	if s := signIn(t, b).versions(t); s.Running != first.Running {
		t.Errorf("%s runs, want %s, the version that was flashed", s.Running, first.Running)
	}
	if got := subjects(t, b); !slices.Equal(got, []string{"on trial"}) {
		t.Errorf("inbox after going back = %q: mail of the trial must be there", got)
	}
}

// TestDamagedUpdate has the disk damage an update after it was installed: the firmware finds its way past it, with
// nobody there, and the box says what happened.
func TestDamagedUpdate(t *testing.T) {
	t.Parallel()
	m := office(t, vm.Options{Controller: vm.NVMe})
	b := boot(t, m)
	say(t, b, runningLine)
	a := signIn(t, b)
	first := a.versions(t)
	kernel := version(t, "99.1.0", nil)
	a.install(t, b, "99.1.0", kernel)
	if err := m.PutESP(update.Dir+"/sanduk_99.1.0+3.efi", kernel[:len(kernel)/2]); err != nil {
		t.Fatal(err)
	}
	b = boot(t, m)
	say(t, b, runningLine)
	if s := signIn(t, b).versions(t); s.Running != first.Running || s.Last == nil || s.Last.Well || s.Last.To != "99.1.0" || s.OnTrial {
		t.Errorf("after a damaged update: %+v, want %s, not on trial, which says that 99.1.0 failed", s, first.Running)
	}
	wantESP(t, m, "sanduk_"+first.Running+".efi", "sanduk_99.1.0+0-3.efi")
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Error(err)
	}
}

// TestRefusedUpdate offers a box what it must not take, and what its boot partition has no room for.
func TestRefusedUpdate(t *testing.T) {
	t.Parallel()
	m := office(t, vm.Options{Controller: vm.AHCI})
	const ballast = 460 << 20 // of 512 MiB; the version that runs takes some 35
	if err := m.PutESP("ballast", make([]byte, ballast)); err != nil {
		t.Fatal(err)
	}
	b := boot(t, m)
	say(t, b, runningLine)
	a := signIn(t, b)
	checkRefusals(t, a)
	checkWatching(t, a)
	bundle, err := variant.Bundle(build, variant.Manifest("99.1.0", time.Now()), version(t, "99.1.0", nil))
	if err != nil {
		t.Fatal(err)
	}
	if code, text := a.ask(t, http.MethodPost, "/api/update", bundle); code != http.StatusAccepted {
		t.Fatalf("a good update: %d %s", code, text)
	}
	say(t, b, `(?m)^sanduk: update 99\.1\.0 refused`)
	if s := a.versions(t); s.Installing == nil || s.Installing.State != "refused" || !strings.Contains(s.Installing.Problem, "boot partition has") {
		t.Errorf("with a full boot partition: %+v, want it refused for want of room", s)
	}
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
	b = boot(t, m)
	say(t, b, portsLine)
	if s := signIn(t, b).versions(t); s.OnTrial || s.Last != nil {
		t.Errorf("after a restart: %+v, want nothing of it left", s)
	}
}

// TestStick has an update on a stick that is there when the box starts: it is installed, and once.
func TestStick(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	bundle, err := variant.Bundle(build, variant.Manifest("99.1.0", time.Now()), version(t, "99.1.0", nil))
	if err != nil {
		t.Fatal(err)
	}
	stick := filepath.Join(t.TempDir(), "stick")
	file := filepath.Join(t.TempDir(), "sanduk.update")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"truncate", "-s", "128M", stick}, {"mformat", "-i", stick, "-F", "::"},
		{"mmd", "-i", stick, "::SANDUK-UPDATE"}, {"mcopy", "-i", stick, file, "::SANDUK-UPDATE/"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	m := office(t, vm.Options{Extra: []string{stick}})
	b := boot(t, m)
	say(t, b, `(?m)^sanduk: update 99\.1\.0 installed$`)
	signIn(t, b).restart(t, b)
	b = boot(t, m)
	say(t, b, `(?m)^sanduk: version 99\.1\.0 blessed$`)
	if s := signIn(t, b).versions(t); s.Running != "99.1.0" || s.Installing != nil {
		t.Errorf("with the stick still in: %+v, want it installed once", s)
	}
}

// TestUnprovedUpdate installs versions that start, and don't do what they must: one whose mail service ends at once, and
// one whose IMAP greets with something else.
func TestUnprovedUpdate(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	program := filepath.Join(t.TempDir(), "liar")
	compile := exec.Command("go", "build", "-o", program, "./testdata/liar")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	liar, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]map[string]variant.File{
		"never ready":     {"/bin/maild": {Data: []byte("no program"), Mode: 0o755}},
		"answers wrongly": {"/bin/maild": {Data: liar, Mode: 0o755}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := office(t, vm.Options{})
			b := boot(t, m)
			say(t, b, runningLine)
			if err := send(b, "before"); err != nil {
				t.Fatal(err)
			}
			a := signIn(t, b)
			first := a.versions(t)
			a.install(t, b, "99.1.0", version(t, "99.1.0", change))
			b, failed := bootReturning(t, m, `doesn't prove itself`)
			if failed != update.Tries {
				t.Errorf("started %d times, want %d", failed, update.Tries)
			}
			say(t, b, runningLine)
			if s := signIn(t, b).versions(t); s.Running != first.Running || s.Last == nil || s.Last.Well {
				t.Errorf("after the return: %+v", s)
			}
			if got := subjects(t, b); !slices.Equal(got, []string{"before"}) {
				t.Errorf("inbox after the return = %q", got)
			}
		})
	}
}

// checkRefusals offers what a box must not take.
func checkRefusals(t *testing.T, a *admin) {
	t.Helper()
	foreign, err := images.DevelopmentKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	good := variant.Manifest("99.9.0", time.Now())
	own, err := images.DevelopmentKeys(filepath.Join(build, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(*update.Manifest)
		keys   images.Keys
		want   string
	}{
		"another's signature": {func(*update.Manifest) {}, foreign, "signed"},
		"expired":             {func(m *update.Manifest) { m.Expires = time.Now().AddDate(0, 0, -1) }, own, "until"},
		"an older version":    {func(m *update.Manifest) { m.Version = "0.0.1" }, own, "newer"},
		"another board":       {func(m *update.Manifest) { m.Board = "toaster" }, own, "machine"},
	} {
		m := good
		c.change(&m)
		var out bytes.Buffer
		if err := update.Create(&out, m, []byte("kernel"), c.keys.Sign, time.Now()); err != nil {
			t.Fatal(err)
		}
		if code, text := a.ask(t, http.MethodPost, "/api/update", out.Bytes()); code/100 != 4 || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s, want it refused with a word on %q", what, code, text, c.want)
		}
	}
	if code, text := a.ask(t, http.MethodPost, "/api/update/previous", nil); code/100 != 4 || !strings.Contains(text, "no other version") {
		t.Errorf("going back with nothing there: %d %s", code, text)
	}
}

// wantESP wants exactly these kernel images on the boot partition, while the box runs.
func wantESP(t *testing.T, m *vm.Machine, want ...string) {
	t.Helper()
	files, err := m.ListESP()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		if name, ok := strings.CutPrefix(f, update.Dir+"/"); ok {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the boot partition has %q, want %q", got, want)
	}
}
