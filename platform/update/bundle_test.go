package update_test

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"aead.dev/minisign"

	"github.com/sanduk-mail/sanduk/platform/update"
)

// today is when the tests' boxes live.
var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// signer makes a key, and the box's list of keys with it.
func signer(t testing.TB, name string) (minisign.PrivateKey, []update.Key) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := update.ReadKeys(fstest.MapFS{name + ".pub": {Data: text}})
	if err != nil {
		t.Fatal(err)
	}
	return private, keys
}

func manifest(v update.Version) update.Manifest {
	return update.Manifest{
		Name: "sanduk", Board: "pc-amd64", Version: v, Expires: today.AddDate(1, 0, 0), Schema: update.Schema{Reads: 1, Writes: 1},
	}
}

func bundle(t testing.TB, m update.Manifest, kernel string, key minisign.PrivateKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := update.Create(&b, m, []byte(kernel), key, today); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// refusedFor wants err to be an update's refusal for that reason, with something for a person to read.
func refusedFor(t *testing.T, what string, err error, want update.Reason) {
	t.Helper()
	refused, ok := errors.AsType[*update.Error](err)
	if !ok || refused.Reason != want {
		t.Errorf("%s: %v, want it refused as %q", what, err, want)
		return
	}
	if !strings.HasSuffix(refused.Text, ".") {
		t.Errorf("%s: %q is no sentence", what, refused.Text)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	key, keys := signer(t, "active")
	other, _ := signer(t, "active")
	good := bundle(t, manifest("1.1.0"), "kernel", key)
	b, err := update.Open(bytes.NewReader(good), keys)
	if err != nil {
		t.Fatal(err)
	}
	if b.Manifest.Version != "1.1.0" || b.Manifest.Size != 6 || b.Key.Name != "active" || b.Manifest.File != "sanduk_1.1.0.efi" {
		t.Errorf("opened %+v by key %q", b.Manifest, b.Key.Name)
	}

	_, err = update.Open(bytes.NewReader(bundle(t, manifest("1.1.0"), "kernel", other)), keys)
	refusedFor(t, "another's key", err, update.Unsigned)
	_, err = update.Open(bytes.NewReader(bytes.Replace(good, []byte(`"1.1.0"`), []byte(`"9.1.0"`), 1)), keys)
	refusedFor(t, "a changed manifest", err, update.Unsigned)
	_, err = update.Open(strings.NewReader("PK\x03\x04 a zip file, say"), keys)
	refusedFor(t, "another file", err, update.Unreadable)
	for _, n := range []int{0, 100, 512, 1024, 1536, 2100} {
		_, err = update.Open(bytes.NewReader(good[:n]), keys)
		if err == nil {
			t.Errorf("a bundle that ends after %d bytes is opened", n)
		}
	}
	m := manifest("1.1.0")
	m.Development = true
	_, err = update.Open(bytes.NewReader(bundle(t, m, "kernel", key)), keys)
	refusedFor(t, "a release key that signs as a developer's", err, update.Unreadable)
	_, err = update.Open(bytes.NewReader(bytes.Replace(good, []byte("sanduk_1.1.0.efi\x00"), []byte("sanduk_1.1.0.exe\x00"), 1)), keys)
	refusedFor(t, "another file for the kernel", err, update.Unreadable)
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	key, _ := signer(t, "active")
	for what, change := range map[string]func(*update.Manifest){
		"no version":                      func(m *update.Manifest) { m.Version = "" },
		"a version that looks counted":    func(m *update.Manifest) { m.Version = "1.1.0+3" },
		"no schema":                       func(m *update.Manifest) { m.Schema = update.Schema{} },
		"a schema that it can't read":     func(m *update.Manifest) { m.Schema = update.Schema{Reads: 2, Writes: 1} },
		"a floor above itself":            func(m *update.Manifest) { m.Floor = "1.2.0" },
		"a floor that is no version":      func(m *update.Manifest) { m.Floor = "x" },
		"an oldest that is not a version": func(m *update.Manifest) { m.From = "y" },
	} {
		m := manifest("1.1.0")
		change(&m)
		if err := update.Create(io.Discard, m, []byte("kernel"), key, today); err == nil {
			t.Errorf("%s: a bundle is made", what)
		}
	}
	if err := update.Create(io.Discard, manifest("1.1.0"), nil, key, today); err == nil {
		t.Error("no kernel: a bundle is made")
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	box := update.Box{Name: "sanduk", Board: "pc-amd64", Running: "1.0.0", Now: today, State: update.State{Schema: 2}}
	m := manifest("1.1.0")
	m.Schema = update.Schema{Reads: 1, Writes: 2}
	if err := box.Judge(&m); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(*update.Manifest, *update.Box)
		want   update.Reason
	}{
		"another product":      {func(m *update.Manifest, _ *update.Box) { m.Name = "hello" }, update.Foreign},
		"another board":        {func(m *update.Manifest, _ *update.Box) { m.Board = "arm64" }, update.Foreign},
		"expired":              {func(m *update.Manifest, _ *update.Box) { m.Expires = today }, update.Expired},
		"the same":             {func(m *update.Manifest, _ *update.Box) { m.Version = "1.0.0" }, update.Downgrade},
		"an older one":         {func(m *update.Manifest, _ *update.Box) { m.Version = "0.9.0" }, update.Downgrade},
		"below the floor":      {func(_ *update.Manifest, b *update.Box) { b.State.Floor = "1.2.0" }, update.Downgrade},
		"too far":              {func(m *update.Manifest, _ *update.Box) { m.From = "1.0.5" }, update.TooNew},
		"can't read the data":  {func(m *update.Manifest, _ *update.Box) { m.Schema = update.Schema{Reads: 3, Writes: 3} }, update.Foreign},
		"knows too little yet": {func(m *update.Manifest, _ *update.Box) { m.Schema = update.Schema{Reads: 1, Writes: 1} }, update.Foreign},
	} {
		m, b := m, box
		c.change(&m, &b)
		refusedFor(t, what, b.Judge(&m), c.want)
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	if _, err := update.ReadKeys(fstest.MapFS{}); err == nil {
		t.Error("no keys are taken")
	}
	if _, err := update.ReadKeys(fstest.MapFS{"active.pub": {Data: []byte("no key")}}); err == nil {
		t.Error("a damaged key is taken")
	}
	_, keys := signer(t, "development")
	if !keys[0].Development {
		t.Error("the development key doesn't say what it is")
	}
}

// FuzzOpen: whatever is offered, it is refused in words or signed by the key.
func FuzzOpen(f *testing.F) {
	key, keys := signer(f, "active")
	good := bundle(f, manifest("1.1.0"), "kernel", key)
	f.Add(good)
	f.Add(good[:1024])
	f.Add([]byte("manifest.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := update.Open(bytes.NewReader(data), keys)
		if err == nil && (b.Manifest.Version != "1.1.0" || b.Manifest.Size != 6) {
			t.Errorf("a forged manifest counts: %+v", b.Manifest)
		}
		if _, ok := errors.AsType[*update.Error](err); err != nil && !ok {
			t.Errorf("%v has no words for a person", err)
		}
	})
}

// TestMinisign has the program whose form the signature is in say what it thinks of it.
func TestMinisign(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Skip("SKIPPED: minisign is not installed (scripts/deps test)")
	}
	key, keys := signer(t, "active")
	dir := t.TempDir()
	in := tar.NewReader(bytes.NewReader(bundle(t, manifest("1.1.0"), "kernel", key)))
	for range 2 {
		h, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, h.Name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	public, err := keys[0].Public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pub"), public, 0o600); err != nil {
		t.Fatal(err)
	}
	verify := exec.Command(program, "-V", "-p", "key.pub", "-m", "manifest.json")
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("file:sanduk_1.1.0.efi")) {
		t.Errorf("minisign: %v\n%s", err, out)
	}
}
