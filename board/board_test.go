package board_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanduk-mail/sanduk/board"
)

func TestLoadEveryBoard(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		found++
		b, err := board.Load(os.DirFS(e.Name()))
		if err != nil {
			t.Errorf("board %s: %v", e.Name(), err)
			continue
		}
		if b.Name != e.Name() {
			t.Errorf("board %s calls itself %q", e.Name(), b.Name)
		}
		if got := b.CommandLine(); !strings.Contains(got, "panic=1") {
			t.Errorf("board %s: command line %q has no panic=1: a bad update would hang instead of going back", e.Name(), got)
		}
	}
	if found == 0 {
		t.Error("no board found")
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"name":"x","arch":"amd64","max_uki":40,"kernel":{"package":"k","image":"vmlinuz"},
		"loader":{"package":"l","loader":"/a","stub":"/b","path":"EFI/x"},"cmdline":[{"word":"quiet","why":"y"}]}`
	tests := []struct {
		name, json, modules, want string
	}{
		{"unknown field", strings.Replace(good, `"arch"`, `"arhc"`, 1), "ext4", "arhc"},
		{"two words", strings.Replace(good, `"quiet"`, `"quiet panic=1"`, 1), "ext4", "not one word"},
		{"no reason", strings.Replace(good, `"y"`, `""`, 1), "ext4", "no reason"},
		{"no modules", good, "# nothing\n", "no modules"},
		{"module twice", good, "usb-storage\nusb_storage\n", "line 2: usb_storage is listed twice"},
		{"bad module", good, "ext4 ../etc\n", "not a module name"},
		{"name with slash", strings.Replace(good, `"x","arch"`, `"x/y","arch"`, 1), "ext4", "name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := board.Load(fstest.MapFS{
				"board.json": {Data: []byte(tt.json)},
				"modules":    {Data: []byte(tt.modules)},
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := board.Load(fstest.MapFS{"board.json": {Data: []byte(good)}, "modules": {Data: []byte("ext4 # yes\n")}}); err != nil {
		t.Errorf("Load of a good board: %v", err)
	}
}
