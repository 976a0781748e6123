package update

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"aead.dev/minisign"
)

// Names of the first two files of a bundle.
const (
	manifestFile  = "manifest.json"
	signatureFile = "manifest.json.minisig"
)

// Bundle is an update whose manifest is signed by a key of the box. Its kernel image has not been read yet.
type Bundle struct {
	Manifest Manifest
	Key      Key
	kernel   *tar.Reader
}

// Open reads the beginning of a bundle and checks the signature. Nothing of what it says counts before that.
func Open(r io.Reader, keys []Key) (*Bundle, error) {
	in := tar.NewReader(io.LimitReader(r, MaxKernel+1<<20))
	text, err := readMember(in, manifestFile)
	if err != nil {
		return nil, unreadable(err)
	}
	signature, err := readMember(in, signatureFile)
	if err != nil {
		return nil, unreadable(err)
	}
	key, err := verify(keys, text, signature)
	if err != nil {
		return nil, &Error{Reason: Unsigned, Text: "This update isn't signed by anybody this box trusts. Get it from where the box came from.", Err: err}
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, unreadable(err)
	}
	if m.Development != key.Development {
		return nil, unreadable(fmt.Errorf("a manifest with development=%v is signed by key %q", m.Development, key.Name))
	}
	h, err := in.Next()
	if err != nil {
		return nil, unreadable(err)
	}
	if h.Name != m.File || h.Size != m.Size {
		return nil, unreadable(fmt.Errorf("%s of %d bytes instead of the kernel image", h.Name, h.Size))
	}
	return &Bundle{Manifest: *m, Key: key, kernel: in}, nil
}

func unreadable(err error) error {
	return &Error{Reason: Unreadable, Text: "This file isn't an update of this box, or it is damaged. Download it again.", Err: err}
}

// readMember reads a small file of the archive, which must be the next one.
func readMember(in *tar.Reader, name string) ([]byte, error) {
	h, err := in.Next()
	if err != nil {
		return nil, err
	}
	if h.Name != name || h.Typeflag != tar.TypeReg || h.Size > maxManifest {
		return nil, fmt.Errorf("%q of %d bytes instead of %s", h.Name, h.Size, name)
	}
	return io.ReadAll(in)
}

// copyKernel writes the kernel image to w. It fails unless the bytes are those that were signed.
func (b *Bundle) copyKernel(w io.Writer) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, sum), b.kernel); err != nil {
		return err
	}
	return b.Manifest.checkSum(sum)
}

// errSum is the cause when bytes are not those of the manifest.
var errSum = errors.New("the SHA-256 is not the manifest's")

func (m *Manifest) checkSum(sum hash.Hash) error {
	if hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
		return errSum
	}
	return nil
}

// Create writes a bundle: it fills in what m says of the kernel image, and signs. The signature's time is the
// image's, so that the same image makes the same bundle.
func Create(w io.Writer, m Manifest, kernel []byte, key minisign.PrivateKey, built time.Time) error {
	sum := sha256.Sum256(kernel)
	m.Format, m.File, m.Size, m.SHA256 = Format, FileName(m.Version), int64(len(kernel)), hex.EncodeToString(sum[:])
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if _, err := parseManifest(text); err != nil {
		return err
	}
	trusted := fmt.Sprintf("timestamp:%d\tfile:%s", built.Unix(), m.File)
	signature := minisign.SignWithComments(key, text, trusted, "signature of "+manifestFile+" of "+m.Name+" "+string(m.Version))
	out := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{manifestFile, text}, {signatureFile, signature}, {m.File, kernel}} {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data)), Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(f.data); err != nil {
			return err
		}
	}
	return out.Close()
}
