package draft

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// MemoryLimit is how many bytes of a draft are kept in memory: what most
// attachments come to. A file costs as much again as all else that is done with
// a message of a megabyte.
const MemoryLimit = 2 << 20

// Draft is a message on its way in. Whoever made it discards it, whatever
// became of it.
type Draft struct {
	spool   *Spool
	limit   int64
	size    int64
	memory  memory       // the bytes, while file is nil
	file    durable.File // the bytes, once they are more than MemoryLimit
	name    string       // of file in the spool
	scanner *message.Scanner
	lines   message.Canonical

	held   int64 // bytes of scanner's that the spool has counted
	err    error // the first failure, which every later Write and Finish repeats
	digest *message.Digest
	hops   int
	done   bool // discarded
}

// Append is one message for a mailbox, as IMAP's APPEND or a migration brings it.
type Append struct {
	Draft    *Draft // finished
	Flags    mail.Flags
	Internal time.Time // INTERNALDATE
}

var errMisuse = errors.New("draft: written after Finish or Discard")

// Write adds p to the message. Its errors are mail.ErrTooLarge over the draft's
// limit, mail.ErrNoSpace when the disk is full, or the disk's own; after the
// first one the draft is good for nothing but Discard.
func (d *Draft) Write(p []byte) (int, error) {
	if d.done || d.digest != nil {
		return 0, errMisuse
	}
	if d.err != nil {
		return 0, d.err
	}
	if d.err = d.write(p); d.err != nil {
		return 0, d.err
	}
	return len(p), nil
}

func (d *Draft) write(p []byte) error {
	if int64(len(p)) > d.limit-d.size {
		return mail.ErrTooLarge
	}
	if d.file == nil && !d.spool.grow(&d.memory, d.size+int64(len(p))) {
		if err := d.moveToFile(); err != nil {
			return fmt.Errorf("draft: make spool file: %w", diskError(err))
		}
	}
	if d.file == nil {
		d.memory.writeAt(p, d.size)
	} else if err := d.writeFile(p); err != nil {
		return fmt.Errorf("draft: write spool file: %w", diskError(err))
	}
	d.size += int64(len(p))
	_, _ = d.scanner.Write(p) // they never fail
	_, _ = d.lines.Write(p)
	return d.spool.scan(&d.held, int64(d.scanner.Held()))
}

func (d *Draft) writeFile(p []byte) error {
	if err := d.spool.takeDisk(len(p)); err != nil {
		return err
	}
	_, err := d.file.Write(p)
	return err
}

func (d *Draft) moveToFile() error {
	f, name, err := d.spool.create()
	if err != nil {
		return err
	}
	d.file, d.name = f, name
	for rest := d.size; rest > 0; rest -= blockSize {
		if err := d.writeFile(d.memory[(d.size-rest)/blockSize][:min(rest, blockSize)]); err != nil {
			return err
		}
	}
	d.spool.release(&d.memory)
	return nil
}

// diskError gives a full disk (or quota) the vocabulary's name.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w (%w)", mail.ErrNoSpace, err)
	}
	return err
}

// Finish ends the writing and makes the digest ready. It repeats the error of a
// Write that failed. A second Finish does nothing.
func (d *Draft) Finish() error {
	switch {
	case d.done:
		return errMisuse
	case d.err != nil:
		return d.err
	case d.digest == nil:
		d.digest, d.hops = d.scanner.Finish(), d.scanner.Hops()
		d.scanner = nil
	}
	return nil
}

// Size is how many bytes have been written.
func (d *Draft) Size() int64 { return d.size }

// Canonical is the size that it has when every line ends in CRLF.
func (d *Draft) Canonical() int64 { return d.lines.Size() }

// Digest is the message's digest; nil before Finish. It is shared: nobody may
// change it.
func (d *Draft) Digest() *message.Digest { return d.digest }

// Hops is how many servers have handled the message, as message.Scanner counts
// them; 0 before Finish.
func (d *Draft) Hops() int { return d.hops }

// Reader gives the message's bytes after Finish, from the beginning, to be read
// in order or at any offset. It is good until Discard; any number may be in use.
func (d *Draft) Reader() *io.SectionReader {
	if d.file != nil {
		return io.NewSectionReader(d.file, 0, d.size)
	}
	return io.NewSectionReader(d.memory, 0, d.size)
}

// Discard frees what the draft holds. It may be called at any time and as often
// as one likes; nobody may be reading.
func (d *Draft) Discard() {
	if d.done {
		return
	}
	d.done = true
	d.spool.unscan(&d.held)
	d.spool.release(&d.memory)
	if d.file != nil {
		// Nothing depends on these: NewSpool removes what could not be.
		_ = d.file.Close()
		_ = d.spool.fs.Remove(d.name)
	}
}
