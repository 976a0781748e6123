package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"
)

// Pack writes the archive as one stream that OpenStream reads: a file as it is,
// a directory or zip as tar with the files that hold mail.
func (a *Archive) Pack(ctx context.Context, w io.Writer) error {
	if a.plain != nil {
		_, err := io.Copy(w, &interrupted{ctx, a.plain})
		return err
	}
	to := newTarSink(w, false)
	for f, err := range a.files(ctx) {
		if err == nil {
			err = a.pack(to, f)
		}
		if err != nil {
			return fmt.Errorf("pack %s: %w", f.path, err)
		}
	}
	return to.close()
}

// interrupted is a reader that ends with a context.
type interrupted struct {
	ctx context.Context
	io.Reader
}

func (r *interrupted) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func (a *Archive) pack(to *tarSink, f file) error {
	if f.dir {
		return to.dir(f.path)
	}
	dir, base := path.Split(f.path)
	dir = path.Clean(dir)
	if isMessageDir(path.Base(dir)) && a.lookup != nil {
		if name := parseMaildirName(base); name.keys {
			sidecar := path.Join(path.Dir(dir), keysDir, name.base)
			text, err := a.lookup(sidecar)
			if err == nil {
				err = writeSmall(to, sidecar, text, f.modified)
			}
			if err != nil {
				return err
			}
		}
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	head := make([]byte, min(tarBlock, max(f.size, 0)))
	n, err := io.ReadFull(c, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	head = head[:n]
	holds := describes([]byte(base)) || isMessageDir(path.Base(dir)) || path.Base(dir) == keysDir || strings.EqualFold(path.Ext(base), ".eml") ||
		bytes.HasPrefix(bytes.TrimLeft(head, "\r\n"), []byte("From "))
	if !holds {
		return nil
	}
	// A file that another program is just writing to: as much of it as there was.
	content := io.LimitReader(io.MultiReader(bytes.NewReader(head), &counter{c, &a.read}), f.size)
	return to.file(f.path, f.size, f.modified, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// Unpack writes the files of a tar stream to a path that nothing is at yet, as
// Export does.
func Unpack(ctx context.Context, r io.Reader, name string) error {
	to, err := newFileSink(name)
	if err != nil {
		return err
	}
	return unpack(tarFiles(ctx, r), to)
}

// UnpackZip writes the files of a zip archive to a path that nothing is at yet.
func UnpackZip(ctx context.Context, r io.ReaderAt, size int64, name string) error {
	to, err := newFileSink(name)
	if err != nil {
		return err
	}
	return unpack(zipFiles(ctx, r, size), to)
}

func unpack(files iter.Seq2[file, error], to sink) error {
	for f, err := range files {
		if err == nil {
			err = unpackFile(f, to)
		}
		if err != nil {
			return errors.Join(err, to.close())
		}
	}
	return to.close()
}

func unpackFile(f file, to sink) error {
	if f.dir {
		return to.dir(f.path)
	}
	c, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	modified := f.modified
	if modified.IsZero() {
		modified = time.Unix(0, 0)
	}
	return to.file(f.path, f.size, modified, func(w io.Writer) error {
		_, err := io.Copy(w, c)
		return err
	})
}
