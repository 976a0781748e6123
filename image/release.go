package image

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aead.dev/minisign"
)

// Release is what people download. All stand beside the image.
type Release struct {
	Compressed string // the disk image with gzip, which flashing tools read as it is
	Sums       string // SHA-256 of it and of the update, as sha256sum writes and checks them
	Signature  string // minisign's, of the sums
}

// Release writes what people download of a build. The same build gives the same bytes.
func (r *Result) Release(keys Keys, built time.Time) (Release, error) {
	out := Release{Compressed: r.Image + ".gz", Sums: r.Image + ".sha256"}
	out.Signature = out.Sums + ".minisig"
	if err := compress(out.Compressed, r.Image); err != nil {
		return out, fmt.Errorf("release: %w", err)
	}
	var sums bytes.Buffer
	for _, name := range []string{out.Compressed, r.Update} {
		sum, err := sumOf(name)
		if err != nil {
			return out, fmt.Errorf("release: %w", err)
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, filepath.Base(name))
	}
	if err := replace(out.Sums, sums.Bytes()); err != nil {
		return out, fmt.Errorf("release: %w", err)
	}
	trusted := fmt.Sprintf("timestamp:%d\tfile:%s", built.Unix(), filepath.Base(out.Sums))
	signature := minisign.SignWithComments(keys.Sign, sums.Bytes(), trusted, "signature of "+filepath.Base(out.Sums))
	if err := replace(out.Signature, signature); err != nil {
		return out, fmt.Errorf("release: %w", err)
	}
	return out, nil
}

// compress writes a file with gzip, without its name and time.
func compress(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	temp := to + ".new"
	out, err := os.Create(temp)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err := errors.Join(err, z.Close(), out.Close()); err != nil {
		_ = os.Remove(temp) // the next build writes it anew
		return err
	}
	return os.Rename(temp, to)
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
