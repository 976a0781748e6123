package library

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// program is a dynamically linked program that every Debian has.
const program = "/bin/ls"

func TestClosure(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/lib/x86_64-linux-gnu/libc.so.6"); err != nil {
		t.Skip("needs an amd64 Debian machine with shared libraries")
	}
	files, err := Closure([]string{program}, []string{"/"})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
		if info, err := os.Lstat(f.File); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is found as %s, which is not a regular file", f.Path, f.File)
		}
	}
	if !slices.Contains(paths, "/lib64/ld-linux-x86-64.so.2") {
		t.Errorf("no program interpreter among %q", paths)
	}
	if !slices.ContainsFunc(paths, func(p string) bool { return strings.HasSuffix(p, "/libc.so.6") }) {
		t.Errorf("no libc.so.6 among %q", paths)
	}
}

func TestClosureNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(program); err != nil {
		t.Skip("needs a Debian machine")
	}
	_, err := Closure([]string{program}, []string{t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "is in none of the packages") {
		t.Errorf("Closure over an empty directory = %v, want the missing library's name", err)
	}
}
