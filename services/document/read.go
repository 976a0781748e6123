package document

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/sanduk-mail/sanduk/services/message"
)

// Bounds of what is read of a document.
const (
	// maxDocument is the largest one that is opened, in bytes: it is held in memory.
	maxDocument = 8 << 20
	// maxMembers is how many files of its archive are looked at, maxMember how much
	// is unpacked of one: the text of a book.
	maxMembers = 200
	maxMember  = 4 << 20
	// maxDirectory is how many entries the directory of an archive may have: each
	// takes some 500 bytes when it is read, and a hostile one has one in 46 bytes.
	// Real documents have some hundred.
	maxDirectory = 5000
)

// ErrUnreadable says that a document is too large, damaged, or locked with a password.
// What was read of it before counts.
var ErrUnreadable = errors.New("document: it can't be read")

// Sink takes a document's text, in UTF-8 as far as the document is right.
type Sink interface {
	// Text takes the next piece. A word may go on from one piece to the next.
	Text(piece []byte)
	// End says that the next piece has nothing to do with the last.
	End()
	// Full says that no more is wanted.
	Full() bool
}

// wanted says whether a file of an archive holds text of a document: of Word, Excel,
// PowerPoint, OpenDocument. An archive that is none of these seldom has such names, and
// its text may be looked at as well.
func wanted(name string) bool {
	name = strings.ToLower(name) // names of parts are the same in either case (ECMA-376 part 2 §6.2.2.3)
	within := func(prefix string) bool { return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".xml") }
	switch name {
	case "word/document.xml", "word/footnotes.xml", "word/endnotes.xml", "word/comments.xml", "word/glossary/document.xml", sharedStrings,
		"content.xml", "styles.xml":
		return true
	}
	return strings.HasSuffix(name, "/content.xml") || within("xl/drawings/drawing") || within("xl/threadedcomments/") || within("ppt/comments/") ||
		within("word/header") || within("word/footer") || within(worksheets) || within("xl/comments") ||
		within("ppt/slides/slide") || within("ppt/notesslides/notesslide")
}

// A workbook has its cells in worksheets, and texts that several of them have in one
// place, by number.
const (
	worksheets    = "xl/worksheets/"
	sharedStrings = "xl/sharedstrings.xml" // in small letters
)

// What the files of documents begin with: an archive, or (before 2007, and with a
// password) a compound file.
const (
	magicArchive  = "PK\x03\x04"
	magicCompound = "\xd0\xcf\x11\xe0"
)

// Read gives a document's text to the sink, up to left bytes of XML, and says how many
// it has read; of a part that is no document it reads nothing. What a part is its first
// bytes say: names and types are the sender's word. m holds the message. The error is
// [ErrUnreadable], that of ctx, or that of reading the message.
func Read(ctx context.Context, p *message.Part, m io.ReaderAt, left int64, to Sink) (int64, error) {
	if len(p.Children) > 0 || p.Message != nil {
		return 0, nil
	}
	head, err := first(p, m)
	switch {
	case err != nil:
		return 0, err
	case strings.HasPrefix(head, magicCompound):
		return 0, ErrUnreadable
	case !strings.HasPrefix(head, magicArchive) || left <= 0:
		return 0, nil
	}
	archive, err := open(p, m)
	if errors.Is(err, ErrUnreadable) && !isDocument(p.Filename(), head) {
		return 0, nil // photos, say: too many of them, or damaged
	}
	if err != nil {
		return 0, err
	}
	var files []*zip.File
	for _, f := range archive.File {
		if wanted(f.Name) {
			files = append(files, f)
		}
	}
	if len(files) == 0 && isDocument(p.Filename(), head) {
		return 0, ErrUnreadable // kept in another way, as .xlsb is
	}
	total, unread := int64(0), error(nil)
	for i, f := range files {
		if i >= maxMembers || total >= left && f.UncompressedSize64 > 0 {
			return total, ErrUnreadable
		}
		if to.Full() {
			break
		}
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := unpack(f, min(maxMember, left-total), to)
		if total += n; err != nil {
			unread = ErrUnreadable
		}
	}
	return total, unread
}

// isDocument says whether an archive that can't be read is a document, by its name or by
// that of its first file.
func isDocument(name, head string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".docx", ".docm", ".dotx", ".dotm", ".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb", ".pptx", ".pptm", ".potx", ".ppsx", ".odt", ".ods", ".odp", ".ott", ".ots", ".otp":
		return true
	}
	const nameAt = 30 // of a file in a ZIP archive
	if len(head) < nameAt {
		return false
	}
	for _, begins := range []string{"[Content_Types].xml", "mimetype", "_rels/", "docProps/", "word/", "xl/", "ppt/"} {
		if strings.HasPrefix(head[nameAt:], begins) {
			return true
		}
	}
	return false
}

// headSize has the header of an archive's first file, and its name.
const headSize = 64

// first is what a part begins with.
func first(p *message.Part, m io.ReaderAt) (string, error) {
	r, err := message.NewBodyReader(p, m)
	if err != nil {
		return "", nil // its encoding is not known: nobody can read it
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	return string(head[:n]), nil
}

// open reads a document's archive into memory.
func open(p *message.Part, m io.ReaderAt) (*zip.Reader, error) {
	if p.BodyLen > maxDocument*3/2 {
		return nil, ErrUnreadable
	}
	r, err := message.NewBodyReader(p, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, err // of the disk
	}
	if len(raw) > maxDocument || bytes.Count(raw, []byte("PK\x01\x02")) > maxDirectory {
		return nil, ErrUnreadable
	}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return archive, nil
}

// unpack gives the text of one file, as much of it as most allows and can be read.
func unpack(f *zip.File, most int64, to Sink) (int64, error) {
	x, err := f.Open()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(&xmlText{to: to, sheet: strings.HasPrefix(strings.ToLower(f.Name), worksheets)}, io.LimitReader(x, most))
	to.End()
	if err == nil {
		if more, _ := x.Read(make([]byte, 1)); more > 0 {
			err = ErrUnreadable // in part
		}
	}
	return n, errors.Join(err, x.Close())
}
