package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// What screen and pages say while the office is open only to read.
const (
	fullWhat = "The disk is full, so the box has started only half: mail can be read, but nothing new comes in and nothing can be changed or deleted."
	fullToDo = "Put a larger disk in, or remove from this one what is not the box's, then restart the box."

	cantStartReadOnly = "The disk takes no writes, and the mail on it can't be read either. Restart the box. If this comes back, have what is on the disk copied, and replace it."
	cantStartNewer    = "This version of the software is older than the one that was here last, and does not know all that it has written. Nothing is lost. Start the newer version again."
	cantStartFull     = "The disk is full, so the mail can't be started. Nothing is lost by that. Put a larger disk in, or remove from this one what is not the box's, then restart the box."
)

// roomAgain is how much more room there has to be before a box that was too full to
// start is started anew: reading is taken away by that for a moment.
const roomAgain = 32 << 20

// isFull says whether an error is that the disk is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, mail.ErrNoSpace)
}

// openToRead opens what is on a disk that takes no writes, or has no room for what a
// start has to write: so that everybody's mail can be read. What has to be written is
// written to memory: by the journal and for certificates and drafts to a
// durable.Shadow, by the small indexes (directory, queue, what was collected) to
// copies; accounts' indexes are only read. Nothing of it is ever acknowledged: the
// journal takes nothing. From there on all is as when the disk fails while the box
// runs, see endure.
func (o *Office) openToRead(ctx context.Context, cause error) error {
	o.log.Error("the disk takes no writes: mail can be read, but none is received or changed", "err", cause)
	if err := o.Close(); err != nil {
		o.log.Warn("what was open had to be let go", "err", err)
	}
	o.onlyRead = cause
	if isFull(cause) {
		o.onlyRead = fmt.Errorf("%w: %w", mail.ErrNoSpace, cause)
	}
	o.freeThen, _ = freeBytes(o.options.Data) // 0 asks for the least
	o.readOnly.Store(true)
	if err := o.lockData(); err != nil {
		return errors.Join(err, cause)
	}
	var err error
	if o.scratch, err = memoryDir(); err != nil {
		return errors.Join(fmt.Errorf("office: look for a place in memory: %w", err), cause)
	}
	o.close = append(o.close, func() error { return os.RemoveAll(o.scratch) })
	if err := o.openData(ctx); err != nil {
		return fmt.Errorf("%w (and only to read: %w)", cause, err)
	}
	return nil
}

// lockData keeps a second process out, as the index of the directory does where it
// is not only a copy.
func (o *Office) lockData() error {
	f, err := os.Open(filepath.Join(o.options.Data, "mail", directory.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("office: lock the data: %w", err)
	}
	o.close = append(o.close, f.Close)
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("office: lock the data: %w: %w", directory.ErrInUse, err)
	}
	return nil
}

// memoryDir makes a directory that is not on the box's disk.
func memoryDir() (string, error) {
	var errs []error
	for _, parent := range []string{os.TempDir(), "/dev/shm"} {
		dir, err := os.MkdirTemp(parent, "sanduk-")
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// keeping is files, or when the office is only open to read, what keeps in memory
// whatever is written to them.
func (o *Office) keeping(files *durable.OS) durable.FS {
	if o.onlyRead == nil {
		return files
	}
	shadow := durable.NewShadow(files)
	o.close = append(o.close, shadow.Close)
	return shadow
}

// indexFile is where a small index is opened: its place, or a copy in memory.
func (o *Office) indexFile(name string) (string, error) {
	file := o.files.Path(name)
	if o.onlyRead == nil {
		return file, nil
	}
	copied := filepath.Join(o.scratch, path.Base(name))
	from, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return copied, nil // it is made from the log
	}
	if err != nil {
		return "", fmt.Errorf("office: copy %s: %w", name, err)
	}
	defer func() { _ = from.Close() }() // only read from
	to, err := os.OpenFile(copied, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("office: copy %s: %w", name, err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		return "", fmt.Errorf("office: copy %s: %w", name, err)
	}
	return copied, nil
}

// searchDir is where the search indexes are. They are only read when the disk takes
// no writes; without any, there are none in memory either.
func (o *Office) searchDir() (string, error) {
	const name = "mail/search"
	if o.onlyRead == nil {
		return o.files.Path(name), durable.MkdirAllSync(o.files, name, 0o700)
	}
	if _, err := o.files.Stat(name); errors.Is(err, fs.ErrNotExist) {
		dir := filepath.Join(o.scratch, "search")
		return dir, os.Mkdir(dir, 0o700)
	}
	return o.files.Path(name), nil
}

// probeRoom says that a disk that was too full to start has no more room than then.
func (o *Office) probeRoom() error {
	if !isFull(o.onlyRead) {
		return nil
	}
	free, err := freeBytes(o.options.Data)
	if err == nil && free < o.freeThen+roomAgain {
		err = fmt.Errorf("office: %d MB are free: %w", free>>20, mail.ErrNoSpace)
	}
	return err
}

// readOnlyFinding says that nothing is written, and why.
func (o *Office) readOnlyFinding() mail.Finding {
	if isFull(o.onlyRead) {
		return mail.Finding{What: fullWhat, ToDo: fullToDo}
	}
	return mail.Finding{What: readOnlyWhat, ToDo: readOnlyToDo}
}
