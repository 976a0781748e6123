package update

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Reserve stays free on the boot partition, in bytes, beside what is being written: directories grow, and the next
// update must find room for its first bytes.
const Reserve = 8 << 20

// Installing an update takes three steps with the boot partition mounted anew for each, so that what is read back comes
// from the disk and not from memory: Stage writes, Confirm reads back, Commit gives it its name. A power cut in any of
// them leaves the versions that were there.

// Stage makes room and writes the kernel image under a name that no loader looks for. free is what the partition has
// left, asked for after room was made.
func Stage(esp durable.FS, b *Bundle, running Version, free func() (int64, error)) error {
	if err := makeRoom(esp, running, b.Manifest.Version); err != nil {
		return err
	}
	left, err := free()
	if err != nil {
		return unwritable(err)
	}
	if left < b.Manifest.Size+Reserve {
		return &Error{Reason: NoSpace, Text: fmt.Sprintf("The boot partition has %d MB left, and the update needs %d MB. Remove files from it that aren't the box's, or install the image anew (the mail stays).",
			left>>20, (b.Manifest.Size+Reserve)>>20)}
	}
	f, err := esp.OpenFile(path.Join(Dir, tempName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unwritable(err)
	}
	err = b.copyKernel(f)
	damaged := errors.Is(err, errSum) || errors.Is(err, io.ErrUnexpectedEOF)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		_ = esp.Remove(path.Join(Dir, tempName)) // best effort: Tidy removes it
		if damaged {
			return unreadable(err)
		}
		return unwritable(err)
	}
	return syncDir(esp)
}

// Confirm reads back what Stage wrote.
func Confirm(esp durable.FS, m *Manifest) error {
	f, err := esp.Open(path.Join(Dir, tempName))
	if err != nil {
		return unwritable(err)
	}
	defer func() { _ = f.Close() }() // only read from
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(f, 0, MaxKernel+1))
	if err == nil && n != m.Size {
		err = fmt.Errorf("%d bytes instead of %d", n, m.Size)
	}
	if err == nil {
		err = m.checkSum(sum)
	}
	if err != nil {
		return &Error{Reason: Unwritable, Text: "The boot partition doesn't keep what is written to it: the disk is probably failing. The box stays as it is; replace the disk soon.", Err: err}
	}
	return nil
}

// Commit puts what was confirmed on trial: the next start tries it.
func Commit(esp durable.FS, m *Manifest) error {
	e := Entry{Version: m.Version, Counted: true, Left: Tries}
	if err := esp.Rename(path.Join(Dir, tempName), path.Join(Dir, e.name())); err != nil {
		return unwritable(err)
	}
	return syncDir(esp)
}

func unwritable(err error) error {
	return &Error{Reason: Unwritable, Text: "The boot partition can't be written. The box stays as it is. Restart it and try again; if it happens again, the disk may be failing.", Err: err}
}

// makeRoom removes what isn't needed any more: leftovers, versions that were given up, all of the version that comes,
// and of the blessed ones all but the one that runs and the newest other, to which the box returns.
func makeRoom(esp durable.FS, running, coming Version) error {
	if err := Tidy(esp, running); err != nil {
		return err
	}
	list, err := List(esp)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(e Entry) bool { return e.Version == running })
	kept := false
	for _, e := range list {
		if !kept && e.bootable() && !e.Counted && e.Version != coming {
			kept = true
			continue
		}
		if err := remove(esp, e.Name); err != nil {
			return err
		}
	}
	return nil
}

// Untidy says that the boot partition has something that Tidy would remove.
func Untidy(esp durable.FS) (bool, error) {
	if _, err := esp.Stat(path.Join(Dir, tempName)); !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	list, err := List(esp)
	if err != nil {
		return false, err
	}
	return len(leftovers(list)) > 0, nil
}

// Tidy removes what a power cut left: a half-written image, empty files, and the second name of a version. It never
// removes the last file that the loader could start.
func Tidy(esp durable.FS, running Version) error {
	if err := esp.Remove(path.Join(Dir, tempName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(err)
	}
	list, err := List(esp)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(e Entry) bool { return e.Version == running && e.Size > 0 }) {
		return &Error{Reason: Unwritable, Text: "The boot partition doesn't hold the version that runs. Install the image anew soon; the mail stays."}
	}
	for _, e := range leftovers(list) {
		if err := remove(esp, e.Name); err != nil {
			return err
		}
	}
	return syncDir(esp)
}

// leftovers are empty files, and of two names of one version the one that the interrupted rename made: a plain name
// beside a counted one was the blessing, and the version proves itself once more.
func leftovers(list []Entry) []Entry {
	var out []Entry
	for i, e := range list {
		double := func(o Entry) bool {
			return o.Version == e.Version && o.Size > 0 && (o.Counted && !e.Counted || o.Counted == e.Counted && o.Left < e.Left)
		}
		if e.Size == 0 || slices.ContainsFunc(list[:i], double) || slices.ContainsFunc(list[i+1:], double) {
			out = append(out, e)
		}
	}
	return out
}
