package operator

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/search"
	"github.com/sanduk-mail/sanduk/services/store"
)

// errNoKey says that the key to all passwords is lost.
var errNoKey = errors.New(auth.KeyFile + " is missing: put it back from a backup, nobody can log in without it")

// errNoLog says that what everything is made of is lost.
var errNoLog = errors.New(mailDir + "/log, with all mail, is missing from the data directory. Nothing has been changed. " +
	"See whether it is in the disk's lost+found or was moved; else put the data directory back from a backup")

// mailDir holds everything but the keys, below the data directory.
const mailDir = "mail"

// cacheRows is how many rows of mailboxes stay in memory: whoever imports a million
// messages asks for none of them again.
const cacheRows = 100_000

// data is a data directory that no mail service has open.
type data struct {
	directory *directory.Directory
	journal   *journal.Journal
	store     *store.Store
	spool     *draft.Spool
	search    *search.Index // once it was asked for
	files     *durable.OS   // of the mail directory
	queue     *queue.Queue  // likewise
	mended    mended
	closers   []func() error
}

// openData opens a data directory as the mail service does, recovering what a
// crash left; the directory's index comes first, because its lock keeps two
// processes apart. It makes nothing where nothing is.
func openData(ctx context.Context, path string) (_ *data, err error) {
	d := &data{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := mayOpen(path); err != nil {
		return nil, err
	}
	root, err := durable.NewOS(path)
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, root.Close)
	index, err := directory.OpenIndex(root.Path(mailDir + "/" + directory.File))
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, index.Close)
	segments, err := filepath.Glob(root.Path(mailDir + "/log/*.seg"))
	if err != nil {
		return nil, err
	}
	if _, setUp := index.SetUp(); setUp && len(segments) == 0 {
		return nil, errNoLog
	}
	key, err := auth.OpenKey(root, auth.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoKey
	}
	if err != nil {
		return nil, err
	}
	files, err := durable.NewOS(root.Path(mailDir))
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, files.Close)
	return d, d.openMail(ctx, index, key, files)
}

// mayOpen keeps off directories that are none, and off those of another user:
// files that we make there the mail service could not open any more.
func mayOpen(path string) error {
	info, err := os.Stat(path + "/" + mailDir + "/log")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(path + "/" + mailDir + "/" + directory.File); err == nil {
			return errNoLog
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is not a data directory: there is no %s/log in it", path, mailDir)
	case err != nil:
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user with number %d: run boxctl as that user (setpriv --reuid=%d --clear-groups boxctl …)", path, owner.Uid, owner.Uid)
	}
	return nil
}

func (d *data) openMail(ctx context.Context, index *directory.Index, key *auth.Key, files *durable.OS) error {
	log := slog.New(&d.mended) // what is wrong and was not mended, Check reports
	free := func() (int64, error) {
		var s unix.Statfs_t
		err := unix.Statfs(files.Path("."), &s)
		return int64(s.Bavail) * s.Bsize, err
	}
	// A ring that is there is applied, but none is made for the moment that we look.
	j, err := journal.Open(files, journal.Options{Logger: log, Free: free, Ring: journal.NoRing})
	if err != nil {
		return err
	}
	d.journal, d.files = j, files
	d.closers = append(d.closers, func() error {
		err := j.Close()
		j.Release()
		return err
	})
	if d.spool, err = draft.NewSpool(files, "spool", free); err != nil {
		return err
	}
	if d.store, err = store.Open(ctx, j, files, store.Options{Logger: log, CacheRows: cacheRows}); err != nil {
		return err
	}
	d.closers = append(d.closers, func() error {
		err := d.store.Close()
		if errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EIO) {
			return nil // what it could not write of the indexes is in the log, for the next start
		}
		return err
	})
	if d.directory, err = directory.Open(ctx, index, j, directory.Options{Key: key, Mailboxes: d.store, Logger: log}); err != nil {
		return err
	}
	d.closers = append(d.closers, d.directory.Close)
	return nil
}

func (d *data) close() error {
	var errs []error
	for _, c := range slices.Backward(d.closers) {
		errs = append(errs, c())
	}
	d.closers = nil
	return errors.Join(errs...)
}

func (d *data) people(ctx context.Context) ([]mail.Account, error) { return d.directory.Accounts(ctx) }

func (d *data) add(ctx context.Context, account mail.Account, password string) error {
	_, err := d.directory.AddAccount(ctx, account, password)
	return err
}

// find gives the account with this main address.
func (d *data) find(ctx context.Context, address mail.Address) (mail.Account, error) {
	canonical, err := domain.Address(address)
	if err != nil {
		return mail.Account{}, mail.ErrNoAccount
	}
	people, err := d.people(ctx)
	if err != nil {
		return mail.Account{}, err
	}
	i := slices.IndexFunc(people, func(a mail.Account) bool { return a.Address == canonical })
	if i < 0 {
		return mail.Account{}, mail.ErrNoAccount
	}
	return people[i], nil
}

func (d *data) setPassword(ctx context.Context, address mail.Address, password string) error {
	account, err := d.find(ctx, address)
	if err != nil {
		return err
	}
	return d.directory.SetPassword(ctx, account.ID, password)
}

func (d *data) disable(ctx context.Context, address mail.Address, disabled bool) error {
	account, err := d.find(ctx, address)
	if err != nil {
		return err
	}
	return d.directory.SetDisabled(ctx, account.ID, disabled)
}

func (d *data) remove(ctx context.Context, address mail.Address) error {
	account, err := d.find(ctx, address)
	if err != nil {
		return err
	}
	return d.directory.RemoveAccount(ctx, account.ID)
}

func (d *data) deleted(ctx context.Context, address mail.Address) (deleted, error) {
	account, err := d.find(ctx, address)
	if err != nil {
		return nil, err
	}
	return d.store.Account(ctx, account.ID)
}

func (d *data) removed(ctx context.Context) ([]mail.RemovedAccount, error) {
	return d.directory.RemovedAccounts(ctx)
}

func (d *data) restoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error) {
	return d.directory.RestoreAccount(ctx, id, address, password)
}

// addToken needs no password: whoever can write the data directory could put
// anything there. Without an owner it is the first administrator's.
func (d *data) addToken(ctx context.Context, name, owner string, scopes []string, _ func() (string, error)) (string, error) {
	account, err := d.tokenOwner(ctx, owner)
	if err != nil {
		return "", err
	}
	text, hash := auth.NewToken()
	return text, d.directory.AddToken(ctx, directory.Token{Hash: hash, Owner: account.ID, Name: name, Created: time.Now(), Scopes: scopes})
}

func (d *data) tokenOwner(ctx context.Context, owner string) (mail.Account, error) {
	if owner != "" {
		address, err := mail.ParseAddress(owner)
		if err != nil {
			return mail.Account{}, fmt.Errorf("%w: %q is not a mail address", errUsage, owner)
		}
		return d.find(ctx, address)
	}
	people, err := d.people(ctx)
	if err != nil {
		return mail.Account{}, err
	}
	var first mail.Account
	for _, a := range people {
		if a.Role.Admin() && (first.ID == 0 || a.ID < first.ID) {
			first = a
		}
	}
	if first.ID == 0 {
		return mail.Account{}, directory.ErrNotSetUp
	}
	return first, nil
}

// tokenID is what names a token in lists: the beginning of its hash.
func tokenID(hash [32]byte) string { return hex.EncodeToString(hash[:6]) }

func (d *data) tokens(ctx context.Context) ([]token, error) {
	var all []token
	err := d.eachToken(ctx, func(owner mail.Account, t directory.Token) error {
		all = append(all, token{ID: tokenID(t.Hash), Name: t.Name, Owner: owner.Address.String(), Created: t.Created, Scopes: t.Scopes})
		return nil
	})
	return all, err
}

// eachToken gives all tokens with their owners.
func (d *data) eachToken(ctx context.Context, use func(mail.Account, directory.Token) error) error {
	people, err := d.people(ctx)
	if err != nil {
		return err
	}
	for _, a := range people {
		tokens, err := d.directory.Tokens(ctx, a.ID)
		if err != nil {
			return err
		}
		for _, token := range tokens {
			if err := use(a, token); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeToken ends the tokens of the ID.
func (d *data) removeToken(ctx context.Context, id string) error {
	return d.eachToken(ctx, func(_ mail.Account, token directory.Token) error {
		if tokenID(token.Hash) != id {
			return nil
		}
		return d.directory.RemoveToken(ctx, token.Hash)
	})
}
