package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Format is the form in which messages are written.
type Format string

// The formats.
const (
	Maildir Format = "maildir" // Maildir++: a file for each message
	Mbox    Format = "mbox"    // mboxrd: a file for each folder
)

// maxFileName is the longest file name that is made, in bytes: file systems
// allow 255.
const maxFileName = 200

// layout names the files of folders.
type layout struct {
	format Format
	used   map[string]bool // names, in small letters: some file systems don't tell these apart
}

// place is the directory of a Maildir folder, or the mbox file. Where the name
// is too long or taken it is cut, and a part of its hash behind a "~" tells it
// from others; folderNote has the whole name.
func (l *layout) place(folder string) string {
	levels := strings.Split(folder, string(mail.Delimiter))
	for i := range levels {
		levels[i] = escape(levels[i])
	}
	var name string
	if l.format == Maildir {
		if folder == mail.Inbox {
			return "."
		}
		name = "." + l.fit(strings.Join(levels, "."), folder, false)
	} else {
		for i := range levels {
			levels[i] = l.fit(levels[i], folder, false)
		}
		name = path.Join(levels...) + mboxExt
	}
	if l.used[strings.ToLower(name)] {
		base, ext := name, ""
		if l.format == Mbox {
			base, ext = strings.TrimSuffix(name, mboxExt), mboxExt
		}
		dir, last := path.Split(base)
		name = dir + l.fit(last, folder, true) + ext
	}
	l.used[strings.ToLower(name)] = true
	return name
}

// fit shortens a file name that is too long, or makes it another.
func (l *layout) fit(name, folder string, other bool) string {
	if len(name) <= maxFileName && !other {
		return name
	}
	sum := sha256.Sum256([]byte(folder))
	return cutText(name, maxFileName-9) + "~" + hex.EncodeToString(sum[:4])
}

// folderWriter writes the messages of one folder.
type folderWriter interface {
	message(row mail.Row, s survey, body io.Reader) error
	close() error
}

// open begins a folder.
func (l *layout) open(to sink, box mail.Mailbox, now time.Time) (folderWriter, error) {
	note, err := json.Marshal(folderNote{Version: folderVersion, Name: box.Name, Role: roleName(box.Role), Subscribed: box.Subscribed})
	if err != nil {
		return nil, err
	}
	note = append(note, '\n')
	name := l.place(box.Name)
	if l.format == Mbox {
		if err := writeSmall(to, name+sidecar, note, now); err != nil {
			return nil, err
		}
		return newMboxFolder(to, name, now), nil
	}
	// First what the folder is, for readers of a stream.
	if err := writeSmall(to, path.Join(name, folderFile), note, now); err != nil {
		return nil, err
	}
	for _, dir := range []string{"cur", "new", "tmp"} {
		if err := to.dir(path.Join(name, dir)); err != nil {
			return nil, err
		}
	}
	if name != "." {
		// Maildir++ marks its folders so, for programs that deliver.
		if err := writeSmall(to, path.Join(name, "maildirfolder"), nil, now); err != nil {
			return nil, err
		}
	}
	return &maildirFolder{to: to, name: name, now: now}, nil
}

func writeSmall(to sink, name string, text []byte, now time.Time) error {
	return to.file(name, int64(len(text)), now, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// maildirFolder writes a Maildir.
type maildirFolder struct {
	to      sink
	name    string
	now     time.Time
	letters []string // keywords that have one
}

func (m *maildirFolder) message(row mail.Row, s survey, body io.Reader) error {
	letters, rest, err := m.flags(row.Flags)
	if err != nil {
		return err
	}
	base, name := ownMaildirName(row, s.bareLF, len(rest) > 0, letters)
	if len(rest) > 0 {
		if err := writeSmall(m.to, path.Join(m.name, keysDir, base), []byte(strings.Join(rest, "\n")+"\n"), m.now); err != nil {
			return err
		}
	}
	return m.to.file(path.Join(m.name, "cur", name), s.size, row.Internal, func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// flags gives the letters, and the keywords for which there are none left. The
// file that tells what letters mean is written before the first message that
// needs them, for readers of a stream.
func (m *maildirFolder) flags(f mail.Flags) (letters string, rest []string, err error) {
	var words []byte
	fresh := false
	for _, k := range f.Keywords {
		if strings.EqualFold(k, forwarded) {
			continue // P
		}
		i := slices.IndexFunc(m.letters, func(l string) bool { return strings.EqualFold(l, k) })
		if i < 0 && len(m.letters) < maxLetters {
			i, fresh = len(m.letters), true
			m.letters = append(m.letters, k)
		}
		if i < 0 {
			rest = append(rest, k)
			continue
		}
		words = append(words, byte('a'+i))
	}
	slices.Sort(words)
	if fresh {
		var b bytes.Buffer
		for i, l := range m.letters {
			fmt.Fprintf(&b, "%d %s\n", i, l)
		}
		err = writeSmall(m.to, path.Join(m.name, keywordsFile), b.Bytes(), m.now)
	}
	return systemLetters(f) + string(words), rest, err
}

func (m *maildirFolder) close() error { return nil }

// mboxFolder writes an mbox. A sink takes a file by calling for its content, so
// that the folder is written by a goroutine of its own, into a pipe.
type mboxFolder struct {
	pipe *io.PipeWriter
	w    *bufio.Writer
	done chan error
}

func newMboxFolder(to sink, name string, now time.Time) *mboxFolder {
	r, w := io.Pipe()
	m := &mboxFolder{pipe: w, w: bufio.NewWriterSize(w, mboxBuffer), done: make(chan error, 1)}
	go func() {
		err := to.file(name, -1, now, func(out io.Writer) error {
			_, err := io.Copy(out, r)
			return err
		})
		_ = r.CloseWithError(err) // whoever writes learns of it
		m.done <- err
	}()
	return m
}

func (m *mboxFolder) message(row mail.Row, s survey, body io.Reader) error {
	return writeMbox(m.w, row, s, body)
}

func (m *mboxFolder) close() error {
	err := m.w.Flush()
	_ = m.pipe.CloseWithError(err) // nil is the end of the file
	if failed := <-m.done; failed != nil {
		return failed
	}
	return err
}
