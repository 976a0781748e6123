package fetched

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	magic      = "skdfetc"
	version    = 1
	headerSize = len(magic) + 1
	recordSize = 24
	// MaxRecords of one account: 6 MB. It is some five hundred messages a day for a
	// year; what is fetched beyond that stays until somebody deletes it.
	MaxRecords = 1 << 18
	maxFile    = headerSize + MaxRecords*recordSize
)

// ErrFull: no more can be noted of this account before some of it is done with.
var ErrFull = errors.New("fetched: too much is noted of this account")

// Day counts days in UTC since 1970.
type Day uint32

// DayOf is the day of a time; the first one for what is before it.
func DayOf(t time.Time) Day { return Day(max(0, t.Unix()/86400)) }

// Book is the files of all accounts.
type Book struct {
	files durable.FS
	dir   string

	mu       sync.Mutex // held while a file is used
	calendar calendar
}

// Open makes a Book on a directory, which is made with the first file.
func Open(files durable.FS, dir string) *Book { return &Book{files: files, dir: dir} }

func (b *Book) name(id mail.AccountID) string {
	return path.Join(b.dir, strconv.FormatUint(uint64(id), 10))
}

// Note writes down that an account has fetched messages on a day. It is durable on
// return. Errors: ErrFull, mail.ErrNewer, the disk's.
func (b *Book) Note(id mail.AccountID, day Day, messages []mail.Fetched) error {
	if len(messages) == 0 {
		return nil
	}
	text := make([]byte, 0, len(messages)*recordSize)
	for _, m := range messages {
		text = appendRecord(text, m, day)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.append(id, text); err != nil {
		return fmt.Errorf("fetched: note messages of account %s: %w", id, err)
	}
	return nil
}

// append adds whole records to a file, or begins one.
func (b *Book) append(id mail.AccountID, text []byte) error {
	f, err := b.files.OpenFile(b.name(id), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return b.replace(id, text)
	}
	if err != nil {
		return err
	}
	end, err := tail(f)
	if err == nil && end == 0 {
		return errors.Join(f.Close(), b.replace(id, text))
	}
	if err == nil && end+int64(len(text)) > int64(maxFile) {
		err = ErrFull
	}
	if err == nil {
		_, err = f.WriteAt(text, end)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// tail is where the next record of a file goes: behind the last whole one. 0: it is
// no such file and has to be begun anew.
func tail(f durable.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, info.Size()), head); err != nil {
		return 0, ended(err)
	}
	if string(head[:len(magic)]) != magic {
		return 0, nil
	}
	if head[len(magic)] != version {
		return 0, mail.ErrNewer
	}
	return info.Size() - (info.Size()-int64(headerSize))%recordSize, nil
}

func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// replace makes a file anew.
func (b *Book) replace(id mail.AccountID, text []byte) error {
	if len(text) > maxFile-headerSize {
		return ErrFull
	}
	if err := durable.MkdirAllSync(b.files, b.dir, 0o700); err != nil {
		return err
	}
	head := append([]byte(magic), version)
	return durable.ReplaceBytes(b.files, b.name(id), 0o600, append(head, text...))
}

// Read gives the first day of each message of an account, and how many records its
// file has. Errors: mail.ErrNewer, the disk's.
func (b *Book) Read(id mail.AccountID) (days map[mail.Fetched]Day, records int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, err := durable.ReadFile(b.files, b.name(id), int64(maxFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err == nil {
		days, records, err = decode(text)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("fetched: read what account %s has fetched: %w", id, err)
	}
	return days, records, nil
}

// Keep leaves of an account's file what keep says is still of use. What is noted
// meanwhile stays.
func (b *Book) Keep(id mail.AccountID, keep func(mail.Fetched, Day) bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, err := durable.ReadFile(b.files, b.name(id), int64(maxFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var days map[mail.Fetched]Day
	if err == nil {
		days, _, err = decode(text)
	}
	if err == nil {
		text = nil
		for m, day := range days {
			if keep(m, day) {
				text = appendRecord(text, m, day)
			}
		}
		err = b.replace(id, text)
	}
	if err != nil {
		return fmt.Errorf("fetched: make the file of account %s anew: %w", id, err)
	}
	return nil
}

// Accounts lists those of which something is noted.
func (b *Book) Accounts() ([]mail.AccountID, error) {
	entries, err := b.files.ReadDir(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetched: list accounts: %w", err)
	}
	var ids []mail.AccountID
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 32); err == nil {
			ids = append(ids, mail.AccountID(n))
		}
	}
	return ids, nil
}

// Forget removes all that is noted of an account.
func (b *Book) Forget(id mail.AccountID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.files.Remove(b.name(id))
	if err == nil {
		err = b.files.SyncDir(b.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fetched: forget account %s: %w", id, err)
	}
	return nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendRecord(b []byte, m mail.Fetched, day Day) []byte {
	from := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(m.UIDValidity))
	b = binary.BigEndian.AppendUint32(b, uint32(m.UID))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Email))
	b = binary.BigEndian.AppendUint32(b, uint32(day))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli()))
}

// decode reads a file. The error is mail.ErrNewer; what is no such file has nothing.
func decode(text []byte) (days map[mail.Fetched]Day, records int, err error) {
	days = map[mail.Fetched]Day{}
	if len(text) < headerSize || string(text[:len(magic)]) != magic {
		return days, 0, nil
	}
	if text[len(magic)] != version {
		return nil, 0, mail.ErrNewer
	}
	for text = text[headerSize:]; len(text) >= recordSize; text = text[recordSize:] {
		records++
		sum := binary.BigEndian.Uint32(text[recordSize-4:])
		if sum != crc32.Checksum(text[:recordSize-4], castagnoli()) {
			continue
		}
		m := mail.Fetched{
			UIDValidity: mail.UIDValidity(binary.BigEndian.Uint32(text)), UID: mail.UID(binary.BigEndian.Uint32(text[4:])),
			Email: mail.EmailID(binary.BigEndian.Uint64(text[8:])),
		}
		day := Day(binary.BigEndian.Uint32(text[16:]))
		if old, known := days[m]; !known || day < old {
			days[m] = day
		}
	}
	return days, records, nil
}
