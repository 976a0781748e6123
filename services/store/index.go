package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	accountsDir = "accounts"
	// maxOpenIndexes is how many accounts' indexes are open at a time: those of
	// all 300 people, since a message to everybody asks all of them for its
	// thread, and opening one takes as long as twenty deliveries into it. A
	// fraction of the descriptors that the unit file allows.
	maxOpenIndexes = 400
	// mmapSize is address space, not memory: an index below it never has to be
	// mapped anew, which would wait for everybody who is reading.
	mmapSize = 64 << 20
	// allocSize is by how much an index's file grows: most accounts are small.
	allocSize = 256 << 10
	// lockWait is how long another process may hold the index: none should.
	lockWait = 2 * time.Second
	// blockRows is how many UIDs share a value of the rows bucket: 16 rows are
	// 900 bytes, four values to a page.
	blockRows = 16
)

// errIndex says that an index does not hold what was written into it. It is
// rebuilt from the log.
var errIndex = errors.New("index is damaged")

// damagedSuffix is what is added to the name of a damaged index. One is kept of
// each account, for whoever wants to know what happened.
const damagedSuffix = ".damaged"

// buildingSuffix is what is added to the name of an index that a rebuild has not
// finished. Half an index would be believed: it says what it has, and the
// registry says that nothing older needs to be read.
const buildingSuffix = ".building"

// newSuffix is what is added to the name of an index that is empty still.
const newSuffix = ".new"

// checkingSuffix is what is added to the name of an index that Check makes from the
// log, to compare: so that it takes little memory.
const checkingSuffix = ".checking"

// The buckets of an index.
func buckets() []string {
	return []string{"meta", "mailboxes", "rows", "emails", "threads", "threadkeys", "subscriptions", "keywords", "changes", "expunged", "feed", "entries"}
}

// index is the bbolt file of one account.
type index struct {
	account *account
	// mu is held by whoever loads from or writes a checkpoint to the index, so
	// that a load never sees half of what a checkpoint moves over.
	mu sync.Mutex
	// suffix is added to the file's name while the account is made from the log:
	// until all of it is there (buildingSuffix), or only to compare (checkingSuffix).
	// Nobody else has the account then.
	suffix string
	// inMemory says that no checkpoint is written: the account is made from the log
	// where the disk has no room for its index, or takes no writes.
	inMemory bool

	// Guarded by the store's indexLock:
	db    *bolt.DB // nil while closed
	users int
	used  uint64
}

func (ix *index) dir() string {
	return path.Join(accountsDir, strconv.FormatUint(uint64(ix.account.id), 10))
}

func (ix *index) name() string {
	return path.Join(ix.dir(), "index.db") + ix.suffix
}

// exists reports whether the account has an index file yet.
func (ix *index) exists() (bool, error) {
	_, err := ix.account.store.files.Stat(ix.name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// with opens the index for the time of fn, and takes it out of use when it turns
// out to be damaged.
func (ix *index) with(fn func(db *bolt.DB) error) error {
	err := ix.use(fn)
	if errors.Is(err, errIndex) {
		ix.condemn(err)
	}
	return err
}

// use opens the index for the time of fn.
func (ix *index) use(fn func(db *bolt.DB) error) error {
	s := ix.account.store
	s.indexLock.Lock()
	if ix.db == nil {
		if err := ix.open(); err != nil {
			s.indexLock.Unlock()
			return fmt.Errorf("open index of account %s: %w", ix.account.id, err)
		}
		s.openIndexes = append(s.openIndexes, ix)
	}
	s.indexClock++
	ix.used = s.indexClock
	ix.users++
	db := ix.db
	s.indexLock.Unlock()
	defer func() {
		s.indexLock.Lock()
		defer s.indexLock.Unlock()
		ix.users--
		s.closeIndexes(maxOpenIndexes)
	}()
	return guard(func() error { return fn(db) })
}

// condemn takes an index out of use that has been found damaged: it is renamed,
// so that the next start makes a new one from the log, and nothing is written
// into it any more. Until then, what is in memory is served.
func (ix *index) condemn(cause error) {
	a := ix.account
	if !a.spoil() {
		return
	}
	s := a.store
	s.log.Error("store: index is damaged; it is rebuilt at the next start", "account", a.id, "cause", cause)
	if s.readOnly {
		return
	}
	if err := s.files.Rename(ix.name(), ix.name()+damagedSuffix); err != nil {
		s.log.Error("store: set damaged index aside", "account", a.id, "error", err)
	} else if err := s.files.SyncDir(ix.dir()); err != nil {
		s.log.Error("store: set damaged index aside", "account", a.id, "error", err)
	}
}

// guard runs fn; bbolt panics on pages that make no sense. A page that the disk
// can't give, or that is not in the file any more, is a fault of memory, which
// would end the process again at every start.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errIndex, p)
		}
	}()
	return fn()
}

// releaseFrom is the size of an index, in bytes, from which on its pages do not stay
// mapped: 300 people's smaller ones are what keeps everybody quick.
const releaseFrom = 32 << 20

// release takes the pages of a large index out of the process, where they count as
// its memory. The kernel keeps what it has room for: what is asked for again
// comes from there. The caller holds mu, so that nobody maps the file anew
// meanwhile; who is reading beside it does not notice. An index that is closed, or
// not made yet, has no pages in the process and is left so.
func (ix *index) release() {
	if !ix.isOpen() {
		return
	}
	err := ix.use(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			if tx.Size() < releaseFrom {
				return nil
			}
			_, _, errno := unix.Syscall(unix.SYS_MADVISE, db.Info().Data, uintptr(tx.Size()), unix.MADV_DONTNEED)
			if errno != 0 {
				return errno
			}
			return nil
		})
	})
	if err != nil {
		ix.account.store.log.Warn("store: pages of an index stay in memory", "account", ix.account.id, "error", err)
	}
}

// isOpen says whether the file is open and mapped.
func (ix *index) isOpen() bool {
	s := ix.account.store
	s.indexLock.Lock()
	defer s.indexLock.Unlock()
	return ix.db != nil
}

// closeIndexes closes those that nobody uses, the longest unused first, until
// no more than most are open. The caller holds indexLock.
func (s *Store) closeIndexes(most int) {
	for len(s.openIndexes) > most {
		oldest := -1
		for i, ix := range s.openIndexes {
			if ix.users == 0 && (oldest < 0 || ix.used < s.openIndexes[oldest].used) {
				oldest = i
			}
		}
		if oldest < 0 {
			return
		}
		ix := s.openIndexes[oldest]
		if err := ix.db.Close(); err != nil {
			s.log.Error("store: close index", "account", ix.account.id, "error", err)
		}
		ix.db = nil
		s.openIndexes = slices.Delete(s.openIndexes, oldest, oldest+1)
	}
}

// open opens the file, which exists. The caller holds indexLock.
func (ix *index) open() error {
	return guard(func() (err error) {
		ix.db, err = openBolt(ix.account.store.files.Path(ix.name()), ix.account.store.readOnly)
		return err
	})
}

// close closes the file, whatever state it is in. Nobody uses it.
func (ix *index) close() {
	s := ix.account.store
	s.indexLock.Lock()
	defer s.indexLock.Unlock()
	if ix.db != nil {
		_ = ix.db.Close() // what was to be in it is synced, or it is given up
		ix.db = nil
		s.openIndexes = slices.DeleteFunc(s.openIndexes, func(other *index) bool { return other == ix })
	}
}

func openBolt(file string, readOnly bool) (*bolt.DB, error) {
	db, err := bolt.Open(file, 0o600, &bolt.Options{
		ReadOnly: readOnly, Timeout: lockWait, InitialMmapSize: mmapSize, FreelistType: bolt.FreelistMapType,
		// A missing file is an error, not an empty index.
		OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
			return os.OpenFile(name, flag&^os.O_CREATE, perm)
		},
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = allocSize
	return db, nil
}

// create makes an empty index under a temporary name and gives it its own when
// it is on disk.
func (ix *index) create() error {
	files := ix.account.store.files
	if err := durable.MkdirAllSync(files, ix.dir(), 0o700); err != nil {
		return err
	}
	temp := ix.name() + newSuffix
	if err := files.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(files.Path(temp), 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := files.Rename(temp, ix.name()); err != nil {
		return err
	}
	return files.SyncDir(ix.dir())
}

// sealBytes is what seal adds to a value.
const sealBytes = 4

// seal appends a CRC32C: bbolt's pages carry no checksum of their own.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// unseal takes it off again.
func unseal(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, errIndex
	}
	body := b[:len(b)-4]
	if binary.LittleEndian.Uint32(b[len(body):]) != crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) {
		return nil, errIndex
	}
	return body, nil
}

func key64[N ~uint64](n N) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func rowsKey(id mail.MailboxID, block uint32) []byte {
	return binary.BigEndian.AppendUint32(key64(id), block)
}

func expungedKey(id mail.MailboxID, uid mail.UID) []byte {
	return binary.BigEndian.AppendUint32(key64(id), uint32(uid))
}

// The kinds of entry in the changes bucket.
const (
	changedRows  = 1
	expungedRows = 2
)

func changesKey(id mail.MailboxID, kind byte, seq mail.ModSeq, part uint16) []byte {
	b := append(key64(id), kind)
	b = binary.BigEndian.AppendUint64(b, uint64(seq))
	return binary.BigEndian.AppendUint16(b, part)
}

// meta is the value under "account" in the meta bucket.
type meta struct {
	version uint64 // of the schema
	applied journal.LSN
	last    counters
	floor   mail.ModSeq
}

func (m *meta) encode(id mail.AccountID) []byte {
	var e encoder
	c := &m.last
	for _, n := range []uint64{
		m.version, uint64(id), uint64(m.applied), uint64(c.modSeq), uint64(c.mailbox), uint64(c.email), uint64(c.thread), uint64(c.validity),
	} {
		e.uint(n)
	}
	e.bool(c.removed)
	e.int(c.removedAt)
	if m.version >= 2 {
		e.uint(uint64(c.usage.Messages))
		e.uint(uint64(c.usage.Bytes))
		e.uint(uint64(m.floor))
	}
	return seal(e.b)
}

// decodeMeta reads the meta of this schema version or an earlier one.
func decodeMeta(id mail.AccountID, b []byte) (m meta, err error) {
	if b, err = unseal(b); err != nil {
		return m, err
	}
	d := &decoder{b: b}
	m.version = d.uint()
	if m.version > schemaVersion {
		return m, fmt.Errorf("schema version %d: %w: %w", m.version, mail.ErrNewer, errIndex)
	}
	if got := d.uint(); got != uint64(id) {
		return m, fmt.Errorf("it is of account %d: %w", got, errIndex)
	}
	m.applied = journal.LSN(d.uint())
	m.last = counters{
		modSeq: mail.ModSeq(d.uint()), mailbox: mail.MailboxID(d.uint()), email: mail.EmailID(d.uint()),
		thread: mail.ThreadID(d.uint()), validity: mail.UIDValidity(d.uint32()), removed: d.byte() != 0,
	}
	if m.version >= 2 || len(d.b) > 0 { // it came late into version 1
		m.last.removedAt = d.int()
	}
	if m.version >= 2 {
		m.last.usage = mail.Usage{Messages: int64(d.uint()), Bytes: int64(d.uint())}
		m.floor = mail.ModSeq(d.uint())
	}
	if d.bad || m.version == 0 {
		return m, errIndex
	}
	return m, nil
}

func (e *encoder) bool(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (b *box) encode() []byte {
	var e encoder
	e.string(b.name)
	e.b = append(e.b, byte(b.kind), byte(b.role))
	for _, n := range []uint64{
		uint64(b.validity), uint64(b.uidNext), uint64(b.highest), uint64(b.changed),
		uint64(b.total), uint64(b.unseen), uint64(b.deleted), uint64(b.size),
	} {
		e.uint(n)
	}
	e.bool(b.gone)
	if b.gone {
		e.int(b.goneTime.Unix())
	}
	if b.notes.Size() > 0 {
		e.string(b.notes.Encode())
	}
	return seal(e.b)
}

func decodeBox(id mail.MailboxID, v []byte) (box, error) {
	v, err := unseal(v)
	if err != nil {
		return box{}, fmt.Errorf("mailbox %s: %w", id, err)
	}
	d := &decoder{b: v}
	b := box{
		id: id, name: d.string(), kind: mail.Kind(d.byte()), role: mail.Role(d.byte()),
		validity: mail.UIDValidity(d.uint32()), uidNext: mail.UID(d.uint32()),
		highest: mail.ModSeq(d.uint()), changed: mail.ModSeq(d.uint()),
		total: d.uint32(), unseen: d.uint32(), deleted: d.uint32(), size: int64(d.uint()), gone: d.byte() != 0,
	}
	if b.gone {
		b.goneTime = time.Unix(d.int(), 0)
	}
	if len(d.b) > 0 {
		b.notes = d.annotations()
	}
	if d.bad {
		return box{}, fmt.Errorf("mailbox %s: %w", id, errIndex)
	}
	return b, nil
}

// indexedEmail is an email as the index keeps it, with who refers to it.
type indexedEmail struct {
	email
	live     uint64 // entries in mailboxes
	kept     uint64 // expunged entries that can be put back
	goneSeq  mail.ModSeq
	goneTime int64 // Unix seconds since when no entry is live; 0 while one is
}

func (m *indexedEmail) encode() []byte {
	var e encoder
	for _, n := range []uint64{
		uint64(m.body.Segment), uint64(m.body.Ordinal), uint64(m.size), uint64(m.thread), m.live, m.kept, uint64(m.goneSeq),
	} {
		e.uint(n)
	}
	e.int(m.goneTime)
	e.b = append(e.b, m.id[:]...)
	e.bytes(m.prefix)
	e.uint(m.grows)
	return seal(e.b)
}

func decodeEmail(id mail.EmailID, v []byte) (indexedEmail, error) {
	v, err := unseal(v)
	if err != nil {
		return indexedEmail{}, fmt.Errorf("email %s: %w", id, err)
	}
	d := &decoder{b: v}
	m := indexedEmail{email: email{
		body: journal.BodyRef{Segment: d.uint32(), Ordinal: d.uint32()}, size: int64(d.uint32()), thread: mail.ThreadID(d.uint()),
	}, live: d.uint(), kept: d.uint(), goneSeq: mail.ModSeq(d.uint()), goneTime: d.int()}
	copy(m.id[:], d.take(16))
	m.prefix = d.bytes()
	if len(d.b) > 0 { // not in the first boxes
		m.grows = d.uint()
	}
	if d.bad {
		return indexedEmail{}, fmt.Errorf("email %s: %w", id, errIndex)
	}
	return m, nil
}

// encodeExpunged is a value of the expunged bucket.
func encodeExpunged(r row, left leaving) []byte {
	v := binary.LittleEndian.AppendUint64(r.append(make([]byte, 0, rowBytes+13)), uint64(left.unix))
	return seal(append(v, byte(left.verb)))
}

// decodeExpunged reads what encodeExpunged wrote. Those of the first boxes don't
// say how the row went.
func decodeExpunged(v []byte) (r row, left leaving, err error) {
	v, err = unseal(v)
	if err != nil || len(v) != rowBytes+8 && len(v) != rowBytes+9 {
		return row{}, leaving{}, fmt.Errorf("expunged: %w", errIndex)
	}
	r.decode(v)
	r.marks |= markGone
	left.unix = int64(binary.LittleEndian.Uint64(v[rowBytes:]))
	if len(v) > rowBytes+8 {
		left.verb = verb(v[rowBytes+8])
	}
	return r, left, nil
}

// encodeBlock is the value of up to blockRows rows.
func encodeBlock(rows []row) []byte {
	b := make([]byte, 0, len(rows)*rowBytes+4)
	for i := range rows {
		b = rows[i].append(b)
	}
	return seal(b)
}

// decodeBlock appends the rows of a block to rows.
func decodeBlock(rows []row, v []byte) ([]row, error) {
	v, err := unseal(v)
	if err != nil || len(v)%rowBytes != 0 {
		return rows, fmt.Errorf("rows: %w", errIndex)
	}
	for ; len(v) > 0; v = v[rowBytes:] {
		var r row
		r.decode(v)
		rows = append(rows, r)
	}
	return rows, nil
}
