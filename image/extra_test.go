package image

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

func TestWithExtra(t *testing.T) {
	t.Parallel()
	product := fstest.MapFS{
		"maild.service": {Data: []byte("the product's")},
		"netd.service":  {Data: []byte("the product's")},
	}
	root := t.TempDir()
	for name, text := range map[string]string{"chaos/chaos.service": "chaos", "chaos/netd.service": "another", "chaos/main.go": "package main"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := withExtra(product, root, nil); !slices.Equal(services(t, got), []string{"maild.service: the product's", "netd.service: the product's"}) {
		t.Errorf("without extra: %q, want the product's", services(t, got))
	}
	got := services(t, withExtra(product, root, []string{"chaos"}))
	if want := []string{"chaos.service: chaos", "maild.service: the product's", "netd.service: another"}; !slices.Equal(got, want) {
		t.Errorf("with extra: %q, want %q", got, want)
	}
	if _, err := fs.ReadDir(withExtra(product, root, []string{"no such directory"}), "."); err == nil {
		t.Error("a directory that is not there gave no error")
	}
	if _, err := fs.ReadFile(withExtra(product, root, []string{"chaos"}), "other.service"); err == nil {
		t.Error("a file that is in no layer gave no error")
	}
}

// services reads every unit file.
func services(t *testing.T, files fs.FS) []string {
	t.Helper()
	names, err := fs.Glob(files, "*.service")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name+": "+string(text))
	}
	return list
}

func TestOptionsName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o    Options
		want string
	}{{Options{}, "sanduk"}, {Options{Hello: true}, "hello"}, {Options{Extra: []string{"a/chaos", "a/other"}}, "chaos"}} {
		if got := tt.o.name(); got != tt.want {
			t.Errorf("name of %+v = %q, want %q", tt.o, got, tt.want)
		}
	}
}
