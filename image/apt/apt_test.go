package apt

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestReadSources(t *testing.T) {
	t.Parallel()
	etc := t.TempDir()
	put := func(name, text string) {
		p := filepath.Join(etc, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("sources.list", `# a comment
deb http://mirror.example/debian bookworm main contrib # tail
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/other.gpg] https://other.example bookworm main
deb https://third.example cloud-bookworm main
`)
	put("sources.list.d/debian.sources", `Types: deb deb-src
# a comment inside
URIs: http://mirror.example/security
Suites: bookworm-security bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://off.example
Suites: bookworm
Components: main
`)
	got, err := ReadSources(etc, "bookworm")
	if err != nil {
		t.Fatal(err)
	}
	want := []Source{
		{URIs: []string{"http://mirror.example/debian"}, Suites: []string{"bookworm"}, Components: []string{"main", "contrib"}},
		{URIs: []string{"http://mirror.example/security"}, Suites: []string{"bookworm-security"}, Components: []string{"main"},
			SignedBy: "/usr/share/keyrings/debian-archive-keyring.gpg"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ReadSources = %+v, want %+v", got, want)
	}
	text := string(formatSources(got, "main", NonFree))
	if !strings.Contains(text, "Components: main non-free-firmware\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n") {
		t.Errorf("formatSources = %q", text)
	}
	if again := parseDeb822([]byte(text)); len(again) != 2 || again[1].SignedBy != want[1].SignedBy {
		t.Errorf("what was written reads back as %+v", again)
	}
	if _, err := ReadSources(etc, "trixie"); err == nil || !strings.Contains(err.Error(), "trixie") {
		t.Errorf("ReadSources without a fitting source = %v, want an error with the release", err)
	}
}

func TestParseDeb822Key(t *testing.T) {
	t.Parallel()
	got := parseDeb822([]byte("Types: deb\nURIs: http://m\nSuites: x\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"))
	if len(got) != 1 || !strings.HasPrefix(got[0].SignedBy, "-----BEGIN") || !strings.HasSuffix(got[0].SignedBy, "\n abc") {
		t.Errorf("key in the stanza = %+v", got)
	}
}

func TestCodename(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "os-release")
	os.WriteFile(file, []byte("ID=debian\nVERSION_CODENAME=\"bookworm\"\n"), 0o644)
	if got, err := Codename(file); err != nil || got != "bookworm" {
		t.Errorf("Codename = %q, %v, want bookworm", got, err)
	}
	os.WriteFile(file, []byte("ID=plan9\n"), 0o644)
	if _, err := Codename(file); err == nil || !strings.Contains(err.Error(), "plan9") {
		t.Errorf("Codename of another system = %v, want an error that names it", err)
	}
}

func TestRealName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, depends, want string }{
		{"linux-image-amd64", "linux-image-6.1.0-56-amd64 (= 6.1.192-2)", "linux-image-6.1.0-56-amd64"},
		{"linux-image-6.1.0-56-amd64", "kmod, linux-base (>= 4.3~), initramfs-tools", ""},
		{"intel-microcode", "iucode-tool (>= 1.0)", ""},
	}
	for _, tt := range tests {
		if got := realName(Package{Name: tt.name, Depends: tt.depends}); got != tt.want {
			t.Errorf("realName(%s) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPackagePathAndCopyright(t *testing.T) {
	t.Parallel()
	p := Package{Name: "x", Root: t.TempDir()}
	for name, text := range map[string]string{
		"usr/sbin/mke2fs":           "elf",
		"usr/share/doc/x/copyright": "Files: *\nLicense: MIT\n text\nFiles: b\nLicense: GPL-2+\nLicense: MIT\n",
	} {
		full := filepath.Join(p.Root, name)
		os.MkdirAll(filepath.Dir(full), 0o755)
		os.WriteFile(full, []byte(text), 0o644)
	}
	if got, err := p.Path("/sbin/mke2fs"); err != nil || !strings.HasSuffix(got, "/usr/sbin/mke2fs") {
		t.Errorf("Path = %q, %v, want the file in /usr", got, err)
	}
	if _, err := p.Path("/sbin/nothing"); err == nil {
		t.Error("Path of a missing file gave no error")
	}
	_, licenses, err := p.Copyright()
	if want := []string{"GPL-2+", "MIT"}; err != nil || !reflect.DeepEqual(licenses, want) {
		t.Errorf("licences = %q, %v, want %q", licenses, err, want)
	}
}
