package transfer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"
)

// ErrUnknown says that something is no archive of mail that Open knows.
var ErrUnknown = errors.New("this is not mail that can be read in: give an mbox file, a Maildir, a directory of these, or a .tar, .tar.gz or .zip of them")

// Archive is mail that another program, or another box, has written.
type Archive struct {
	files  func(context.Context) iter.Seq2[file, error]
	plain  io.Reader                         // the file itself, if OpenStream can read it; nil else
	lookup func(name string) ([]byte, error) // a small file by its path; nil in streams
	read   atomic.Int64
	total  int64 // bytes; 0: not known
	close  []func() error
	failed error // of reading a stream: what comes after is lost
}

// sticky notes in its archive that the stream broke off, which is not about the
// message alone that was being read.
type sticky struct {
	io.Reader
	archive *Archive
}

func (s *sticky) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.archive.failed = err
	}
	return n, err
}

// Open opens an archive by its path: an mbox file, a Maildir or Maildir++, a
// directory of any of these (Thunderbird's, mutt's, Apple's), a tar, tar.gz or
// zip of them, or a single message (.eml). ErrUnknown if it is none of them. The
// caller closes it.
func Open(name string) (*Archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openTree(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &Archive{total: info.Size(), close: []func() error{f.Close}}
	if err := a.sniff(f, filepath.Base(name), info); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// OpenStream reads an archive as it comes in: mbox, tar, or one of them with
// gzip around it. name is what the mail's folder is called where the archive
// itself doesn't say, as of an mbox.
func OpenStream(r io.Reader, name string) (*Archive, error) {
	a := &Archive{}
	return a, a.stream(&counter{r, &a.read}, name)
}

// Close closes what Open has opened.
func (a *Archive) Close() error {
	var errs []error
	for _, c := range a.close {
		errs = append(errs, c())
	}
	a.close = nil
	return errors.Join(errs...)
}

// Read is how many bytes have been read so far, of how many; total is 0 where it
// isn't known. Any goroutine may ask.
func (a *Archive) Read() (read, total int64) { return a.read.Load(), a.total }

// counter counts what is read.
type counter struct {
	io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func openTree(name string) (*Archive, error) {
	root, err := os.OpenRoot(name) // links don't lead out of it
	if err != nil {
		return nil, err
	}
	a := &Archive{close: []func() error{root.Close}}
	fsys := root.FS()
	a.files = func(ctx context.Context) iter.Seq2[file, error] {
		return (&tree{ctx, fsys}).files()
	}
	a.lookup = func(name string) ([]byte, error) {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read from
		return io.ReadAll(io.LimitReader(f, maxSidecar))
	}
	return a, nil
}

// The beginnings of files.
const (
	zipMagic  = "PK\x03\x04"
	zipEmpty  = "PK\x05\x06"
	gzipMagic = "\x1f\x8b"
	tarMagic  = "ustar" // at tarOffset
	tarOffset = 257
	tarBlock  = 512
)

// sniff finds out what a file is.
func (a *Archive) sniff(f *os.File, name string, info fs.FileInfo) error {
	head := make([]byte, tarBlock)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte(zipMagic)), bytes.HasPrefix(head, []byte(zipEmpty)):
		a.files = func(ctx context.Context) iter.Seq2[file, error] {
			return zipFiles(ctx, countedAt{f, &a.read}, info.Size())
		}
		return nil
	case bytes.HasPrefix(head, []byte("From ")) || n == 0 || filepath.Ext(name) == ".eml":
		if filepath.Ext(name) != ".eml" && n > 0 {
			a.plain = &counter{io.NewSectionReader(f, 0, info.Size()), &a.read}
		}
		opened := func() (io.ReadCloser, error) {
			return &wholeFile{counter{io.NewSectionReader(f, 0, info.Size()), &a.read}, f}, nil
		}
		a.files = func(context.Context) iter.Seq2[file, error] {
			return one(file{path: name, size: info.Size(), modified: info.ModTime(), open: opened})
		}
		a.lookup = func(string) ([]byte, error) { return os.ReadFile(f.Name() + sidecar) }
		return nil
	}
	a.plain = &counter{io.NewSectionReader(f, 0, info.Size()), &a.read}
	return a.stream(&counter{io.NewSectionReader(f, 0, info.Size()), &a.read}, name)
}

// wholeFile is an open file that is read from its beginning and can be looked
// into elsewhere.
type wholeFile struct {
	counter
	io.ReaderAt
}

func (*wholeFile) Close() error { return nil } // the Archive does

// countedAt counts what a zip reader reads.
type countedAt struct {
	io.ReaderAt
	n interface{ Add(int64) int64 }
}

func (c countedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

// stream finds out what a stream is. There may be gzip around it, once.
func (a *Archive) stream(r io.Reader, name string) error {
	br := bufio.NewReaderSize(&sticky{r, a}, mboxBuffer)
	if head, _ := br.Peek(len(gzipMagic)); string(head) == gzipMagic {
		z, err := gzip.NewReader(br)
		if err != nil {
			return fmt.Errorf("read gzip: %w", err)
		}
		br = bufio.NewReaderSize(&sticky{z, a}, mboxBuffer)
		name = trimExt(name, ".gz")
	}
	head, err := br.Peek(tarBlock)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the archive's beginning: %w", err)
	}
	switch {
	case len(head) == tarBlock && string(head[tarOffset:tarOffset+len(tarMagic)]) == tarMagic:
		a.files = func(ctx context.Context) iter.Seq2[file, error] { return tarFiles(ctx, br) }
	case bytes.HasPrefix(bytes.TrimLeft(head, "\r\n"), []byte("From ")):
		a.files = func(context.Context) iter.Seq2[file, error] {
			return one(file{path: name, open: func() (io.ReadCloser, error) { return io.NopCloser(br), nil }})
		}
	default:
		return ErrUnknown
	}
	return nil
}

func trimExt(name, ext string) string {
	if len(name) > len(ext) && name[len(name)-len(ext):] == ext {
		return name[:len(name)-len(ext)]
	}
	return name
}

func one(f file) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) { yield(f, nil) }
}
