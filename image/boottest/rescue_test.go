package boottest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/platform/disk"
)

// Lines of a box in recovery.
const (
	recoveryLine   = `(?m)^sanduk: recovery: (.*\S)\r?\n`
	rescueCodeLine = `(?m)^sanduk: code (\S+)\r?\n`
	rescueOpenLine = `(?m)^sanduk: open https://`
)

// direct starts the image's kernel without firmware and loader, which are not what is tested here.
func direct(t *testing.T) *vm.Direct {
	t.Helper()
	name := strings.TrimSuffix(artifact(t, image), ".img")
	var manifest struct {
		Cmdline string `json:"cmdline"`
	}
	text, err := os.ReadFile(name + ".manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &manifest); err != nil || manifest.Cmdline == "" {
		t.Fatalf("the image's manifest has no command line: %v", err)
	}
	return &vm.Direct{Kernel: name + ".linux", Initrd: name + ".initrd", Cmdline: manifest.Cmdline}
}

// await is say for a box in recovery.
func await(t *testing.T, b *vm.Boot, pattern string) []string {
	t.Helper()
	m, err := b.WaitSerial(t.Context(), regexp.MustCompile(pattern), bootTime)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// awaitReset wants the box to start again by itself.
func awaitReset(t *testing.T, b *vm.Boot, why string) {
	t.Helper()
	if event, err := b.Wait(t.Context(), bootTime); err != nil || event.Reason != "guest-reset" {
		t.Fatalf("%s: the machine ended with %+v, %v, want a restart", why, event, err)
	}
}

// rescued waits until a box in recovery shows its page, looks at both, and returns the code of its screen.
func rescued(t *testing.T, b *vm.Boot, name, headline string) (code string) {
	t.Helper()
	why := await(t, b, recoveryLine)[1]
	await(t, b, rescueOpenLine)
	code = await(t, b, rescueCodeLine)[1]
	t.Logf("recovery: %s", why)
	for _, scheme := range []string{"http", "https"} {
		page := rescuePage(t, b, scheme, nil)
		for _, want := range []string{headline, "What to do, in this order", "<dt>Running</dt>"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q:\n%s", scheme, want, page)
			}
		}
		if strings.Contains(page, code) {
			t.Errorf("%s: the page shows the code", scheme)
		}
		file := filepath.Join(build, "screens", "rescue-"+name+"-"+scheme+".html")
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Error(err)
		}
	}
	screenshot(t, b, "rescue-"+name)
	if line, err := greeting(b, 25, false); err != nil || !strings.HasPrefix(line, "421 4.3.2 ") {
		t.Errorf("another server is greeted with %q, %v, want to be told to wait", line, err)
	}
	return code
}

// rescuePage fetches the page, or sends an order to it.
func rescuePage(t *testing.T, b *vm.Boot, scheme string, order url.Values) string {
	t.Helper()
	client := &http.Client{Timeout: answerTime, Transport: &http.Transport{TLSClientConfig: insecure()}}
	port := map[string]int{"http": 80, "https": 443}[scheme]
	at := scheme + "://" + b.Addr(port) + "/"
	var res *http.Response
	var err error
	if order == nil {
		res, err = client.Get(at)
	} else {
		res, err = client.PostForm(at, order)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ruin overwrites the super block of the data file system and those copies that a start tries.
func ruin(t *testing.T, m *vm.Machine) {
	t.Helper()
	f, err := os.OpenFile(m.Disk(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	start := dataStart(t, m)
	for _, block := range []int64{0, 32768, 98304, 163840} {
		if _, err := f.WriteAt(make([]byte, 4096), start+block*4096); err != nil {
			t.Fatal(err)
		}
	}
}

// usedBox is a box with one message in it, switched off.
func usedBox(t *testing.T, o vm.Options) *vm.Machine {
	t.Helper()
	m := office(t, o)
	fill(t, boot(t, m))
	return m
}

// fill sends one message and switches the box off.
func fill(t *testing.T, b *vm.Boot) {
	t.Helper()
	say(t, b, runningLine)
	if err := send(b, "before"); err != nil {
		t.Fatal(err)
	}
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
}

func wantMail(t *testing.T, m *vm.Machine) *vm.Boot {
	t.Helper()
	b := boot(t, m)
	say(t, b, portsLine)
	if got := subjects(t, b); !slices.Equal(got, []string{"before"}) {
		t.Errorf("inbox = %q, want the message from before", got)
	}
	return b
}

// TestRescueDamaged ruins a disk more than a start mends by itself. The box says so on its page; the repair that a
// person asks for there brings the mail back.
func TestRescueDamaged(t *testing.T) {
	t.Parallel()
	m := office(t, vm.Options{Direct: direct(t)})
	fixed := strings.Replace(provisioning, `{"mode": "dhcp"}`, `{"mode": "static", "address": "10.0.2.15/24", "gateway": "10.0.2.2"}`, 1)
	if err := m.PutESP("setup.json", []byte(fixed)); err != nil {
		t.Fatal(err)
	}
	b := boot(t, m)
	say(t, b, `(?m)^sanduk: network settings kept for recovery`)
	fill(t, b)
	ruin(t, m)
	b = boot(t, m)
	code := rescued(t, b, "damaged", "The disk with your mail is damaged")
	await(t, b, `(?m)^sanduk: network eth0 .*fixed.*10\.0\.2\.15`)
	if page := rescuePage(t, b, "https", nil); !strings.Contains(page, "e2fsck") {
		t.Errorf("the page does not show what the disk check said:\n%s", page)
	}
	if page := rescuePage(t, b, "https", url.Values{"act": {"check"}, "code": {"aaaa-bbbb"}}); !strings.Contains(page, "not the code on the box") {
		t.Errorf("a wrong code is answered with\n%s", page)
	}
	if page := rescuePage(t, b, "http", url.Values{"act": {"check"}, "code": {code}}); !strings.Contains(page, "https only") {
		t.Errorf("a code in clear is answered with\n%s", page)
	}
	if bundle := rescuePage(t, b, "https", url.Values{"act": {"support"}, "code": {code}}); !strings.HasPrefix(bundle, "PK") || !strings.Contains(bundle, "log.jsonl") {
		t.Errorf("the support bundle has %d bytes and is none", len(bundle))
	}
	if page := rescuePage(t, b, "https", url.Values{"act": {"erase"}, "code": {code}, "word": {"ears"}}); !strings.Contains(page, "Nothing has been changed") {
		t.Errorf("erasing with another word is answered with\n%s", page)
	}
	rescuePage(t, b, "https", url.Values{"act": {"check"}, "code": {code}})
	await(t, b, `(?m)^sanduk: The disk is repaired, and the mail is on it\.`)
	awaitReset(t, b, "after the repair")
	wantMail(t, m)
}

// dataStart is where the data partition begins on a machine's disk, in bytes.
func dataStart(t *testing.T, m *vm.Machine) int64 {
	t.Helper()
	f, err := os.Open(m.Disk())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := disk.ReadTable(f, disk.Geometry{SectorSize: 512, Sectors: uint64(info.Size()) / 512})
	if err != nil {
		t.Fatal(err)
	}
	number, ok := table.Data()
	if !ok {
		t.Fatal("the disk has no data partition")
	}
	return int64(table.Entries[number-1].First) * 512
}

// TestRescueNewer starts a version on a disk whose mail is kept in a form that it doesn't know: it touches nothing.
func TestRescueNewer(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := usedBox(t, vm.Options{Direct: direct(t)})
	volume := fmt.Sprintf("%s?offset=%d", m.Disk(), dataStart(t, m))
	debugfs := func(request string) {
		t.Helper()
		out, err := exec.Command("/sbin/debugfs", "-w", "-R", request, volume).CombinedOutput()
		if err != nil || strings.Contains(string(out), "not found") {
			t.Fatalf("debugfs %s: %v\n%s", request, err, out)
		}
	}
	state := filepath.Join(t.TempDir(), "update.json")
	if err := os.WriteFile(state, []byte(`{"v":1,"schema":2}`), 0o644); err != nil {
		t.Fatal(err)
	}
	debugfs("write " + state + " box/update.json")
	b := boot(t, m)
	code := rescued(t, b, "newer", "Your mail was kept by a newer version than this one")
	rescuePage(t, b, "https", url.Values{"act": {"restart"}, "code": {code}})
	awaitReset(t, b, "start again")
	debugfs("rm box/update.json")
	wantMail(t, m)
}

// TestRescueReadOnly starts a box from a disk that can't be written.
func TestRescueReadOnly(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := usedBox(t, vm.Options{})
	m.SetReadOnly(true)
	b := boot(t, m)
	code := rescued(t, b, "read-only", "The disk with your mail is write-protected")
	m.SetReadOnly(false)
	rescuePage(t, b, "https", url.Values{"act": {"restart"}, "code": {code}})
	awaitReset(t, b, "start again")
	wantMail(t, m)
}

// TestRescueMissing starts a box whose disk is not there. Its network can be set at its console, and it starts again by
// itself when the disk comes.
func TestRescueMissing(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := usedBox(t, vm.Options{Controller: vm.USB, Direct: direct(t)})
	away := m.Disk() + ".away"
	if err := os.Rename(m.Disk(), away); err != nil {
		t.Fatal(err)
	}
	b := boot(t, m)
	rescued(t, b, "missing", "The disk with your mail is missing")
	for _, step := range []struct{ keys, want string }{
		{"\x1b[11~", `(?m)^sanduk: Number, 1 to 2: $`},
		{"1\r\r", `(?m)^sanduk: Try these settings\?$`},
		{"use\r", `(?m)^sanduk: Does it work\?$`},
		{"keep\r", `(?m)^sanduk: The new settings stay$`},
	} {
		if err := b.Type(step.keys); err != nil {
			t.Fatal(err)
		}
		await(t, b, step.want)
	}
	if err := b.Plug(t.Context(), "disk", away); err != nil {
		t.Fatal(err)
	}
	awaitReset(t, b, "the disk is back")
	if err := os.Rename(away, m.Disk()); err != nil {
		t.Fatal(err)
	}
	wantMail(t, m)
}

// TestDiskReturns pulls the disk out of a box in use and puts it back: the box starts again by itself, and the mail is
// there.
func TestDiskReturns(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := usedBox(t, vm.Options{Controller: vm.USB, Direct: direct(t)})
	b := wantMail(t, m)
	if err := b.Unplug(t.Context(), "disk"); err != nil {
		t.Fatal(err)
	}
	say(t, b, `(?m)^sanduk: the disk with the mail is gone: \S`)
	if err := b.Plug(t.Context(), "disk", m.Disk()); err != nil {
		t.Fatal(err)
	}
	say(t, b, `(?m)^sanduk: the disk with the mail is connected again: \S`)
	began := time.Now()
	awaitReset(t, b, "the disk is back")
	t.Logf("restarted %v after the disk was back", time.Since(began).Round(time.Second))
	wantMail(t, m)
}
