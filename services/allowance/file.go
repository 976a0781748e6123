package allowance

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	magic      = "sanduk>>"
	version    = 1
	headerSize = 48
	recordSize = 24
	// slack is how many records that are past the file may hold beside as many as
	// are not: 1.5 MB.
	slack = 1 << 16
	// maxFile is above what a full directory's accounts could fill, times two. What
	// is larger was not written here.
	maxFile = 2 << 30
	// syncAfter is how long what was counted may be away from the disk: a sync for each
	// would have every message wait for one more.
	syncAfter = time.Second
)

// what a record says.
type what uint8

const (
	whatMessages   what = 1
	whatRecipients what = 2
	whatAddress    what = 3
	whatTold       what = 4 // and 5: plus the Bound
)

type record struct {
	what  what
	hour  int64
	value uint64
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendSum(b []byte, from int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli()))
}

func sound(b []byte) bool {
	n := len(b) - 4
	return binary.BigEndian.Uint32(b[n:]) == crc32.Checksum(b[:n], castagnoli())
}

func (r record) append(b []byte, account mail.AccountID) []byte {
	from := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(account))
	b = append(b, byte(r.what), 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(r.hour))
	b = binary.BigEndian.AppendUint64(b, r.value)
	return appendSum(b, from)
}

// open reads the file, or begins one.
func (c *Counter) open(now time.Time) error {
	f, err := c.options.FS.OpenFile(c.options.File, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return c.rewrite()
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", c.options.File, err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", c.options.File, err), f.Close())
	}
	good, err := c.load(io.NewSectionReader(f, 0, min(info.Size(), maxFile)), now)
	if err != nil {
		return errors.Join(fmt.Errorf("read %s: %w", c.options.File, err), f.Close())
	}
	if good >= headerSize && good == info.Size() {
		c.file = f
		return nil
	}
	c.options.Log.Warn("the file of what people have sent ends early", "file", c.options.File, "bytes", info.Size(), "good", good)
	return errors.Join(f.Close(), c.rewrite())
}

// read takes in what the file has, and opens nothing that could be written.
func (c *Counter) read(now time.Time) error {
	defer c.giveKey()
	f, err := c.options.FS.OpenFile(c.options.File, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", c.options.File, err)
	}
	if _, err = c.load(io.NewSectionReader(f, 0, maxFile), now); err != nil {
		err = fmt.Errorf("read %s: %w", c.options.File, err)
	}
	return errors.Join(err, f.Close())
}

// load takes a file's records in and says how many bytes of it are good. The error
// is the reader's.
func (c *Counter) load(r io.Reader, now time.Time) (good int64, err error) {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, ended(err)
	}
	if !bytes.HasPrefix(head, []byte(magic)) || head[len(magic)] != version || !sound(head) {
		return 0, nil
	}
	copy(c.key[:], head[len(magic)+4:])
	good = headerSize
	buf := make([]byte, recordSize*2730) // as many as fit into 64 KB
	for {
		n, err := io.ReadFull(r, buf)
		for b := range bytesOf(buf[:n]) {
			if !sound(b) {
				return good, nil
			}
			c.replay(b, now)
			good += recordSize
			c.records++
		}
		if err != nil {
			return good, ended(err)
		}
	}
}

// bytesOf gives record by record.
func bytesOf(b []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(b) >= recordSize; b = b[recordSize:] {
			if !yield(b[:recordSize]) {
				return
			}
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// replay takes one record in. What is of a time to come was written before the
// clock was put right, or the clock is not right yet: it counts as now.
func (c *Counter) replay(b []byte, now time.Time) {
	account := mail.AccountID(binary.BigEndian.Uint32(b))
	r := record{what(b[4]), int64(binary.BigEndian.Uint32(b[8:])), binary.BigEndian.Uint64(b[12:])}
	p := c.page(account, now)
	if r.what != whatAddress {
		r.hour = min(r.hour, p.hour)
	}
	switch r.what {
	case whatMessages:
		p.count(Messages, r.hour, int(min(r.value, maxCount)))
	case whatRecipients:
		p.count(Recipients, r.hour, int(min(r.value, maxCount)))
	case whatAddress:
		p.known.set(r.value&^dayMask, uint16(r.hour/hours))
	case whatTold, whatTold + 1:
		p.told[r.what-whatTold] = r.hour
	}
}

// maxCount keeps a record that somebody made up from overflowing a sum.
const maxCount = 1 << 30

// write adds records to the file. The caller holds mu.
func (c *Counter) write(account mail.AccountID, records ...record) {
	if c.file == nil {
		return
	}
	b := make([]byte, 0, 2*recordSize)
	for _, r := range records {
		b = r.append(b, account)
	}
	_, err := c.file.WriteAt(b, headerSize+int64(c.records)*recordSize)
	if err == nil {
		c.records += len(records)
		if c.syncing == nil {
			c.syncing = time.AfterFunc(syncAfter, c.sync)
		}
		if c.records < slack {
			return
		}
		if live := c.live(); c.records-live > max(slack, live) {
			err = c.rewrite()
		}
	}
	if err != nil {
		c.fail(err)
		return
	}
	c.failed = false
}

// sync makes durable what was written. Nobody waits for it.
func (c *Counter) sync() {
	c.mu.Lock()
	f := c.file
	c.syncing = nil
	c.mu.Unlock()
	if f == nil {
		return
	}
	err := f.Sync()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || c.file != f { // or it has been replaced by one that is durable, or closed
		return
	}
	// What a sync that failed has left of the file nobody knows.
	if err := c.rewrite(); err != nil {
		c.fail(err)
	}
}

// live is how many records a new file would have at most.
func (c *Counter) live() int {
	n := 0
	for _, p := range c.accounts {
		n += len(p.known) + 2*hours + 2
	}
	return n
}

// giveKey makes a key if there is none.
func (c *Counter) giveKey() {
	if c.key == [32]byte{} {
		_, _ = rand.Read(c.key[:]) // it never fails
	}
}

// rewrite makes the file anew with what still counts. The old one stays until the
// new one is whole.
func (c *Counter) rewrite() error {
	c.giveKey()
	n := 0
	err := durable.Replace(c.options.FS, c.options.File, 0o600, func(w io.Writer) error {
		n = 0
		head := make([]byte, 0, headerSize)
		head = append(append(append(head, magic...), version, 0, 0, 0), c.key[:]...)
		if _, err := w.Write(appendSum(head, 0)); err != nil {
			return err
		}
		for _, id := range c.ids() {
			p := c.accounts[id]
			p.known.expire(p.hour / hours)
			if p.empty() {
				delete(c.accounts, id)
				continue
			}
			b := p.records(id)
			n += len(b) / recordSize
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", c.options.File, err)
	}
	f, err := c.options.FS.OpenFile(c.options.File, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", c.options.File, err)
	}
	if c.file != nil {
		_ = c.file.Close() // it has been replaced
	}
	c.file, c.records = f, n
	return nil
}

// records are a page's.
func (p *page) records(id mail.AccountID) []byte {
	b := make([]byte, 0, (len(p.known)+2*hours+2)*recordSize)
	for bound, sent := range p.sent {
		for h := p.hour - hours + 1; h <= p.hour; h++ {
			if n := sent[h%hours]; n > 0 {
				b = record{whatMessages + what(bound), h, uint64(n)}.append(b, id)
			}
		}
		if at := p.told[bound]; at > p.hour-hours {
			b = record{whatTold + what(bound), at, 0}.append(b, id)
		}
	}
	for _, e := range p.known {
		b = record{whatAddress, int64(e&dayMask) * hours, e &^ dayMask}.append(b, id)
	}
	return b
}
