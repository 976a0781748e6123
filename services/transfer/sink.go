package transfer

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sink is where the files of an archive are written.
type sink interface {
	// dir makes an empty directory; those above a file are made with it.
	dir(name string) error
	// file writes one file. size is what write is going to write, -1 if that
	// isn't known.
	file(name string, size int64, modified time.Time, write func(io.Writer) error) error
	close() error
}

// errSize says that a sink needs to know the size of a file first.
var errSize = errors.New("a tar archive can't hold mbox files, whose size is not known beforehand: use a .zip or a directory")

// dirSink writes into a directory.
type dirSink struct {
	root *os.Root
	made map[string]bool
}

func newDirSink(name string) (*dirSink, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(name) // whatever a folder is called, nothing is written outside
	if err != nil {
		return nil, err
	}
	return &dirSink{root: root, made: map[string]bool{".": true}}, nil
}

func (d *dirSink) dir(name string) error {
	if d.made[name] {
		return nil
	}
	d.made[name] = true
	return d.root.MkdirAll(filepath.FromSlash(name), 0o700)
}

func (d *dirSink) file(name string, _ int64, modified time.Time, write func(io.Writer) error) error {
	name = filepath.FromSlash(name)
	if err := d.dir(filepath.Dir(name)); err != nil {
		return err
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		// Half a message must not pass for a whole one.
		return errors.Join(err, d.root.Remove(name))
	}
	return d.root.Chtimes(name, modified, modified)
}

func (d *dirSink) close() error { return d.root.Close() }

// tarSink writes a tar stream, with gzip around it or not.
type tarSink struct {
	t    *tar.Writer
	zip  *gzip.Writer // nil without
	made map[string]bool
}

func newTarSink(w io.Writer, compressed bool) *tarSink {
	s := &tarSink{made: map[string]bool{}}
	if compressed {
		s.zip = gzip.NewWriter(w)
		w = s.zip
	}
	s.t = tar.NewWriter(w)
	return s
}

func (s *tarSink) dir(name string) error {
	if s.made[name] {
		return nil
	}
	s.made[name] = true
	return s.t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o700, Format: tar.FormatPAX})
}

func (s *tarSink) file(name string, size int64, modified time.Time, write func(io.Writer) error) error {
	if size < 0 {
		return errSize
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size, ModTime: modified, Format: tar.FormatPAX}
	if err := s.t.WriteHeader(h); err != nil {
		return err
	}
	if err := write(s.t); err != nil {
		return err
	}
	return s.t.Flush()
}

func (s *tarSink) close() error {
	err := s.t.Close()
	if s.zip != nil {
		err = errors.Join(err, s.zip.Close())
	}
	return err
}

// zipSink writes a zip archive.
type zipSink struct{ z *zip.Writer }

func (s zipSink) dir(name string) error {
	_, err := s.z.Create(name + "/")
	return err
}

func (s zipSink) file(name string, _ int64, modified time.Time, write func(io.Writer) error) error {
	w, err := s.z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: modified})
	if err != nil {
		return err
	}
	return write(w)
}

func (s zipSink) close() error { return s.z.Close() }

// fileSink is a sink that writes into one new file.
type fileSink struct {
	sink
	buffer *bufio.Writer
	f      *os.File
}

func (s *fileSink) close() error {
	return errors.Join(s.sink.close(), s.buffer.Flush(), s.f.Sync(), s.f.Close())
}

// ErrTaken says that something is already where an export was to be written.
var ErrTaken = errors.New("is there already, and nothing is written over: name a directory or file that is new")

// newFileSink decides by the name what to write: a directory, .tar, .tar.gz,
// .tgz or .zip. It writes over nothing.
func newFileSink(name string) (sink, error) {
	kind := ""
	for _, ext := range []string{".tar", ".tar.gz", ".tgz", ".zip"} {
		if strings.HasSuffix(name, ext) {
			kind = ext
		}
	}
	if kind == "" {
		entries, err := os.ReadDir(name)
		switch {
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return nil, err
		case len(entries) > 0:
			return nil, fmt.Errorf("%s %w", name, ErrTaken)
		}
		return newDirSink(name)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s %w", name, ErrTaken)
	}
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	s := &fileSink{buffer: w, f: f}
	if kind == ".zip" {
		s.sink = zipSink{zip.NewWriter(w)}
	} else {
		s.sink = newTarSink(w, kind != ".tar")
	}
	return s, nil
}
