package update

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Dir is where the boot partition has the kernel images.
const Dir = "EFI/Linux"

// Tries is how often a version on trial is started before the loader gives it up: three, so that one power cut or one
// slow disk doesn't end it.
const Tries = 3

// tempName has no ending that the loader looks for.
const tempName = "sanduk.new"

// FileName is the name of a blessed version's kernel image.
func FileName(v Version) string { return "sanduk_" + string(v) + ".efi" }

// Entry is a kernel image on the boot partition.
type Entry struct {
	Version Version
	// Counted says that the name has a counter: the version is on trial, or it was given up.
	Counted bool
	Left    int // tries left; 0: the loader starts it only when there is nothing else
	Done    int // tries that were made
	Size    int64
	Name    string // of the file in Dir
}

// entryRE: name, tries left, tries done. The loader takes counters of any length; ours have one or two digits.
var entryRE = regexp.MustCompile(`^sanduk_([^+_]+)(?:\+([0-9]{1,2})(?:-([0-9]{1,2}))?)?\.efi$`)

// ParseEntry reads a file name, without its directory; ok is false for what is none of ours. The size is not known.
func ParseEntry(name string) (e Entry, ok bool) {
	m := entryRE.FindStringSubmatch(name)
	if m == nil || Version(m[1]).Check() != nil {
		return Entry{}, false
	}
	e = Entry{Version: Version(m[1]), Name: name, Counted: m[2] != ""}
	e.Left, _ = strconv.Atoi(m[2]) // "" is 0
	e.Done, _ = strconv.Atoi(m[3])
	return e, true
}

// name is the file name for the entry's state.
func (e Entry) name() string {
	switch {
	case !e.Counted:
		return FileName(e.Version)
	case e.Done == 0:
		return fmt.Sprintf("sanduk_%s+%d.efi", e.Version, e.Left)
	}
	return fmt.Sprintf("sanduk_%s+%d-%d.efi", e.Version, e.Left, e.Done)
}

// bootable says that the loader starts it by itself.
func (e Entry) bootable() bool { return e.Size > 0 && (!e.Counted || e.Left > 0) }

// OnTrial says that it has to prove itself yet, or didn't. What a person left has no tries, and none behind it.
func (e Entry) OnTrial() bool { return e.Counted && e.Left+e.Done > 0 }

// List returns the versions on the boot partition in the order in which the loader would start them.
func List(esp durable.FS) ([]Entry, error) {
	files, err := esp.ReadDir(Dir)
	if err != nil {
		return nil, fmt.Errorf("update: boot partition: %w", err)
	}
	var list []Entry
	for _, f := range files {
		e, ok := ParseEntry(f.Name())
		if !ok || f.IsDir() {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, fmt.Errorf("update: boot partition: %w", err)
		}
		e.Size = info.Size()
		list = append(list, e)
	}
	slices.SortStableFunc(list, loaderOrder)
	return list, nil
}

// loaderOrder is systemd-boot's: what has no tries left comes last, then the newest first.
func loaderOrder(a, b Entry) int {
	return cmp.Or(
		compareBool(a.Counted && a.Left == 0, b.Counted && b.Left == 0),
		b.Version.Compare(a.Version),
		cmp.Compare(a.Name, b.Name),
	)
}

// find returns the entries of a version.
func find(list []Entry, v Version) []Entry {
	return slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Version != v })
}

// rename gives an entry the name of another state, durably.
func rename(esp durable.FS, e Entry, to string) error {
	if e.Name == to {
		return nil
	}
	if err := esp.Rename(path.Join(Dir, e.Name), path.Join(Dir, to)); err != nil {
		return fmt.Errorf("update: boot partition: %w", err)
	}
	return syncDir(esp)
}

func remove(esp durable.FS, name string) error {
	if err := esp.Remove(path.Join(Dir, name)); err != nil {
		return fmt.Errorf("update: boot partition: %w", err)
	}
	return syncDir(esp)
}

func syncDir(esp durable.FS) error {
	if err := esp.SyncDir(Dir); err != nil {
		return fmt.Errorf("update: boot partition: %w", err)
	}
	return nil
}
