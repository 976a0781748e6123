package boottest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/image/vm"
)

const lockedLine = `(?m)^sanduk: locked until the recovery phrase is typed$`

// TestEncrypted has a box with a TPM: its disk is encrypted from the first moment, it comes up alone, and there is a
// phrase for the day on which the disk is in another machine.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	memory := filepath.Join(t.TempDir(), "tpm")
	m := office(t, vm.Options{TPM: memory})
	b := boot(t, m)
	say(t, b, portsLine)
	const marker = "resignation-of-the-cook"
	if err := send(b, marker); err != nil {
		t.Fatal(err)
	}
	admin := signIn(t, b)
	wantEncryption(t, admin, `"encrypted":true,"cipher":"aes-256","phrase":false,"tpm":true,"ask":false,"has_tpm":true`)
	phrase := newPhrase(t, admin)
	wantEncryption(t, admin, `"phrase":true,"tpm":true`)
	powerOff(t, b)
	onDisk(t, m.Disk(), map[string]bool{marker: false, "mail." + domain: true})

	// The disk comes into another machine.
	if err := os.RemoveAll(memory); err != nil {
		t.Fatal(err)
	}
	b = boot(t, m)
	say(t, b, lockedLine)
	checkLocked(t, b)
	screenshot(t, b, "locked")
	if code, text := unlock(t, b, strings.Replace(phrase, phrase[:1], "?", 1)); code != http.StatusUnprocessableEntity || !strings.Contains(text, "has no &#39;?&#39;") {
		t.Errorf("a phrase with a question mark: %d %s", code, text)
	}
	if code, text := unlock(t, b, strings.Repeat("0000 ", 8)); code != http.StatusUnprocessableEntity || !strings.Contains(text, "Group 2 ") {
		t.Errorf("a mistyped phrase: %d %s", code, text)
	}
	if code, text := unlock(t, b, strings.ToLower(phrase)); code != http.StatusOK {
		t.Fatalf("the phrase: %d %s", code, text)
	}
	say(t, b, portsLine)
	checkPorts(t, b)
	if got := subjects(t, b); len(got) != 1 || got[0] != marker {
		t.Errorf("inbox after unlocking = %q", got)
	}
	powerOff(t, b)

	// That machine's TPM has the key from then on.
	b = boot(t, m)
	say(t, b, portsLine)
	if got := subjects(t, b); len(got) != 1 || got[0] != marker {
		t.Errorf("inbox in the other machine = %q", got)
	}
}

// TestPhraseAtEachStart has a box without a TPM: whoever sets it up chooses that its phrase is asked for at each start.
// In the end it is reset: the phrase opens nothing any more, and nobody is asked for it.
func TestPhraseAtEachStart(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := machine(t, vm.Options{Image: artifact(t, image)})
	b := boot(t, m)
	setup := claimant(t, b)
	if code, text := setup.ask(t, http.MethodGet, "/api/setup/encryption", nil); code != http.StatusOK || !strings.Contains(text, `"encrypted":false`) || !strings.Contains(text, `"has_tpm":false`) {
		t.Fatalf("before: %d %s", code, text)
	}
	code, text := setup.ask(t, http.MethodPost, "/api/setup/encryption/phrase", nil)
	var made struct {
		Phrase string `json:"phrase"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil || code != http.StatusOK {
		t.Fatalf("a phrase: %d %s, %v", code, text, err)
	}
	body, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := setup.ask(t, http.MethodPut, "/api/setup/encryption/phrase", body); code != http.StatusAccepted {
		t.Fatalf("choosing: %d %s", code, text)
	}
	restarted(t, b)
	b = boot(t, m)
	say(t, b, lockedLine)
	checkLocked(t, b)
	if code, text := unlock(t, b, made.Phrase); code != http.StatusOK {
		t.Fatalf("the phrase: %d %s", code, text)
	}
	say(t, b, portsLine)
	setup = claimant(t, b)
	if code, text := setup.ask(t, http.MethodGet, "/api/setup/encryption", nil); code != http.StatusOK || !strings.Contains(text, `"encrypted":true`) || !strings.Contains(text, `"ask":true`) {
		t.Fatalf("after: %d %s", code, text)
	}
	if code, text := setup.ask(t, http.MethodPost, "/api/setup", []byte(provisioning)); code != http.StatusOK {
		t.Fatalf("set-up: %d %s", code, text)
	}
	const marker = "resignation-of-the-gardener"
	if err := send(b, marker); err != nil {
		t.Fatal(err)
	}
	powerOff(t, b)
	onDisk(t, m.Disk(), map[string]bool{marker: false})
	b = boot(t, m)
	say(t, b, lockedLine)
	if code, text := unlock(t, b, made.Phrase); code != http.StatusOK {
		t.Fatalf("the phrase: %d %s", code, text)
	}
	say(t, b, portsLine)
	if got := subjects(t, b); len(got) != 1 || got[0] != marker {
		t.Errorf("inbox = %q", got)
	}
	admin := signIn(t, b)
	ask, err := json.Marshal(map[string]string{"word": "erase", "password": password})
	if err != nil {
		t.Fatal(err)
	}
	if code, text := admin.ask(t, http.MethodPost, "/api/factory-reset", ask); code != http.StatusAccepted {
		t.Fatalf("factory reset: %d %s", code, text)
	}
	restarted(t, b)
	b = boot(t, m)
	say(t, b, codeLine)
	onDisk(t, m.Disk(), map[string]bool{`"cipher": "aes-256"`: false})
}

// TestNotEncrypted has whoever sets up a box with a TPM choose otherwise: it restarts, and its disk can be read.
func TestNotEncrypted(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := machine(t, vm.Options{Image: artifact(t, image), TPM: filepath.Join(t.TempDir(), "tpm")})
	b := boot(t, m)
	setup := claimant(t, b)
	if code, text := setup.ask(t, http.MethodDelete, "/api/setup/encryption", nil); code != http.StatusAccepted {
		t.Fatalf("choosing: %d %s", code, text)
	}
	restarted(t, b)
	for range 2 { // it stays so
		b = boot(t, m)
		setup = claimant(t, b)
		if code, text := setup.ask(t, http.MethodGet, "/api/setup/encryption", nil); code != http.StatusOK || !strings.Contains(text, `"encrypted":false`) || !strings.Contains(text, `"has_tpm":true`) {
			t.Fatalf("after: %d %s", code, text)
		}
		powerOff(t, b)
	}
	b = boot(t, m)
	setup = claimant(t, b)
	if code, text := setup.ask(t, http.MethodPost, "/api/setup", []byte(provisioning)); code != http.StatusOK {
		t.Fatalf("set-up: %d %s", code, text)
	}
	const marker = "resignation-of-the-porter"
	if err := send(b, marker); err != nil {
		t.Fatal(err)
	}
	powerOff(t, b)
	onDisk(t, m.Disk(), map[string]bool{marker: true, `"plain": true`: true})
}

func powerOff(t *testing.T, b *vm.Boot) {
	t.Helper()
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
}

// restarted waits for a restart that somebody has asked for.
func restarted(t *testing.T, b *vm.Boot) {
	t.Helper()
	if e, err := b.Wait(t.Context(), offTime); err != nil || e.Reason != "guest-reset" {
		t.Fatalf("the box ended with %+v, %v; want a restart", e, err)
	}
}

// claimant is whoever has read the code on the screen.
func claimant(t *testing.T, b *vm.Boot) *admin {
	t.Helper()
	say(t, b, portsLine)
	code := say(t, b, codeLine)[1]
	return &admin{&http.Client{Timeout: answerTime, Transport: withHeader{&http.Transport{TLSClientConfig: insecure()}, code}}, "https://" + b.Addr(443)}
}

// withHeader adds the code to each request.
type withHeader struct {
	http.RoundTripper
	code string
}

func (w withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Claim "+w.code)
	return w.RoundTripper.RoundTrip(r)
}

func wantEncryption(t *testing.T, a *admin, want string) {
	t.Helper()
	if code, text := a.ask(t, http.MethodGet, "/api/encryption", nil); code != http.StatusOK || !strings.Contains(text, want) {
		t.Errorf("encryption: %d %s; want %s", code, text, want)
	}
}

// newPhrase has the box make one, and types it back.
func newPhrase(t *testing.T, a *admin) string {
	t.Helper()
	in := map[string]string{"password": password}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	code, text := a.ask(t, http.MethodPost, "/api/encryption/phrase", body)
	if err := json.Unmarshal([]byte(text), &in); err != nil || code != http.StatusOK {
		t.Fatalf("a new phrase: %d %s, %v", code, text, err)
	}
	if body, err = json.Marshal(in); err != nil {
		t.Fatal(err)
	}
	if code, text := a.ask(t, http.MethodPut, "/api/encryption/phrase", body); code != http.StatusNoContent {
		t.Fatalf("typed back: %d %s", code, text)
	}
	return in["phrase"]
}

// unlock types the phrase into the page.
func unlock(t *testing.T, b *vm.Boot, phrase string) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: answerTime, Transport: &http.Transport{TLSClientConfig: insecure()}}
	defer client.CloseIdleConnections()
	res, err := client.PostForm("https://"+b.Addr(443)+"/unlock", url.Values{"phrase": {phrase}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// checkLocked looks at what a locked box says to everybody.
func checkLocked(t *testing.T, b *vm.Boot) {
	t.Helper()
	for port, want := range map[int]string{25: "421 4.3.2 ", 143: "* BYE [UNAVAILABLE] ", 110: "-ERR [SYS/TEMP] "} {
		conn, err := dial(b, port, false)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("port %d says %q, %v; want %q", port, line, err, want)
		}
		_ = conn.Close()
	}
	client := &http.Client{Timeout: answerTime, Transport: &http.Transport{TLSClientConfig: insecure()}}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + b.Addr(443) + "/admin")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(text, []byte("The mail is locked")) {
		t.Errorf("the page: %d %s, %v", res.StatusCode, text, err)
	}
}

// onDisk looks for texts in all of a disk.
func onDisk(t *testing.T, name string, want map[string]bool) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := make(map[string]bool)
	const overlap = 128 // bytes, longer than any text
	buffer := make([]byte, 8<<20)
	kept := 0
	for {
		n, err := io.ReadFull(f, buffer[kept:])
		for text := range want {
			found[text] = found[text] || bytes.Contains(buffer[:kept+n], []byte(text))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept = copy(buffer, buffer[len(buffer)-overlap:])
	}
	for text, w := range want {
		if found[text] != w {
			t.Errorf("%q stands on the disk: %v, want %v", text, found[text], w)
		}
	}
}
