package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// sidecar is behind the name of an mbox file whose folder it describes.
	sidecar     = ".json"
	mboxExt     = ".mbox"
	mboxSidecar = mboxExt + sidecar
	// maxSidecar bounds the small files beside messages, in bytes: 100 keywords
	// of 255, or a name.
	maxSidecar = 64 << 10
)

// folderNote is what folderFile and an mbox's sidecar hold.
type folderNote struct {
	Version    int    `json:"version"` // 1
	Name       string `json:"name"`
	Role       string `json:"role,omitempty"` // the attribute of RFC 6154, or "INBOX"
	Subscribed bool   `json:"subscribed"`
}

// folderVersion is the version of folderNote that this package writes and reads.
const folderVersion = 1

// roles are all that a folder can have.
func roles() []mail.Role {
	return []mail.Role{
		mail.RoleInbox, mail.RoleAll, mail.RoleArchive, mail.RoleDrafts, mail.RoleFlagged, mail.RoleJunk, mail.RoleSent, mail.RoleTrash,
	}
}

func roleName(r mail.Role) string {
	if r == mail.RoleInbox {
		return mail.Inbox
	}
	return r.Attribute()
}

func (n folderNote) folder() (Folder, error) {
	name, err := mail.MailboxName(n.Name)
	if err != nil || n.Version != folderVersion {
		return Folder{}, fmt.Errorf("it is of version %d, or names no mailbox", n.Version)
	}
	f := Folder{Name: name, Exact: true, Subscribed: n.Subscribed}
	for _, r := range roles() {
		if n.Role == roleName(r) {
			f.Role = r
		}
	}
	return f, nil
}

// Messages gives the messages of the archive in its order. An error with a
// Message is about that one alone (its Place says which): the rest goes on.
// Without one it ends the walk. The memory it takes does not grow with the
// archive, but for the names in one directory (some 80 bytes each).
func (a *Archive) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		r := &reader{
			archive: a, yield: yield, body: newCanonical(),
			folders: map[string]Folder{}, keywords: map[string][]string{}, told: map[string]bool{},
		}
		for f, err := range a.files(ctx) {
			if err != nil && f.path == "" {
				yield(nil, err)
				return
			}
			if err == nil {
				err = r.file(f)
			}
			if errors.Is(err, errEnough) {
				return
			}
			if a.failed != nil {
				yield(nil, fmt.Errorf("the archive breaks off: %w", a.failed))
				return
			}
			if _, fatal := errors.AsType[*fatalError](err); fatal {
				yield(nil, err)
				return
			}
			if err != nil && !yield(&Message{Place: f.path}, err) {
				return
			}
		}
	}
}

// errEnough says that whoever reads the messages wants no more.
var errEnough = errors.New("enough")

// fatalError is one after which nothing more can be read.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// reader makes messages of files.
type reader struct {
	archive *Archive
	yield   func(*Message, error) bool
	body    *canonical

	folders     map[string]Folder   // by directory or mbox file
	keywords    map[string][]string // by directory
	told        map[string]bool     // folders that were told of
	courierKeys                     // of the folder that was read last
	keysOf      string              // the message of which keys are
	keys        []string
}

// maxFolders bounds what is kept of folders: no account can hold more.
const maxFolders = 2 * mail.MaxMailboxes

// file takes one file. An error is about this file.
func (r *reader) file(f file) error {
	if len(r.folders)+len(r.keywords)+len(r.told) > 3*maxFolders {
		return &fatalError{errors.New("the archive has too many folders")}
	}
	dir, base := path.Split(f.path)
	dir = path.Clean(dir)
	switch {
	case f.dir && base == "cur":
		return r.tell(dir, r.maildirFolder(dir))
	case f.dir:
		return nil
	case base == folderFile:
		return r.folderNote(f, dir)
	case strings.HasSuffix(base, mboxSidecar):
		return r.folderNote(f, strings.TrimSuffix(f.path, sidecar))
	case base == keywordsFile:
		text, err := r.small(f)
		r.keywords[dir] = parseKeywords(string(text))
		return err
	case base == courierFile && path.Base(dir) == courierDir:
		return r.courier(f, dir)
	case path.Base(dir) == keysDir:
		text, err := r.small(f)
		r.keysOf, r.keys = base, strings.Fields(string(text))
		return err
	case isMessageDir(path.Base(dir)):
		return r.maildirMessage(f, path.Dir(dir), base)
	}
	return r.other(f)
}

// small reads a file that describes others.
func (r *reader) small(f file) ([]byte, error) {
	c, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only read from
	return io.ReadAll(io.LimitReader(c, maxSidecar))
}

func (r *reader) folderNote(f file, key string) error {
	text, err := r.small(f)
	if err != nil {
		return err
	}
	var note folderNote
	if err := json.Unmarshal(text, &note); err != nil {
		return fmt.Errorf("%s can't be read: %w", f.path, err)
	}
	folder, err := note.folder()
	if err != nil {
		return fmt.Errorf("%s can't be used: %w", f.path, err)
	}
	r.folders[key] = folder
	return r.tell(key, folder)
}

// tell says that a folder is there, once.
func (r *reader) tell(key string, folder Folder) error {
	if r.told[key] {
		return nil
	}
	r.told[key] = true
	if !r.yield(&Message{Folder: folder, Place: key}, nil) {
		return errEnough
	}
	return nil
}

// maildirFolder is the folder whose messages a directory holds.
func (r *reader) maildirFolder(dir string) Folder {
	if f, ok := r.folders[dir]; ok {
		return f
	}
	var levels []string
	for _, level := range inProfile(strings.Split(dir, "/")) {
		switch {
		case level == ".":
		case strings.EqualFold(level, "maildir"), strings.EqualFold(level, ".maildir"):
			levels = nil // what is above it is where somebody kept it
		case strings.HasPrefix(level, "."):
			levels = append(levels, maildirLevels(level)...)
		default:
			levels = append(levels, decodeLevel(trimExt(level, ".sbd")))
		}
	}
	name := folderName(levels...)
	if name == "" {
		name = mail.Inbox
	}
	return Folder{Name: name}
}

// mboxFolder is the folder that an mbox file holds.
func (r *reader) mboxFolder(name string) Folder {
	if f, ok := r.folders[name]; ok {
		return f
	}
	if r.archive.lookup != nil {
		if text, err := r.archive.lookup(name + sidecar); err == nil {
			var note folderNote
			if json.Unmarshal(text, &note) == nil {
				if f, err := note.folder(); err == nil {
					return f
				}
			}
		}
	}
	levels := inProfile(strings.Split(strings.TrimPrefix(name, "."), "/"))
	if n := len(levels); n > 1 && levels[n-1] == "mbox" && strings.HasSuffix(levels[n-2], mboxExt) {
		levels = levels[:n-1] // Apple Mail's
	} else if n > 1 && levels[n-1] == "#msgs" {
		levels = levels[:n-1] // Kerio's: messages of the folder that it stands in
	}
	for i, level := range levels {
		level = trimExt(trimExt(trimExt(level, mboxExt), ".sbd"), ".eml")
		levels[i] = decodeLevel(level)
	}
	return Folder{Name: folderName(levels...)}
}

// maildirMessage gives a message of a Maildir.
func (r *reader) maildirMessage(f file, dir, base string) error {
	folder := r.maildirFolder(dir)
	if err := r.tell(dir, folder); err != nil {
		return err
	}
	name := parseMaildirName(base)
	m := &Message{Folder: folder, Place: f.path, Flags: flagsOf(name.letters, r.keywords[dir]), Internal: name.date(f.modified)}
	if dir == r.courierKeys.dir {
		m.Flags = m.Flags.Union(mail.NewFlags(keywords(r.courierKeys.of[name.base])...))
	}
	if name.keys {
		words, err := r.keysFor(dir, name.base)
		if err != nil {
			return err
		}
		m.Flags = m.Flags.Union(mail.NewFlags(keywords(words)...))
	}
	return r.give(f, m, func() bool { return name.raw })
}

// keysFor finds the keywords that stand in a file of their own.
func (r *reader) keysFor(dir, base string) ([]string, error) {
	if r.keysOf == base {
		return r.keys, nil
	}
	if r.archive.lookup == nil {
		return nil, nil // the stream has lost them
	}
	text, err := r.archive.lookup(path.Join(dir, keysDir, base))
	return strings.Fields(string(text)), err
}

// give gives a message that is a file.
func (r *reader) give(f file, m *Message, raw func() bool) error {
	c, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	counted := io.Reader(c)
	if r.archive.lookup != nil && r.archive.total == 0 {
		counted = &counter{c, &r.archive.read} // a directory's: nobody else counts
	}
	r.body.reset(counted, raw)
	m.Body = r.body
	if !r.yield(m, nil) {
		return errEnough
	}
	return nil
}

// other takes a file that may be an mbox, or a message by itself.
func (r *reader) other(f file) error {
	c, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	counted := io.Reader(c)
	if r.archive.lookup != nil && r.archive.total == 0 {
		counted = &counter{c, &r.archive.read}
	}
	br := bufio.NewReaderSize(counted, mboxBuffer)
	head, err := br.Peek(tarBlock)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(head, "\r\n"), []byte("From ")):
		at, _ := c.(io.ReaderAt)
		return r.mbox(f, br, at)
	case strings.EqualFold(path.Ext(f.path), ".eml"):
		folder := r.mboxFolder(path.Dir(f.path))
		r.body.reset(br, func() bool { return false })
		if !r.yield(&Message{Folder: folder, Place: f.path, Body: r.body}, nil) {
			return errEnough
		}
	case len(head) == 0 && r.told[f.path]: // an empty folder of this package's
	}
	return nil
}

// mbox gives the messages of an mbox.
func (r *reader) mbox(f file, br *bufio.Reader, at io.ReaderAt) error {
	folder := r.mboxFolder(f.path)
	if err := r.tell(f.path, folder); err != nil {
		return err
	}
	box := newMboxReader(br, at, f.size)
	for number := 1; ; number++ {
		message, err := box.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		m := &Message{Folder: folder, Place: fmt.Sprintf("%s, message %d at byte %d", f.path, number, message.offset)}
		r.body.reset(message, func() bool { return message.own })
		m.Body = &mboxBody{m, message, r.body}
		if !r.yield(m, nil) {
			return errEnough
		}
	}
}

// mboxBody tells the Message at its end what the mbox said of it.
type mboxBody struct {
	to   *Message
	from *mboxMessage
	io.Reader
}

func (b *mboxBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.to.Flags, b.to.Internal, b.to.Gone = b.from.status.flags, b.from.Internal(), b.from.status.gone
	}
	return n, err
}
