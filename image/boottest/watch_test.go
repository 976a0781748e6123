package boottest

import (
	"archive/zip"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// checkWatching looks at what the box tells those who watch over it: figures of the machine, for their token, and a
// bundle with the log of all programs and the kernel.
func checkWatching(t *testing.T, a *admin) {
	t.Helper()
	code, text := a.ask(t, http.MethodPost, "/api/monitor/metrics", nil)
	var given struct{ Token string }
	if err := json.Unmarshal([]byte(text), &given); code != http.StatusCreated || err != nil {
		t.Fatalf("metrics on: %d %s", code, text)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+given.Token)
	answer, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	figures, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nsanduk_memory_bytes ", "\nsanduk_disk_free_bytes ", `sanduk_service_ready{service="netd.service"} 1`, "\nsanduk_queue_messages 0\n"} {
		if !strings.Contains(string(figures), want) {
			t.Errorf("the figures don't have %q:\n%s", want, figures)
		}
	}

	text, log := supportBundle(t, a)
	units := map[string]int{}
	for line := range strings.Lines(log) {
		var fields struct{ Unit, Msg, Line string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
		units[fields.Unit]++
		// What is said before maild itself begins is the start's.
		if fields.Unit == "maild.service" && fields.Line != "" && !strings.HasPrefix(fields.Line, "start: ") {
			t.Errorf("a line of maild is not structured: %s", line)
		}
	}
	for _, unit := range []string{"init", "kernel", "maild.service", "netd.service"} {
		if units[unit] == 0 {
			t.Errorf("the log has nothing of %s: %v", unit, units)
		}
	}
	if strings.Contains(text, password) || strings.Contains(log, "admin@") || strings.Contains(log, given.Token) {
		t.Error("the bundle has a secret or a person in it")
	}
	t.Logf("figures: %d bytes; bundle %d bytes, lines of the log by unit %v", len(figures), len(text), units)
}

// supportBundle is the archive that a person sends to who helps, and the log in it.
func supportBundle(t *testing.T, a *admin) (archive, log string) {
	t.Helper()
	code, archive := a.ask(t, http.MethodGet, "/api/support/bundle.zip", nil)
	if code != http.StatusOK {
		t.Fatalf("the bundle: %d %s", code, archive)
	}
	z, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(z.File, func(f *zip.File) bool { return f.Name == "log.jsonl" })
	if i < 0 {
		t.Fatal("the bundle has no log")
	}
	f, err := z.File[i].Open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return archive, string(text)
}

// checkClosed looks whether all went well when the kernel was closed to modules.
func checkClosed(t *testing.T, b *vm.Boot) {
	t.Helper()
	_, log := supportBundle(t, signIn(t, b))
	if !strings.Contains(log, "kernel closed to modules") {
		t.Error("the log doesn't say that the kernel was closed to modules")
	}
	for _, trouble := range []string{"root stays writable", "files of kernel modules stay in memory"} {
		if strings.Contains(log, trouble) {
			t.Errorf("the log says %q", trouble)
		}
	}
}
