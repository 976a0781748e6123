package directory

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// File is the index's name in the data directory.
const File = "directory.db"

// The index, format version 9. A value is its CRC32C (4 bytes, big-endian) and
// JSON; bbolt's pages carry no checksum of their own.
//
//	meta      version → number; lsn → up to where the journal is in here
//	box       box → boxRecord
//	accounts  number, 4 bytes big-endian → accountRecord, removed ones too
//	tokens    hash → tokenRecord
//	domains   name → domainRecord
//	listings  address → listingRecord
//	rules     number of the account → rulesRecord
//	signing   name → signingRecord
//	content   name of the domain → contentRecord
//	spares    "." and name → spareRecord
//	limits    number of the account, and 0 → limitsRecord
//	routes    "." and name, and "window" → routeRecord
//	blocklists  "lists" → blockListsRecord
//	admission   "admission" → admissionRecord
//	reporting   "." and name → reportingRecord
//	sizes       "." and name, or "@" and number of the account → sizeRecord
//	trace       "trace" → traceRecord
//	shares      number of the owner → list of sharesRecord, by mailbox
//
// Version 1 lacks those from domains on, version 2 those from signing on, version 3
// routes, version 4 those behind, version 5 sizes and trace,
// version 6 what accounts say of access, version 7 what they say of POP3 and certificates, version 8 shares,
// version 9 admission, version 10 what accounts say of app passwords, version 11 of passkeys; they are added
// when it is opened. The number then keeps an older program from believing that there
// are none.
const (
	indexVersion   = 12
	bucketMeta     = "meta"
	bucketBox      = "box"
	bucketAccounts = "accounts"
	bucketTokens   = "tokens"
	bucketDomains  = "domains"
	bucketListings = "listings"
	bucketRules    = "rules"
	bucketSigning  = "signing"
	bucketContent  = "content"
	bucketSpares   = "spares"
	bucketLimits   = "limits"
	bucketRoutes   = "routes"

	bucketBlockLists = "blocklists"
	bucketReporting  = "reporting"
	bucketSizes      = "sizes"
	bucketTrace      = "trace"
	bucketShares     = "shares"
	bucketAdmission  = "admission"
)

const (
	// lockWait is how long another process may take to let go of the file: a
	// mail service that is just being stopped closes it within this time.
	lockWait = 3 * time.Second
	// mmapSize keeps a small index from being mapped again as it grows.
	mmapSize = 1 << 20
)

func listingEntry(a mail.Address) entry {
	return entry{bucketListings, []byte(a.Local + "@" + a.Domain)}
}

func boxKey() []byte { return []byte("box") }

func accountKey(id mail.AccountID) []byte { return binary.BigEndian.AppendUint32(nil, uint32(id)) }

// errIndex says that the index must be made anew.
var errIndex = errors.New("directory: index is damaged")

// Index is the open index file. Opening it first is what keeps two processes
// from working on one data directory.
type Index struct {
	db   *bbolt.DB
	path string
	new  bool // nothing is in it yet
	// asideErr is why the file that was there before is not used; nil if it is.
	asideErr error
}

// OpenIndex opens the index in the file path, or makes an empty one. It waits a
// few seconds for another process to let go of it, then the error is ErrInUse.
// A file that is no index is set aside under another name.
func OpenIndex(path string) (*Index, error) {
	ix, err := openIndex(path)
	if !errors.Is(err, errIndex) {
		return ix, err
	}
	if asideErr := setAside(path); asideErr != nil {
		return nil, asideErr
	}
	reason := err
	if ix, err = openIndex(path); err == nil {
		ix.asideErr = reason
	}
	return ix, err
}

// setAside keeps a damaged index for whoever wants to know what happened to it;
// the one before it, if any, is given up.
func setAside(path string) error {
	if err := os.Rename(path, path+".damaged"); err != nil {
		return fmt.Errorf("directory: set damaged index aside: %w", err)
	}
	return nil
}

// startOver puts an empty index in the place of one into which nothing can be
// written any more.
func (ix *Index) startOver() error {
	_ = ix.db.Close() // it is damaged
	if err := setAside(ix.path); err != nil {
		return err
	}
	fresh, err := openIndex(ix.path)
	if err != nil {
		return err
	}
	ix.db = fresh.db
	return nil
}

func openIndex(path string) (*Index, error) {
	created := false
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createIndex(path); err != nil {
			return nil, err
		}
		created = true
	}
	var db *bbolt.DB
	err := guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, InitialMmapSize: mmapSize})
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrInUse
	case isSystemError(err):
		return nil, fmt.Errorf("directory: open index: %w", err)
	case err != nil:
		// What bbolt says beyond that is about what is in the file, partly in errors
		// that have no name.
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	ix := &Index{db: db, path: path, new: created}
	if err := ix.checkVersion(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return ix, nil
}

// isSystemError reports whether the file could not be read now, whatever is in it.
func isSystemError(err error) bool {
	var errno syscall.Errno
	var pathError *fs.PathError
	return errors.As(err, &errno) || errors.As(err, &pathError)
}

// guard runs fn. bbolt panics on pages that make no sense, and a page that the
// disk can't give is a fault of memory: each would end the process again at
// every start, though all that the index holds is in the journal.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errIndex, p)
		}
	}()
	return fn()
}

// createIndex makes the file under another name first, so that one with the
// right name is always whole.
func createIndex(path string) (err error) {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("directory: make index: %w", err)
	}
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, berrors.ErrTimeout) {
		return ErrInUse // another process is making it right now
	}
	if err != nil {
		return fmt.Errorf("directory: make index: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return wipe(tx) })
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("directory: make index: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("directory: make index: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("directory: make index: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("directory: make index: sync directory: %w", err)
	}
	return nil
}

// wipe empties the index.
func wipe(tx *bbolt.Tx) error {
	for _, name := range []string{bucketMeta, bucketBox, bucketAccounts, bucketTokens, bucketDomains, bucketListings, bucketRules, bucketSigning, bucketContent, bucketSpares, bucketLimits, bucketRoutes, bucketBlockLists, bucketReporting, bucketSizes, bucketTrace, bucketShares, bucketAdmission} {
		if err := tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
			return err
		}
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return put(tx, bucketMeta, []byte("version"), indexVersion)
}

func (ix *Index) checkVersion() error {
	version := 0
	err := ix.view(func(tx *bbolt.Tx) error {
		if found, err := get(tx, bucketMeta, []byte("version"), &version); err != nil || !found {
			return fmt.Errorf("%w: it has no version", errIndex)
		}
		if version < 1 || version > indexVersion {
			return fmt.Errorf("directory: index version %d: %w", version, ErrNewer)
		}
		return nil
	})
	if err != nil || version == indexVersion {
		return err
	}
	return ix.update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketDomains, bucketListings, bucketRules, bucketSigning, bucketContent, bucketSpares, bucketLimits, bucketRoutes, bucketBlockLists, bucketReporting, bucketSizes, bucketTrace, bucketShares, bucketAdmission} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return put(tx, bucketMeta, []byte("version"), indexVersion)
	})
}

func (ix *Index) view(fn func(tx *bbolt.Tx) error) error {
	return guard(func() error { return ix.db.View(fn) })
}

func (ix *Index) update(fn func(tx *bbolt.Tx) error) error {
	return guard(func() error { return ix.db.Update(fn) })
}

// Close lets go of the file.
func (ix *Index) Close() error {
	if err := ix.db.Close(); err != nil {
		return fmt.Errorf("directory: close index: %w", err)
	}
	return nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func put(tx *bbolt.Tx, bucket string, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(text, castagnoli()))
	return tx.Bucket([]byte(bucket)).Put(key, append(sum, text...))
}

func get(tx *bbolt.Tx, bucket string, key []byte, into any) (found bool, err error) {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return false, fmt.Errorf("%w: bucket %s is missing", errIndex, bucket)
	}
	value := b.Get(key)
	if value == nil {
		return false, nil
	}
	return true, decodeValue(value, into)
}

func decodeValue(value []byte, into any) error {
	if len(value) < 4 || binary.BigEndian.Uint32(value) != crc32.Checksum(value[4:], castagnoli()) {
		return fmt.Errorf("%w: a value's checksum is wrong", errIndex)
	}
	if err := json.Unmarshal(value[4:], into); err != nil {
		return fmt.Errorf("%w: %w", errIndex, err)
	}
	return nil
}

// load reads the state that the index holds, and the LSN up to which it is
// complete. Every error is errIndex or the disk's.
func (ix *Index) load() (s *state, seen journal.LSN, err error) {
	s = emptyState()
	err = ix.view(func(tx *bbolt.Tx) error {
		if _, err := get(tx, bucketMeta, []byte("lsn"), &seen); err != nil {
			return err
		}
		var box boxRecord
		found, err := get(tx, bucketBox, boxKey(), &box)
		if err != nil {
			return err
		}
		if found {
			s.box = &box
		}
		if err := each(tx, bucketAccounts, func(a *accountRecord) { s.put(a) }); err != nil {
			return err
		}
		if err := each(tx, bucketDomains, func(r *domainRecord) { s.domains[r.Name] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketListings, func(r *listingRecord) { s.listings[r.address()] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketRules, func(r *rulesRecord) { s.rules[r.ID] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketSigning, func(r *signingRecord) { s.signing[r.Domain] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketContent, func(r *contentRecord) { s.content[r.Domain] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketSpares, func(r *spareRecord) { s.spares[r.Domain] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketLimits, func(r *limitsRecord) { s.limits[r.ID] = mail.Limits{Messages: r.Messages, Recipients: r.Recipients} }); err != nil {
			return err
		}
		if err := each(tx, bucketRoutes, func(r *routeRecord) { s.routes[r.key()] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketBlockLists, func(r *blockListsRecord) { s.blockLists = r }); err != nil {
			return err
		}
		if err := each(tx, bucketAdmission, func(r *admissionRecord) { s.admission = r }); err != nil {
			return err
		}
		if err := each(tx, bucketReporting, func(r *reportingRecord) { s.reporting[r.Domain] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketSizes, func(r *sizeRecord) { s.sizes[r.key()] = r }); err != nil {
			return err
		}
		if err := each(tx, bucketTrace, func(r *traceRecord) { s.trace = r }); err != nil {
			return err
		}
		if err := each(tx, bucketShares, s.putShares); err != nil {
			return err
		}
		return each(tx, bucketTokens, func(t *tokenRecord) {
			if len(t.Hash) == len(tokenHash{}) {
				s.tokens[tokenHash(t.Hash)] = t
			}
		})
	})
	s.keeper = s.oldestAdmin()
	s.first = s.owner()
	s.lsn = seen
	return s, seen, err
}

// put adds an account as the index has it.
func (s *state) put(a *accountRecord) {
	s.accounts[a.ID] = a
	s.next = max(s.next, a.ID+1)
	if a.Removed.IsZero() {
		s.addresses[a.address()] = a.ID
	}
}

// putShares adds what one account shares as the index has it.
func (s *state) putShares(list *[]sharesRecord) {
	for i := range *list {
		if next, err := s.shares.with(&(*list)[i]); err == nil { // else Check tells
			s.shares = next
		}
	}
}

func each[T any](tx *bbolt.Tx, bucket string, use func(*T)) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return fmt.Errorf("%w: bucket %s is missing", errIndex, bucket)
	}
	return b.ForEach(func(_, value []byte) error {
		record := new(T)
		if err := decodeValue(value, record); err != nil {
			return err
		}
		use(record)
		return nil
	})
}

// save writes the touched entries of s and the LSN up to which the index is now
// complete, in one transaction, synced.
func (ix *Index) save(s *state, touched []entry, seen journal.LSN) error {
	err := ix.update(func(tx *bbolt.Tx) error {
		for _, e := range touched {
			if err := saveEntry(tx, s, e); err != nil {
				return err
			}
		}
		return put(tx, bucketMeta, []byte("lsn"), seen)
	})
	if err != nil {
		return fmt.Errorf("directory: write index: %w", err)
	}
	return nil
}

func saveEntry(tx *bbolt.Tx, s *state, e entry) error {
	switch e.bucket {
	case bucketBox:
		return put(tx, e.bucket, e.key, s.box)
	case bucketAccounts:
		return put(tx, e.bucket, e.key, s.accounts[mail.AccountID(binary.BigEndian.Uint32(e.key))])
	case bucketDomains:
		if r := s.domains[domain.Name(e.key)]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketListings:
		// A canonical address has one "@" that is not quoted, the last.
		at := bytes.LastIndexByte(e.key, '@')
		if r := s.listings[mail.Address{Local: string(e.key[:at]), Domain: string(e.key[at+1:])}]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketRules:
		if r := s.rules[mail.AccountID(binary.BigEndian.Uint32(e.key))]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketSigning:
		if r := s.signing[domain.Name(e.key)]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketContent:
		if r := s.content[domain.Name(e.key)]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketSpares:
		if r := s.spares[domain.Name(e.key[1:])]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketLimits:
		id := mail.AccountID(binary.BigEndian.Uint32(e.key))
		if l, set := s.limits[id]; set {
			return put(tx, e.bucket, e.key, limitsRecord{ID: id, Messages: l.Messages, Recipients: l.Recipients})
		}
	case bucketRoutes:
		if r := s.routes[string(e.key)]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketBlockLists:
		if s.blockLists != nil {
			return put(tx, e.bucket, e.key, s.blockLists)
		}
	case bucketAdmission:
		if s.admission != nil {
			return put(tx, e.bucket, e.key, s.admission)
		}
	case bucketReporting:
		if r := s.reporting[domain.Name(e.key[1:])]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketSizes:
		if r := s.sizes[string(e.key)]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	case bucketTrace:
		if s.trace != nil {
			return put(tx, e.bucket, e.key, s.trace)
		}
	case bucketShares:
		if list := s.shares.records(mail.AccountID(binary.BigEndian.Uint32(e.key))); len(list) > 0 {
			return put(tx, e.bucket, e.key, list)
		}
	case bucketTokens:
		if r := s.tokens[tokenHash(e.key)]; r != nil {
			return put(tx, e.bucket, e.key, r)
		}
	}
	return tx.Bucket([]byte(e.bucket)).Delete(e.key)
}

// saveAll makes the index anew.
func (ix *Index) saveAll(s *state, seen journal.LSN) error {
	err := ix.update(func(tx *bbolt.Tx) error {
		if err := wipe(tx); err != nil {
			return err
		}
		for _, e := range s.entries() {
			if err := saveEntry(tx, s, e); err != nil {
				return err
			}
		}
		return put(tx, bucketMeta, []byte("lsn"), seen)
	})
	if err != nil {
		return fmt.Errorf("directory: make index anew: %w", err)
	}
	return nil
}

// entries lists all that the index should hold.
func (s *state) entries() []entry {
	var all []entry
	if s.box != nil {
		all = append(all, entry{bucketBox, boxKey()})
	}
	for id := range s.accounts {
		all = append(all, entry{bucketAccounts, accountKey(id)})
	}
	for name := range s.domains {
		all = append(all, entry{bucketDomains, []byte(name)})
	}
	for address := range s.listings {
		all = append(all, listingEntry(address))
	}
	for id := range s.rules {
		all = append(all, entry{bucketRules, accountKey(id)})
	}
	for name := range s.signing {
		all = append(all, entry{bucketSigning, []byte(name)})
	}
	for name := range s.content {
		all = append(all, entry{bucketContent, []byte(name)})
	}
	for name := range s.spares {
		all = append(all, entry{bucketSpares, spareKey(name)})
	}
	for id := range s.limits {
		all = append(all, entry{bucketLimits, accountKey(id)})
	}
	for key := range s.routes {
		all = append(all, entry{bucketRoutes, []byte(key)})
	}
	if s.blockLists != nil {
		all = append(all, entry{bucketBlockLists, blockListsKey()})
	}
	if s.admission != nil {
		all = append(all, entry{bucketAdmission, admissionKey()})
	}
	for name := range s.reporting {
		all = append(all, entry{bucketReporting, spareKey(name)})
	}
	for key := range s.sizes {
		all = append(all, entry{bucketSizes, []byte(key)})
	}
	if s.trace != nil {
		all = append(all, entry{bucketTrace, traceKey()})
	}
	for id := range s.shares.given {
		all = append(all, entry{bucketShares, accountKey(id)})
	}
	for hash := range s.tokens {
		all = append(all, entry{bucketTokens, hash[:]})
	}
	return all
}
